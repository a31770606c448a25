//! A process by descriptor: how it ended, and signals that can reach no other.
//!
//! Used for every command, keeper and zygote. A number alone is never signalled or waited for: it
//! may have become another process's.

#![expect(unsafe_code, reason = "nix wraps neither waitid's rusage nor the pidfd calls")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::sys::signal::Signal;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It called exit with this status.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: i32,
        /// Whether it left a core dump.
        core: bool,
    },
}

/// The end of a process and what it used, itself and the children it waited for (getrusage(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Exit status or signal.
    pub how: How,
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The largest resident size, in KiB.
    pub max_rss_kib: u64,
}

impl Ended {
    /// The length of [`Ended::to_bytes`].
    pub const LEN: usize = 40;

    /// For a report over a socket between processes of the same binary.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let (kind, value) = match self.how {
            How::Exited(status) => (0, u64::from(status)),
            How::Signaled { signal, core } => (1 + u64::from(core), u64::from(signal.unsigned_abs())),
        };
        let user = u64::try_from(self.user.as_micros()).unwrap_or(u64::MAX);
        let system = u64::try_from(self.system.as_micros()).unwrap_or(u64::MAX);
        let mut bytes = [0; Self::LEN];
        for (slot, word) in bytes.chunks_exact_mut(8).zip([kind, value, user, system, self.max_rss_kib]) {
            slot.copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Reads what [`Ended::to_bytes`] wrote; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().ok()?;
        let mut words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_ne_bytes));
        let mut next = || words.next().unwrap_or(0);
        let (kind, value) = (next(), next());
        let how = match kind {
            0 => How::Exited(u8::try_from(value).ok()?),
            1 | 2 => How::Signaled { signal: i32::try_from(value).ok()?, core: kind == 2 },
            _ => return None,
        };
        let user = Duration::from_micros(next());
        let system = Duration::from_micros(next());
        Some(Self { how, user, system, max_rss_kib: next() })
    }
}

/// A process descriptor (`pidfd_open(2)`): readable once the process has ended.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has this number now. Only for a child that is not reaped yet, or
    /// where the caller checks afterwards that it got the process it meant.
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

    /// Sends a signal to this process, or fails with ESRCH when it is gone; never reaches another.
    ///
    /// # Errors
    /// ESRCH, or EPERM for a process of another user.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: pidfd_send_signal(2) reads `info` only if it is not null; the rest are numbers.
        let done =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal as i32, none, 0) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Reaps our child if it has ended; `None` while it runs. Once only: afterwards ECHILD.
    ///
    /// # Errors
    /// ECHILD: not our child, or reaped already.
    pub fn reap(&self) -> io::Result<Option<Ended>> {
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

/// Reaps any one child that has ended: its number and end; `None` while all run.
///
/// # Errors
/// ECHILD: there is no child left.
pub fn reap_any() -> io::Result<Option<(i32, Ended)>> {
    wait(libc::P_ALL, 0)
}

/// waitid(2) as the kernel has it, with the fifth argument that libc's wrapper leaves out.
fn wait(kind: libc::idtype_t, id: libc::id_t) -> io::Result<Option<(i32, Ended)>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG;
    // SAFETY: waitid(2) writes at most one siginfo_t and one rusage; both point to such, alive here.
    let done =
        unsafe { libc::syscall(libc::SYS_waitid, kind, id, info.as_mut_ptr(), options, usage.as_mut_ptr()) };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a siginfo_t is plain numbers, for which all zero bytes are a value; it began so.
    let info = unsafe { info.assume_init() };
    // SAFETY: likewise an rusage.
    let usage = unsafe { usage.assume_init() };
    // SAFETY: si_pid is in the part of the union that waitid fills, and zero when it filled nothing.
    let pid = unsafe { info.si_pid() };
    if pid == 0 {
        return Ok(None);
    }
    // SAFETY: si_pid was filled, so this is a SIGCHLD siginfo, whose si_status is set too.
    let status = unsafe { info.si_status() };
    let how = match info.si_code {
        libc::CLD_EXITED => How::Exited(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
        code => How::Signaled { signal: status, core: code == libc::CLD_DUMPED },
    };
    let ended = Ended {
        how,
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    };
    Ok(Some((pid, ended)))
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_survives_the_socket() {
        for how in [
            How::Exited(0),
            How::Exited(255),
            How::Signaled { signal: 9, core: false },
            How::Signaled { signal: 11, core: true },
        ] {
            let user = Duration::from_micros(1_234_567);
            let ended = Ended { how, user, system: Duration::from_micros(3), max_rss_kib: 4_096 };
            assert_eq!(Ended::from_bytes(&ended.to_bytes()), Some(ended));
        }
        assert_eq!(Ended::from_bytes(b"short"), None);
    }

    #[test]
    fn a_process_that_is_no_child_cannot_be_reaped() {
        let own = PidFd::open(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(own.reap().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    }
}
