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
use std::sync::atomic::{AtomicU8, Ordering};

use nix::sys::memfd::{self, MFdFlags};
use nix::sys::mman::{self, MapFlags, ProtFlags};
use nix::sys::stat;
use nix::unistd;

/// How many trees there can be: a byte each, one page.
pub const TREES: usize = 4096;

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
        unistd::ftruncate(&fd, TREES as libc::off_t)?;
        Self::map(fd)
    }

    /// Maps the page behind a descriptor that came from [`Running::fd`].
    ///
    /// # Errors
    /// Not such a page.
    pub fn map(fd: OwnedFd) -> io::Result<Self> {
        if usize::try_from(stat::fstat(&fd)?.st_size) != Ok(TREES) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not the page of running trees"));
        }
        let length = NonZeroUsize::new(TREES).ok_or(io::ErrorKind::InvalidInput)?;
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping at a place of the kernel's choosing replaces none; the file was
        // seen to be TREES long and nobody shrinks it, so no access past its end can fault.
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

    fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: `map` mapped TREES bytes there, mapped until drop; any byte is a valid AtomicU8,
        // and both processes reach them through atomics only.
        unsafe { std::slice::from_raw_parts(self.page.as_ptr(), TREES) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, TREES long, and no borrow of it outlives the value.
        let _ = unsafe { mman::munmap(self.page.cast(), TREES) };
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
        assert_eq!(theirs.trees().collect::<Vec<_>>(), [0, TREES - 1]);
    }
}
