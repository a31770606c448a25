//! The request to stop, as every long-lived task receives it.

use tokio::sync::watch;

/// The end that requests the stop; dropped, it requests it, too.
pub(crate) struct Stopper(watch::Sender<bool>);

/// The end that waits for the request.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// Makes a connected pair.
pub(crate) fn pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Requests every task to stop.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Waits for the request; returns at once if it has been made.
    pub(crate) async fn requested(&mut self) {
        // An error means that the stopper is gone, which is a request as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
