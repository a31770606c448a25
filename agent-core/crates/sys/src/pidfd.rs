//! A process by descriptor: signals that reach no other process, and reaping.
//!
//! Used for every command, keeper, supervisor and zygote. Nothing here signals or waits for a bare
//! process number: it may belong to another process by now.

#![expect(unsafe_code, reason = "nix wraps neither waitid's rusage nor the pidfd calls")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::end::{Exit, ProcessEnd, Usage};

/// A process descriptor (`pidfd_open(2)`): readable once the process has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has this number now. Call it only for a child that is not reaped yet,
    /// or check afterwards that the descriptor is of the process you meant.
    ///
    /// # Errors
    /// No such process, or no descriptor left.
    pub fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: pidfd_open(2) takes two plain numbers and touches no memory of ours.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(fd).unwrap_or(-1);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just made this descriptor for us; nothing else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal to this process; never reaches another.
    ///
    /// # Errors
    /// ESRCH when the process is gone, EPERM for a process of another user.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: pidfd_send_signal(2) reads `info` only if it is not null; the rest are numbers.
        let done = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal as i32, none, 0)
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Reaps our child if it has ended; returns `None` while it runs.
    ///
    /// # Errors
    /// ECHILD: it is not our child, or was reaped before.
    pub fn reap(&self) -> io::Result<Option<ProcessEnd>> {
        let id = libc::id_t::try_from(self.0.as_raw_fd()).unwrap_or(libc::id_t::MAX);
        wait(libc::P_PIDFD, id).map(|ended| ended.map(|(_, ended)| ended))
    }
}

impl From<OwnedFd> for PidFd {
    /// Takes a descriptor that clone3's `CLONE_PIDFD` made.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for PidFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Reaps every child that has ended, and stores the end of the child `command` when it is among
/// them; returns whether no child is left.
///
/// # Errors
/// waitid(2) failed for a reason other than that no child is left.
pub(crate) fn reap_all(command: i32, ended: &mut Option<ProcessEnd>) -> io::Result<bool> {
    loop {
        match wait(libc::P_ALL, 0) {
            Ok(Some((pid, end))) if pid == command => *ended = Some(end),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// waitid(2) as the kernel has it, with the fifth argument that libc's wrapper leaves out.
fn wait(kind: libc::idtype_t, id: libc::id_t) -> io::Result<Option<(i32, ProcessEnd)>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG;
    // SAFETY: waitid(2) writes at most one siginfo_t and one rusage; both point to such, alive
    // here.
    let done = unsafe {
        libc::syscall(libc::SYS_waitid, kind, id, info.as_mut_ptr(), options, usage.as_mut_ptr())
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a siginfo_t is plain numbers, for which all zero bytes are a value; it began so.
    let info = unsafe { info.assume_init() };
    // SAFETY: likewise an rusage.
    let usage = unsafe { usage.assume_init() };
    // SAFETY: si_pid is in the part of the union that waitid fills, and zero when it filled
    // nothing.
    let pid = unsafe { info.si_pid() };
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: si_pid was filled, so this is a SIGCHLD siginfo, whose si_status is set too.
    let status = unsafe { info.si_status() };
    let exit = match info.si_code {
        libc::CLD_EXITED => Exit::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
        code => Exit::Signaled { signal: status, core: code == libc::CLD_DUMPED },
    };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    };
    Ok(Some((pid, ProcessEnd { exit, usage })))
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_child_can_be_reaped() {
        let own = PidFd::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.reap().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }
}
