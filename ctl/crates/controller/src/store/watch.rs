//! Who waits for a result that is not there yet.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// A host and a task of it.
type Key = (String, String);

/// Everyone who waits. As many as the API has clients, at most.
#[derive(Debug, Default)]
pub(in crate::store) struct Watches(Mutex<HashMap<Key, watch::Sender<()>>>);

/// One wait for one result; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    watches: Arc<Watches>,
    key: Key,
    /// `None` only while this is dropped.
    told: Option<watch::Receiver<()>>,
}

impl Watches {
    /// Begins to wait; do so before looking whether the result is there.
    pub(in crate::store) fn begin(self: &Arc<Self>, host: &str, task: &str) -> Watch {
        let key = (host.to_owned(), task.to_owned());
        let mut watches = self.lock();
        let told = watches.entry(key.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        drop(watches);
        Watch { watches: Arc::clone(self), key, told: Some(told) }
    }

    /// The result is there.
    pub(in crate::store) fn tell(&self, host: &str, task: &str) {
        let mut watches = self.lock();
        if !watches.is_empty() {
            // The end of the sender is the word that is waited for.
            watches.remove(&(host.to_owned(), task.to_owned()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, watch::Sender<()>>> {
        // Every change is one call on the map: it is whole, whatever panicked.
        self.0.lock()
    }
}

impl Watch {
    /// Waits for the result; at once when it has come since this began.
    pub(crate) async fn stored(&mut self) {
        if let Some(told) = &mut self.told {
            while told.changed().await.is_ok() {}
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watches = self.watches.lock();
        self.told = None;
        if watches.get(&self.key).is_some_and(|sender| sender.receiver_count() == 0) {
            watches.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_for_a_result_are_told_and_nobody_is_left_behind() {
        let watches = Arc::new(Watches::default());
        let mut waiting = [watches.begin("h", "1"), watches.begin("h", "1")];
        let other = watches.begin("h", "2");
        watches.tell("h", "1");
        // Who begins after the word waits for the next.
        let late = watches.begin("h", "1");
        for watch in &mut waiting {
            watch.stored().await;
        }
        drop(waiting);
        assert_eq!(watches.lock().len(), 2);
        drop((late, other));
        assert!(watches.lock().is_empty());
    }
}
