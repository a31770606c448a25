//! The signals that the controller waits for. They are registered before anything else: until then
//! each of them would end the process.

use crate::error::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The registered signals.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end; the signal's name.
    End(&'static str),
    /// To read the operator's files again.
    Reload,
}

impl Signals {
    /// Registers the signals, within a runtime.
    ///
    /// # Errors
    /// When the system fails.
    pub(crate) fn register() -> Result<Self, Error> {
        let of = |kind| signal(kind).map_err(Error::system("cannot wait for signals"));
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hangup: of(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End("SIGTERM"),
            _ = self.interrupt.recv() => Asked::End("SIGINT"),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for a request to end, and returns its name.
    pub(crate) async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
