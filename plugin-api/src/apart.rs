//! Questions to file systems that may never answer, asked in a process of their own (feature
//! `apart`).
//!
//! A thread that waits for a dead network share or a hanging FUSE server cannot be stopped, and no
//! process can end while a thread of it waits. So [`statfs`] forks a child that asks, and leaves it
//! behind if it does not answer. The child holds nothing of its parent's: no descriptor but the one
//! for the answer, no working directory, no terminal. The parent can end, and whoever reads its
//! output sees the end of it.
#![expect(unsafe_code, reason = "fork(2), and what its child may call, have no safe form")]

use std::ffi::{CStr, CString, c_int};
use std::io::{self, ErrorKind, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most children that are left behind; then no other file system is asked.
const MAX_LEFT: usize = 32;

/// The highest descriptor that a child closes one by one, where the kernel cannot close all at once
/// (Linux before 5.9).
const MAX_CLOSED: c_int = 1 << 16;

/// The words of an answer: the error's number, then the fields of [`FileSystem`].
const WORDS: usize = 7;

/// The children that were left behind, each with the path that it waits for.
static LEFT: Mutex<Vec<(CString, libc::pid_t)>> = Mutex::new(Vec::new());

/// How full a file system is, as statfs(2) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileSystem {
    /// The bytes of one block.
    pub block_size: u64,
    /// The number of blocks.
    pub blocks: u64,
    /// The blocks that nothing uses.
    pub blocks_free: u64,
    /// The free blocks that ordinary users may use.
    pub blocks_available: u64,
    /// The number of inodes.
    pub files: u64,
    /// The inodes that nothing uses.
    pub files_free: u64,
}

/// Asks how full a file system is, in a child, and waits for at most `time`.
///
/// # Errors
/// Those of statfs(2); [`ErrorKind::TimedOut`] if there is no answer in time, if the child of an
/// earlier call still waits for this path, or if too many children wait; those of fork(2).
pub fn statfs(path: &Path, time: Duration) -> io::Result<FileSystem> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    {
        let mut left = lock();
        left.retain(|(_, child)| !has_ended(*child, libc::WNOHANG));
        if left.len() >= MAX_LEFT || left.iter().any(|(waited, _)| *waited == path) {
            return Err(no_answer());
        }
    }
    let (mut ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(time.max(Duration::from_millis(1))))?;
    let child = fork(&path, theirs.as_raw_fd())?;
    drop(theirs);
    let mut answer = [0; WORDS * size_of::<u64>()];
    let read = ours.read_exact(&mut answer);
    if read.is_ok() {
        // It ends by itself, without waiting for anything.
        has_ended(child, 0);
        return parse(&answer);
    }
    // SAFETY: kill(2) takes plain numbers. The child is ours and not reaped, so that the number is
    // still its own.
    unsafe { libc::kill(child, libc::SIGKILL) };
    if !has_ended(child, libc::WNOHANG) {
        lock().push((path, child));
    }
    Err(no_answer())
}

/// Starts the child that asks about `path` and writes the answer to `fd`.
fn fork(path: &CStr, fd: c_int) -> io::Result<libc::pid_t> {
    // SAFETY: fork(2) in a process with threads is sound if the child makes only async-signal-safe
    // calls and never returns to code that could take a lock or allocate: `ask` keeps to that, and
    // its type says that it does not return.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: this is the child, whose only thread this is.
        0 => unsafe { ask(path, fd) },
        child => Ok(child),
    }
}

/// Asks, answers and ends.
///
/// # Safety
/// Only in the child of a fork, at once: it closes descriptors that others own, and ends the
/// process. It makes system calls by their thin wrappers alone, uses memory that was there before
/// the fork and its own stack, and does nothing that can panic.
unsafe fn ask(path: &CStr, fd: c_int) -> ! {
    // SAFETY: setsid(2) takes nothing and touches no memory. Signals to the parent's group, as those
    // of a terminal, are not for this process.
    unsafe { libc::setsid() };
    // SAFETY: the text is a constant that ends with a NUL. The caller's folder is not held.
    unsafe { libc::chdir(c"/".as_ptr()) };
    // SAFETY: as this function's caller promises.
    unsafe { close_all_but(fd) };
    let mut answer = [0_u64; WORDS];
    let mut found = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: the path ends with a NUL and was made before the fork; `found` has the size that the
    // call writes, and lives on this stack.
    if unsafe { libc::statfs(path.as_ptr(), found.as_mut_ptr()) } == 0 {
        // SAFETY: it was zeroed, which is a value of this struct of numbers, and then written.
        let found = unsafe { found.assume_init() };
        answer = words(&found);
    } else {
        // This only reads errno.
        let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
        answer[0] = u64::from(errno.unsigned_abs());
    }
    // SAFETY: the buffer is on this stack and has this many bytes. Nobody needs to know whether the
    // write succeeded: without an answer, the parent's wait ends.
    unsafe { libc::write(fd, answer.as_ptr().cast(), size_of_val(&answer)) };
    // SAFETY: _exit(2) runs no code of the program's, as destructors and exit handlers would be.
    unsafe { libc::_exit(0) }
}

/// Closes every descriptor but one.
///
/// # Safety
/// As [`ask`]: nothing that owns a descriptor may run in this process afterwards.
unsafe fn close_all_but(fd: c_int) {
    let (Some(below), Some(above)) = (fd.checked_sub(1), fd.checked_add(1)) else { return };
    // Where the parent has 0 closed, the descriptor may be that.
    // SAFETY: close_range(2) takes plain numbers; as the caller promises, nothing uses what it
    // closes. From above to below would be an error, which closes nothing.
    let is_low = fd == 0 || unsafe { libc::syscall(libc::SYS_close_range, 0, below, 0) } == 0;
    // SAFETY: the same.
    if is_low && unsafe { libc::syscall(libc::SYS_close_range, above, c_int::MAX, 0) } == 0 {
        return;
    }
    for other in 0..MAX_CLOSED {
        if other != fd {
            // SAFETY: the same; a number that is not open makes close(2) answer EBADF.
            unsafe { libc::close(other) };
        }
    }
}

/// Returns the answer's words.
#[expect(
    clippy::cast_sign_loss,
    clippy::unnecessary_cast,
    reason = "the fields' types differ between architectures; their values are not negative"
)]
fn words(found: &libc::statfs) -> [u64; WORDS] {
    let block_size = if found.f_frsize > 0 { found.f_frsize } else { found.f_bsize };
    [
        0,
        block_size as u64,
        found.f_blocks as u64,
        found.f_bfree as u64,
        found.f_bavail as u64,
        found.f_files as u64,
        found.f_ffree as u64,
    ]
}

fn parse(answer: &[u8; WORDS * size_of::<u64>()]) -> io::Result<FileSystem> {
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(answer.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    let [errno, block_size, blocks, blocks_free, blocks_available, files, files_free] = words;
    match i32::try_from(errno).unwrap_or(libc::EIO) {
        0 => {
            Ok(FileSystem { block_size, blocks, blocks_free, blocks_available, files, files_free })
        }
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Reaps a child of ours, and returns whether it has ended.
fn has_ended(child: libc::pid_t, options: c_int) -> bool {
    // SAFETY: waitpid(2) with a null status writes nothing; the number is that of our child. If
    // somebody else has reaped it, the answer is ECHILD: it has ended too.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), options) != 0 }
}

fn no_answer() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the file system does not answer")
}

fn lock() -> MutexGuard<'static, Vec<(CString, libc::pid_t)>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
