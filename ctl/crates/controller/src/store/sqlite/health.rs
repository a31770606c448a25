//! The state of the database, as operators see it: in `/readyz`, in `/metrics` and in the log.

use crate::metrics::StoreMetrics;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why the database does not work as it should.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Results cannot be stored at present.
    failing: Mutex<Option<String>>,
    /// The database's content is damaged. That does not pass by itself.
    damage: Mutex<Option<String>>,
    /// The last transaction is not on disk.
    refuses_writes: AtomicBool,
    /// What is measured.
    pub(super) metrics: Arc<StoreMetrics>,
}

impl Health {
    /// Notes that results cannot be stored, or can be again.
    pub(super) fn set_failing(&self, why: Option<String>) {
        *self.failing.lock() = why;
    }

    /// Notes whether the last transaction is on disk.
    pub(super) fn set_writes(&self, writes: bool) {
        self.refuses_writes.store(!writes, Ordering::Relaxed);
    }

    /// Returns whether it is.
    pub(super) fn writes(&self) -> bool {
        !self.refuses_writes.load(Ordering::Relaxed)
    }

    /// Notes that the content is damaged; logs it the first time.
    pub(super) fn damaged(&self, why: &str) {
        let mut damage = self.damage.lock();
        if damage.is_none() {
            log::error!(
                "the database is damaged: {why}; stop the controller, then restore a \
                 backup or repair it with sqlite3's .recover"
            );
            *damage = Some(why.to_owned());
        }
    }

    /// Notes the error of a query if it means damage.
    pub(super) fn note(&self, error: &rusqlite::Error) {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let code = error.sqlite_error_code();
        let missing_table = matches!(error, rusqlite::Error::SqliteFailure(_, Some(text))
            if text.starts_with("no such table") || text.starts_with("no such column"));
        if matches!(code, Some(DatabaseCorrupt | NotADatabase)) || missing_table {
            self.damaged(&error.to_string());
        }
    }

    /// Returns what is wrong.
    pub(super) fn problem(&self) -> Option<String> {
        let damage = self.damage.lock().as_ref().map(|why| format!("damaged: {why}"));
        damage.or_else(|| self.failing.lock().clone())
    }
}
