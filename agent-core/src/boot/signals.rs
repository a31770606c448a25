//! The signals that boot handles: blocked from its first moment, read from one descriptor.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::Error;

const HANDLED: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGCHLD,
];

/// The handled signals. They wait here until [`Signals::next`] takes them.
#[derive(Debug)]
pub(super) struct Signals {
    pending: SignalFd,
    /// The signals that were blocked before.
    before: SigSet,
}

impl Signals {
    /// Blocks the signals and opens the descriptor to read them from.
    ///
    /// # Errors
    /// [`Error::System`]: no descriptors are left.
    pub(super) fn block() -> Result<Self, Error> {
        let failed = |call| move |errno: nix::Error| Error::System { call, source: errno.into() };
        let handled: SigSet = HANDLED.into_iter().collect();
        let mut blocked = handled;
        // With SIGXFSZ blocked, a log at its size limit (setrlimit(2)) is a failed write, like a
        // full disk.
        blocked.add(Signal::SIGXFSZ);
        let before = SigSet::thread_get_mask().map_err(failed("sigprocmask"))?;
        blocked.thread_block().map_err(failed("sigprocmask"))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let pending = SignalFd::with_flags(&handled, flags).map_err(failed("signalfd"))?;
        Ok(Self { pending, before })
    }

    /// Gives the signals back their actions, in a process that does not handle them.
    pub(super) fn release(&self) {
        // It fails for no mask that the kernel has returned itself.
        let _ = self.before.thread_set_mask();
    }

    /// Takes the next signal that has come.
    ///
    /// # Errors
    /// [`Error::System`] when reading fails, which is not expected.
    pub(super) fn next(&self) -> Result<Option<Signal>, Error> {
        let info = self.pending.read_signal();
        let info =
            info.map_err(|errno| Error::System { call: "signalfd", source: errno.into() })?;
        let number = info.and_then(|info| i32::try_from(info.ssi_signo).ok());
        Ok(number.and_then(|number| Signal::try_from(number).ok()))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}
