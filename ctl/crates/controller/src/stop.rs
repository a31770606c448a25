//! The word that the controller stops, as every long-lived task hears it.

use tokio::sync::watch;

/// Says it. Dropped, it says it too.
pub(crate) struct Stopper(watch::Sender<bool>);

/// Hears it.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// A pair.
pub(crate) fn pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Tells every task to end.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Waits for the word; at once when it has been said.
    pub(crate) async fn said(&mut self) {
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
