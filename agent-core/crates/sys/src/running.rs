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
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use nix::sys::memfd::{self, MFdFlags};
use nix::sys::mman::{self, MapFlags, ProtFlags};
use nix::sys::stat;
use nix::unistd;

/// The page: a byte for each tree, and a word for the latest launch.
const PAGE: usize = 4096;
/// How many trees there can be.
pub const TREES: usize = PAGE - size_of::<u64>();

/// The shared page. The descriptor lets a zygote map the same one.
#[derive(Debug)]
pub struct Running {
    page: NonNull<AtomicU8>,
    fd: OwnedFd,
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
        Ok(Self { page: page.cast(), fd })
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

    /// The zygote's note, right before it clones for a launch: from here on it may have begun.
    pub fn attempt(&self, launch: u64) {
        self.word().store(launch, Ordering::SeqCst);
    }

    /// The launch that was attempted last. One that never was can be given to another zygote.
    #[must_use]
    pub fn attempted(&self) -> u64 {
        self.word().load(Ordering::SeqCst)
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: TREES is within the PAGE bytes that `map` mapped.
        let word = unsafe { self.page.add(TREES) }.cast();
        // SAFETY: it has eight bytes left to the end of the page and is aligned, since the page is
        // and TREES is a multiple of eight; both processes reach it through this atomic only.
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
    }
}
