//! Which numbered trees are running, in memory that the agent and its zygote share.
//!
//! The agent marks a tree before it asks for the command and clears it when the command has ended.
//! When the agent dies, however it dies, the zygote reads here which trees nobody times out any
//! more; a message could be lost with the agent, a store cannot.

#![expect(unsafe_code, reason = "a shared mapping")]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use nix::sys::memfd::{self, MFdFlags};
use nix::sys::mman::{self, MapFlags, ProtFlags};
use nix::sys::stat;
use nix::unistd;

/// The page: a byte for each tree, a word for the latest launch, and two for each of the last processes.
const PAGE: usize = 4096;
/// Processes that are noted: more than a zygote makes before it answers.
const NOTED: usize = 64;
/// The words behind the bytes.
const WORDS: usize = 1 + 2 * NOTED;
/// How many trees there can be.
pub const TREES: usize = PAGE - WORDS * size_of::<u64>();

/// The shared page. The descriptor lets a zygote map the same one.
#[derive(Debug)]
pub struct Running {
    page: NonNull<AtomicU8>,
    fd: OwnedFd,
    /// Of this side, which is the zygote if it makes any.
    attempts: AtomicUsize,
}

/// What came of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// It is not noted, or not any more.
    Unknown,
    /// No process was made.
    NotMade,
    /// This one was.
    Made(i32),
}

// SAFETY: the page stays mapped as long as the value lives and is reached through atomics alone.
unsafe impl Send for Running {}
// SAFETY: the same.
unsafe impl Sync for Running {}

impl Running {
    /// A new page, no tree running.
    ///
    /// # Errors
    /// No memory or descriptor left.
    pub fn create() -> io::Result<Self> {
        let fd = memfd::memfd_create(c"basicagent-running", MFdFlags::MFD_CLOEXEC)?;
        unistd::ftruncate(&fd, PAGE as libc::off_t)?;
        Self::map(fd)
    }

    /// Maps the page behind a descriptor that came from [`Running::fd`].
    ///
    /// # Errors
    /// Not such a page.
    pub fn map(fd: OwnedFd) -> io::Result<Self> {
        if usize::try_from(stat::fstat(&fd)?.st_size) != Ok(PAGE) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not the page of running trees"));
        }
        let length = NonZeroUsize::new(PAGE).ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choosing replaces none; the file was
        // seen to be PAGE long and nobody shrinks it, so no access past its end can fault.
        let page = unsafe { mman::mmap(None, length, access, MapFlags::MAP_SHARED, &fd, 0) }?;
        Ok(Self { page: page.cast(), fd, attempts: AtomicUsize::new(0) })
    }

    /// The descriptor to hand to a zygote.
    #[must_use]
    pub fn fd(&self) -> impl AsFd {
        &self.fd
    }

    /// Says whether a tree runs. A number of [`TREES`] or more is ignored.
    pub fn set(&self, tree: usize, running: bool) {
        if let Some(byte) = self.bytes().get(tree) {
            byte.store(u8::from(running), Ordering::SeqCst);
        }
    }

    /// The numbers of the running trees.
    pub fn trees(&self) -> impl Iterator<Item = usize> {
        let running = |byte: &AtomicU8| byte.load(Ordering::SeqCst) != 0;
        self.bytes().iter().enumerate().filter(move |(_, byte)| running(byte)).map(|(tree, _)| tree)
    }

    /// Forgets what earlier zygotes have noted. Before a zygote attempts anything.
    pub fn forget_attempts(&self) {
        (0..WORDS).for_each(|index| self.word(index).store(0, Ordering::SeqCst));
    }

    /// The zygote's note, right before it clones for a launch: from here on it may have begun. What comes back is where
    /// the kernel is to put the number of the process (`CLONE_PARENT_SETTID`), so that no kill comes in between.
    pub fn attempt(&self, launch: u64) -> &AtomicI32 {
        let (number, process) = self.place(self.attempts.fetch_add(1, Ordering::Relaxed));
        process.store(0, Ordering::SeqCst);
        number.store(launch, Ordering::SeqCst);
        self.word(0).store(launch, Ordering::SeqCst);
        process
    }

    /// What came of a launch that was attempted, if it was among the last: for the agent, whose child the process is,
    /// where the zygote died before it could answer.
    #[must_use]
    pub fn attempted_process(&self, launch: u64) -> Attempt {
        let mut places = (0..NOTED).map(|at| self.place(at));
        match places.find(|(number, _)| number.load(Ordering::SeqCst) == launch) {
            None => Attempt::Unknown,
            Some((_, process)) => match process.load(Ordering::SeqCst) {
                0 => Attempt::NotMade,
                pid => Attempt::Made(pid),
            },
        }
    }

    /// The launch that was attempted last. One that never was can be given to another zygote.
    #[must_use]
    pub fn attempted(&self) -> u64 {
        self.word(0).load(Ordering::SeqCst)
    }

    /// Where the number of a launch and its process are noted.
    fn place(&self, attempt: usize) -> (&AtomicU64, &AtomicI32) {
        let at = 1 + 2 * (attempt % NOTED);
        let process = NonNull::from(self.word(at + 1)).cast();
        // SAFETY: the first four of the word's eight bytes, mapped and aligned as it is; nobody reaches this
        // word but through here, as an atomic of this size.
        (self.word(at), unsafe { process.as_ref() })
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        let offset = TREES + index.min(WORDS - 1) * size_of::<u64>();
        // SAFETY: that is within the PAGE bytes that `map` mapped.
        let word = unsafe { self.page.add(offset) }.cast();
        // SAFETY: it has eight bytes left to the end of the page and is aligned, since the page is
        // and the offset is a multiple of eight; both processes reach it through this atomic only.
        unsafe { word.as_ref() }
    }

    fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: `map` mapped PAGE bytes there, which is more, mapped until drop; any byte is a valid AtomicU8,
        // and both processes reach them through atomics only.
        unsafe { std::slice::from_raw_parts(self.page.as_ptr(), TREES) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, PAGE long, and no borrow of it outlives the value.
        let _ = unsafe { mman::munmap(self.page.cast(), PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_marks_the_other_sees() {
        let ours = Running::create().unwrap();
        let theirs = Running::map(ours.fd().as_fd().try_clone_to_owned().unwrap()).unwrap();
        for tree in [0, 7, TREES - 1, TREES] {
            ours.set(tree, true);
        }
        ours.set(7, false);
        theirs.attempt(u64::MAX - 1);
        assert_eq!(theirs.trees().collect::<Vec<_>>(), [0, TREES - 1]);
        assert_eq!(ours.attempted(), u64::MAX - 1);
        for launch in 1_i32..=68 {
            let process = theirs.attempt(u64::from(launch.unsigned_abs()));
            process.store(if launch == 67 { 0 } else { 100 + launch }, Ordering::SeqCst);
        }
        let attempts = [4, 5, 67, 68, 69].map(|launch| ours.attempted_process(launch));
        use Attempt::{Made, NotMade, Unknown};
        assert_eq!(attempts, [Unknown, Made(105), NotMade, Made(168), Unknown]);
        theirs.forget_attempts();
        assert_eq!((ours.attempted(), ours.attempted_process(68)), (0, Unknown));
        assert_eq!(theirs.trees().collect::<Vec<_>>(), [0, TREES - 1]);
    }
}
