//! The state of the database, as operators see it: in `/readyz`, in `/metrics` and in the log.

use crate::metrics::StoreMetrics;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why the database does not work as it should.
#[derive(Debug, Default)]
pub(in crate::store) struct Health {
    /// Results cannot be stored at present.
    failing: Mutex<Option<String>>,
    /// The database's content is damaged. That does not pass by itself.
    damage: Mutex<Option<String>>,
    /// The last transaction is not on disk.
    refuses_writes: AtomicBool,
    /// What is measured.
    pub(in crate::store) metrics: Arc<StoreMetrics>,
}

impl Health {
    /// Notes that results cannot be stored, or can be again.
    pub(in crate::store) fn set_failing(&self, why: Option<String>) {
        *self.failing.lock() = why;
    }

    /// Notes whether the last transaction is on disk.
    pub(in crate::store) fn set_writes(&self, writes: bool) {
        self.refuses_writes.store(!writes, Ordering::Relaxed);
    }

    /// Returns whether it is.
    pub(in crate::store) fn writes(&self) -> bool {
        !self.refuses_writes.load(Ordering::Relaxed)
    }

    /// Notes that the content is damaged; logs it the first time, with the remedy.
    pub(in crate::store) fn damaged(&self, why: &str, remedy: &str) {
        let mut damage = self.damage.lock();
        if damage.is_none() {
            log::error!("the database is damaged: {why}; {remedy}");
            *damage = Some(why.to_owned());
        }
    }

    /// Returns what is wrong.
    pub(in crate::store) fn problem(&self) -> Option<String> {
        let damage = self.damage.lock().as_ref().map(|why| format!("damaged: {why}"));
        damage.or_else(|| self.failing.lock().clone())
    }
}
