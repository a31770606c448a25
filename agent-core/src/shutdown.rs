//! How the agent ends: first no new work, then, when the running work is done or cancelled, the goodbye.

use std::pin::Pin;
use tokio::sync::watch;

/// Work that runs beside all else.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work of one type whatever it is, so that the runtime's machinery for it is built once and not for each.
pub(crate) fn boxed(work: impl Future<Output = ()> + Send + 'static) -> Work {
    Box::pin(work)
}

/// Running commands may go on this long after the agent was told to end; then they are cancelled.
pub(crate) const DRAIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Running,
    Draining,
    Closing,
}

/// Tells everyone; owned by the daemon.
#[derive(Debug)]
pub(crate) struct Shutdown(watch::Sender<Phase>);

/// Hears of it; everyone has one.
#[derive(Clone, Debug)]
pub(crate) struct Stopping(watch::Receiver<Phase>);

impl Shutdown {
    /// Nothing stops yet.
    pub(crate) fn new() -> (Self, Stopping) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Self(sender), Stopping(receiver))
    }

    /// No new work from here on.
    pub(crate) fn drain(&self) {
        self.0.send_if_modified(|phase| {
            let first = *phase < Phase::Draining;
            *phase = (*phase).max(Phase::Draining);
            first
        });
    }

    /// The work is over: the channel says goodbye.
    pub(crate) fn close(&self) {
        self.0.send_replace(Phase::Closing);
    }
}

impl Stopping {
    /// Whether new work is refused.
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Returns once new work is refused.
    pub(crate) async fn begun(&mut self) {
        self.reached(Phase::Draining).await;
    }

    /// Returns once the channel has to close.
    pub(crate) async fn closing(&mut self) {
        self.reached(Phase::Closing).await;
    }

    async fn reached(&mut self, wanted: Phase) {
        // The sender lives as long as the daemon; without it everything is over anyway.
        let _ = self.0.wait_for(|phase| *phase >= wanted).await;
    }
}
