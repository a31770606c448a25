//! The system calls that the agent cannot do without, asked of the kernel itself.
//!
//! Not by its version: vendors add calls to old kernels, and a container's filter takes calls away.

#![expect(unsafe_code, reason = "nix wraps neither clone3 nor waitid on a process descriptor")]

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::pidfd::PidFd;

/// Returns the first call that is missing and the release of Linux that brought it; nothing if all
/// are there.
///
/// # Errors
/// The kernel was not asked: no descriptor left.
pub fn missing_call() -> io::Result<Option<(&'static str, &'static str)>> {
    // SAFETY: clone3(2) with a size of 0 reads no memory and makes no process: it fails with EINVAL
    // where it exists.
    let made = unsafe { libc::syscall(libc::SYS_clone3, std::ptr::null::<libc::clone_args>(), 0) };
    if made == -1 && Errno::last() != Errno::EINVAL {
        return Ok(Some(("clone3", "5.3")));
    }
    let own = match PidFd::open(nix::unistd::getpid().as_raw()) {
        Ok(own) => own,
        Err(error) if error.raw_os_error() == Some(libc::EMFILE) => return Err(error),
        Err(_) => return Ok(Some(("pidfd_open", "5.3"))),
    };
    let id = libc::id_t::try_from(own.as_raw_fd()).unwrap_or(libc::id_t::MAX);
    let options = libc::WEXITED | libc::WNOHANG;
    // SAFETY: waitid(2) takes numbers here and stores nothing without a pointer. This process is no
    // child of its own, so nothing is reaped: ECHILD where the kind of id is known, else EINVAL.
    let waited = unsafe { libc::waitid(libc::P_PIDFD, id, std::ptr::null_mut(), options) };
    let is_known = waited == 0 || Errno::last() == Errno::ECHILD;
    Ok((!is_known).then_some(("waitid of a process descriptor", "5.4")))
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_kernel_has_every_call_and_no_process_is_made_by_asking() {
        assert_eq!(super::missing_call().unwrap(), None);
    }
}
