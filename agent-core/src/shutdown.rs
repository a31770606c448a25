//! The phases of a shutdown: first the agent rejects new work; when the running work is finished or
//! cancelled, it closes the channel.

use std::pin::Pin;
use tokio::sync::watch;

/// A future of no particular type, to be spawned.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Boxes a future, so that the runtime's code for tasks is compiled once and not for each type.
pub(crate) fn boxed(work: impl Future<Output = ()> + Send + 'static) -> Work {
    Box::pin(work)
}

/// The time that running commands may take after the stop signal; then they are cancelled.
pub(crate) const DRAIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Closing,
}

/// Starts the phases. The daemon owns it.
#[derive(Debug)]
pub(crate) struct Shutdown(watch::Sender<Phase>);

/// Observes the phases. Every part of the agent has a clone.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<Phase>);

impl Shutdown {
    /// Returns both ends, before any shutdown.
    pub(crate) fn new() -> (Self, Stopping) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Self(sender), Stopping(receiver))
    }

    /// Makes every part reject new work from now on.
    pub(crate) fn drain(&self) {
        self.0.send_if_modified(|phase| {
            let first = *phase < Phase::Draining;
            *phase = (*phase).max(Phase::Draining);
            first
        });
    }

    /// Makes the channel close, once the work is finished.
    pub(crate) fn close(&self) {
        self.0.send_replace(Phase::Closing);
    }
}

impl Stopping {
    /// Returns whether new work is rejected.
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Waits until new work is rejected.
    pub(crate) async fn begun(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits until the channel must close.
    pub(crate) async fn closing(&mut self) {
        self.reached(Phase::Closing).await;
    }

    async fn reached(&mut self, wanted: Phase) {
        // The sender lives as long as the daemon; an error means that the daemon has ended.
        let _ = self.0.wait_for(|phase| *phase >= wanted).await;
    }
}
