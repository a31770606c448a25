//! The numbers of the running trees, in memory that the agent and its zygote share.
//!
//! The agent marks a tree before it sends the launch and clears it when the command ended. When the
//! agent dies, in whatever way, the zygote reads here which trees nobody times out any more: a
//! message could be lost with the agent, a store to memory cannot.

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

/// The page: a byte for each tree, a word for the latest launch, and two words for each of the last
/// processes.
const PAGE: usize = 4096;
/// Processes that are noted: more than a zygote makes before it replies.
const NOTED: usize = 64;
/// The words behind the bytes.
const WORDS: usize = 1 + 2 * NOTED;
/// The highest number of trees.
pub const TREES: usize = PAGE - WORDS * size_of::<u64>();

/// The shared page. The descriptor lets a zygote map the same one.
#[derive(Debug)]
pub struct Running {
    page: NonNull<AtomicU8>,
    fd: OwnedFd,
    /// Attempts of this side; only the zygote makes any.
    attempts: AtomicUsize,
}

/// The result of a launch, as the zygote noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// There is no note, or no longer.
    Unknown,
    /// No process was made.
    NotMade,
    /// This process was made.
    Made(i32),
}

// SAFETY: the page stays mapped as long as the value lives and is reached through atomics alone.
unsafe impl Send for Running {}
// SAFETY: the same.
unsafe impl Sync for Running {}

impl Running {
    /// Creates a page without running trees.
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
    /// It is no such page.
    pub fn map(fd: OwnedFd) -> io::Result<Self> {
        if usize::try_from(stat::fstat(&fd)?.st_size) != Ok(PAGE) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the shared page of running trees has a wrong size",
            ));
        }
        let length = NonZeroUsize::new(PAGE).ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choosing replaces none; the file was
        // seen to be PAGE long and nobody shrinks it, so no access past its end can fault.
        let page = unsafe { mman::mmap(None, length, access, MapFlags::MAP_SHARED, &fd, 0) }?;
        Ok(Self { page: page.cast(), fd, attempts: AtomicUsize::new(0) })
    }

    /// Returns the descriptor to send to a zygote.
    #[must_use]
    pub fn fd(&self) -> impl AsFd {
        &self.fd
    }

    /// Sets whether a tree runs. Ignores a number of [`TREES`] or more.
    pub fn set(&self, tree: usize, running: bool) {
        if let Some(byte) = self.bytes().get(tree) {
            byte.store(u8::from(running), Ordering::SeqCst);
        }
    }

    /// Returns the numbers of the running trees.
    pub fn trees(&self) -> impl Iterator<Item = usize> {
        let running = |byte: &AtomicU8| byte.load(Ordering::SeqCst) != 0;
        self.bytes().iter().enumerate().filter(move |(_, byte)| running(byte)).map(|(tree, _)| tree)
    }

    /// Clears the notes of earlier zygotes. A zygote calls it before its first attempt.
    pub fn forget_attempts(&self) {
        (0..WORDS).for_each(|index| self.word(index).store(0, Ordering::SeqCst));
    }

    /// Notes a launch right before the zygote clones for it: from here on it may have begun.
    /// Returns the place where the kernel puts the process's number (`CLONE_PARENT_SETTID`), so
    /// that no kill can come in between.
    pub fn attempt(&self, launch: u64) -> &AtomicI32 {
        let (number, process) = self.place(self.attempts.fetch_add(1, Ordering::Relaxed));
        process.store(0, Ordering::SeqCst);
        number.store(launch, Ordering::SeqCst);
        self.word(0).store(launch, Ordering::SeqCst);
        process
    }

    /// Returns the result of a launch, if it was among the last attempts: for the agent, whose
    /// child the process is, when the zygote died before it replied.
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

    /// Returns the last launch that was attempted. A later launch can go to another zygote.
    #[must_use]
    pub fn attempted(&self) -> u64 {
        self.word(0).load(Ordering::SeqCst)
    }

    /// Returns the places for the number of a launch and its process.
    fn place(&self, attempt: usize) -> (&AtomicU64, &AtomicI32) {
        let at = 1 + 2 * (attempt % NOTED);
        let process = NonNull::from(self.word(at + 1)).cast();
        // SAFETY: the first four of the word's eight bytes, mapped and aligned as it is; nobody
        // reaches this word but through here, as an atomic of this size.
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
        // SAFETY: `map` mapped PAGE bytes there, which is more, mapped until drop; any byte is a
        // valid AtomicU8, and both processes reach them through atomics only.
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
    fn each_side_sees_the_marks_of_the_other() {
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
