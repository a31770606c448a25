//! Waiting for results that are not stored yet.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// A host id and a task id.
type Key = (String, String);

/// Every wait in progress: at most one per client of the API.
#[derive(Debug, Default)]
pub(super) struct Watches(Mutex<HashMap<Key, watch::Sender<()>>>);

/// One wait for one result; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    watches: Arc<Watches>,
    key: Key,
    /// `None` only while the watch is dropped.
    stored: Option<watch::Receiver<()>>,
}

impl Watches {
    /// Starts to wait for a result. Call this before looking for the result.
    pub(super) fn start(self: &Arc<Self>, host: &str, task: &str) -> Watch {
        let key = (host.to_owned(), task.to_owned());
        let mut watches = self.0.lock();
        let sender = watches.entry(key.clone()).or_insert_with(|| watch::Sender::new(()));
        let stored = sender.subscribe();
        drop(watches);
        Watch { watches: Arc::clone(self), key, stored: Some(stored) }
    }

    /// Wakes every wait for a result that has just been stored.
    pub(super) fn wake(&self, host: &str, task: &str) {
        let mut watches = self.0.lock();
        if !watches.is_empty() {
            // A receiver wakes when its sender is dropped.
            watches.remove(&(host.to_owned(), task.to_owned()));
        }
    }
}

impl Watch {
    /// Waits until the result is stored; returns at once if it was stored since the watch started.
    pub(crate) async fn stored(&mut self) {
        if let Some(stored) = &mut self.stored {
            while stored.changed().await.is_ok() {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watches = self.watches.0.lock();
        self.stored = None;
        if watches.get(&self.key).is_some_and(|sender| sender.receiver_count() == 0) {
            watches.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_wait_for_a_result_wakes_and_none_is_left_behind() {
        let watches = Arc::new(Watches::default());
        let mut waiting = [watches.start("h", "1"), watches.start("h", "1")];
        let other = watches.start("h", "2");
        watches.wake("h", "1");
        // A watch that starts after the result was stored waits for the next one.
        let late = watches.start("h", "1");
        for watch in &mut waiting {
            watch.stored().await;
        }
        drop(waiting);
        assert_eq!(watches.0.lock().len(), 2);
        drop((late, other));
        assert!(watches.0.lock().is_empty());
    }
}
