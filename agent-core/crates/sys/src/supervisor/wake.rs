//! The events that wake a supervisor: signals, its one alarm, output.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::timerfd::{self, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::output::Output;

/// The events beside output.
pub(super) struct Wake {
    signals: SignalFd,
    timer: TimerFd,
}

pub(super) struct Woken {
    pub(super) due: bool,
    pub(super) cancelled: bool,
}

impl Wake {
    pub(super) fn open() -> io::Result<Self> {
        // The zygote blocked every signal; these are read from a descriptor instead.
        let mask: SigSet = [Signal::SIGCHLD, Signal::SIGTERM].into_iter().collect();
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // Time in suspend counts: a deadline is in real time.
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self { signals, timer: TimerFd::new(timerfd::ClockId::CLOCK_BOOTTIME, flags)? })
    }

    /// Sets the one alarm there is.
    pub(super) fn after(&self, time: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let once = Expiration::OneShot(time.max(Duration::from_nanos(1)).into());
        Ok(self.timer.set(once, TimerSetTimeFlags::empty())?)
    }

    /// Waits, and reads each pipe once: a flood of output delays no deadline.
    pub(super) fn wait(&self, output: &mut Output<'_>) -> io::Result<Woken> {
        let mut ready = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        ready.extend(
            output.pipes.iter().flatten().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        drop(ready);
        for index in 0..output.pipes.len() {
            output.take(index);
        }
        let due = self.timer.wait().is_ok();
        let mut cancelled = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            cancelled |= i32::try_from(signal.ssi_signo) == Ok(libc::SIGTERM);
        }
        Ok(Woken { due, cancelled })
    }
}
