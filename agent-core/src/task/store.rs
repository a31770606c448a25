//! The table of tasks and the journal under it: the table holds only records that are on the disk.

use super::Error;
use super::journal::{Committer, Directory, Priority, Replica};
use super::record::Record;
use super::table::Table;
use parking_lot::{Mutex, MutexGuard};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Bytes of the journal that each task may still need for its intent, its end and its
/// acknowledgement.
const RESERVED: u64 = 1024;

/// Records that are applied to the table under one lock.
const APPLIED_AT_ONCE: usize = 128;

/// The tasks and jobs as they are on the disk.
pub(crate) struct Store {
    live: Arc<LiveTable>,
    committer: Committer<Directory, LiveTable>,
    since: Instant,
}

/// The table that the committer updates from its own thread.
struct LiveTable {
    table: Mutex<Table>,
    /// The order of the latest end.
    ends: watch::Sender<u64>,
}

impl Replica for LiveTable {
    type Record = Record;

    fn bytes(record: &Record) -> Vec<u8> {
        record.to_bytes()
    }

    fn recover(&self, bytes: &[u8]) {
        match Record::from_bytes(bytes) {
            Some(record) => self.table.lock().apply(record),
            // Of a later version: this version goes on with the records that it knows.
            None => log::error!("ignored a journal record that this version cannot read"),
        }
    }

    fn apply(&self, records: Vec<Record>) {
        let mut records = records.into_iter();
        while records.len() > 0 {
            // Many under one lock, but not so many that the event loop would wait for it.
            let mut table = self.table.lock();
            records.by_ref().take(APPLIED_AT_ONCE).for_each(|record| table.apply(record));
        }
        let order = self.table.lock().last_order();
        self.ends.send_if_modified(|last| std::mem::replace(last, order) != order);
    }

    fn snapshot(&self) -> Vec<Vec<u8>> {
        self.table.lock().snapshot().iter().map(Record::to_bytes).collect()
    }

    fn reserve(&self) -> u64 {
        let counts = self.table.lock().counts();
        let open = counts.waiting + counts.running + counts.undelivered;
        RESERVED.saturating_mul(open as u64 + 1)
    }
}

impl Store {
    /// Opens the journal in a directory and rebuilds the table from it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(directory: &Path) -> Result<Arc<Self>, Error> {
        let live = Arc::new(LiveTable { table: Mutex::default(), ends: watch::Sender::new(0) });
        let path = directory.join("journal");
        let (committer, recovered) = Committer::open(Directory::new(directory), live.clone())
            .map_err(|source| Error::file(&path, source))?;
        let path = path.display();
        if let Some(name) = recovered.set_aside {
            log::error!("{path} is not a journal: renamed it to {name} and started a new one");
        }
        if recovered.damaged > 0 {
            log::error!(
                "{path}: {} bytes are damaged; the records in them are lost",
                recovered.damaged
            );
        }
        Ok(Arc::new(Self { live, committer, since: Instant::now() }))
    }

    /// Locks the table. Callers must not hold the lock across an await.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.live.table.lock()
    }

    /// Returns a task's id as log messages show it: quoted.
    pub(crate) fn label(&self, n: u64) -> String {
        match self.table().task(n) {
            Some(task) => format!("\"{}\"", agent_wire::json::quote(&task.id)),
            None => "(forgotten)".to_owned(),
        }
    }

    /// Returns a receiver that changes when a task has ended.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.live.ends.subscribe()
    }

    /// Returns when the store was opened.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Makes records durable like [`Store::record`], but may delay them to write them with others.
    ///
    /// # Errors
    /// [`Error::Journal`]: none of the records is durable.
    pub(crate) async fn record_deferred(&self, records: Vec<Record>) -> Result<(), Error> {
        Ok(self.committer.commit(records, Priority::Deferred).await?)
    }

    /// Makes records durable, all or none, and applies them to the table. A new task leaves the
    /// room alone that earlier tasks need for their ends.
    ///
    /// # Errors
    /// [`Error::Journal`]: none of the records is durable.
    pub(crate) async fn record(&self, records: Vec<Record>) -> Result<(), Error> {
        let is_new = records.iter().any(|record| matches!(record, Record::Accepted(_)));
        // Nor may records that are only informative take that room: a job that is due every second
        // would, on a full disk.
        let is_job =
            records.iter().any(|record| matches!(record, Record::Job(_) | Record::Skipped(_)));
        let priority = match (is_new, is_job) {
            (true, _) => Priority::New { follow_up: RESERVED },
            (false, true) => Priority::New { follow_up: 0 },
            (false, false) => Priority::Required,
        };
        Ok(self.committer.commit(records, priority).await?)
    }

    /// Rejects records from now on; earlier records are on the disk when this returns.
    pub(crate) fn close(&self) {
        self.committer.close();
    }
}
