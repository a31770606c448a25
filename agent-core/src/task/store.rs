//! The table of tasks and the journal under it: nothing is in the table that is not on the disk.

use super::journal::{Committer, Directory, Need, Owner, Refused};
use super::record::Record;
use super::table::Table;
use crate::Error;
use parking_lot::{Mutex, MutexGuard};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Bytes of the journal that each task may still need for its intent, its end and its acknowledgement.
const RESERVED: u64 = 1024;

/// Records that are applied to the table while it is held once.
const TOGETHER: usize = 128;

/// The tasks as they are on the disk.
pub(crate) struct Store {
    shared: Arc<Shared>,
    committer: Committer<Directory, Shared>,
    since: Instant,
}

/// What the committer, on its own thread, keeps up to date.
struct Shared {
    table: Mutex<Table>,
    /// The order of the latest end.
    news: watch::Sender<u64>,
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // A step changes the table by calls that don't panic half-way.
        self.table.lock()
    }
}

impl Owner for Shared {
    type Record = Record;

    fn bytes(record: &Record) -> Vec<u8> {
        record.to_bytes()
    }

    fn found(&self, bytes: &[u8]) {
        match Record::from_bytes(bytes) {
            Some(record) => self.table().apply(record),
            // Of a later version, or of none: what this one knows goes on without.
            None => log::error!("tasks: a record of the journal can't be read and is left out"),
        }
    }

    fn apply(&self, records: Vec<Record>) {
        let mut records = records.into_iter();
        while records.len() > 0 {
            // One hold for many, but not so long that the event loop would wait for it.
            let mut table = self.table();
            records.by_ref().take(TOGETHER).for_each(|record| table.apply(record));
        }
        let order = self.table().last_order();
        self.news.send_if_modified(|last| std::mem::replace(last, order) != order);
    }

    fn live(&self) -> Vec<Vec<u8>> {
        self.table().live().iter().map(Record::to_bytes).collect()
    }

    fn reserve(&self) -> u64 {
        let counts = self.table().counts();
        let open = counts.waiting + counts.running + counts.undelivered;
        RESERVED.saturating_mul(open as u64 + 1)
    }
}

impl Store {
    /// Opens the journal in a directory and reads the table from it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub(crate) fn open(directory: &Path) -> Result<Arc<Self>, Error> {
        let shared = Arc::new(Shared { table: Mutex::default(), news: watch::Sender::new(0) });
        let path = directory.join("journal");
        let (committer, found) = Committer::open(Directory::new(directory), shared.clone())
            .map_err(|source| Error::File { path: path.clone(), source })?;
        if let Some(name) = found.set_aside {
            log::error!("{} is no journal and is set aside as {name}", path.display());
        }
        if found.damaged > 0 {
            log::error!("{}: {} bytes are damaged; what they said is lost", path.display(), found.damaged);
        }
        Ok(Arc::new(Self { shared, committer, since: Instant::now() }))
    }

    /// The table; not to be held over a wait.
    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table()
    }

    /// Says so when a task has ended.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.shared.news.subscribe()
    }

    /// When it was opened.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// The same as [`Store::record`] for what nobody waits for.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`]: nothing of it has happened.
    pub(crate) async fn record_patiently(&self, records: Vec<Record>) -> Result<(), Error> {
        self.committer.commit(records, Need::Patient).await.map_err(refused)
    }

    /// Makes records durable, all or none, and with that part of the table. A new task leaves the room alone that
    /// those there are need for their ends.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`]: nothing of it has happened.
    pub(crate) async fn record(&self, records: Vec<Record>) -> Result<(), Error> {
        let new = records.iter().any(|record| matches!(record, Record::Accepted(_)));
        // Nor may what is only told use it up: a job of every second would, on a full disk.
        let job = records.iter().any(|record| matches!(record, Record::Job(_) | Record::Skipped(_)));
        let need = match (new, job) {
            (true, _) => Need::New { then: RESERVED },
            (false, true) => Need::New { then: 0 },
            (false, false) => Need::Due,
        };
        self.committer.commit(records, need).await.map_err(refused)
    }

    /// Refuses what comes from now on; what came before is on the disk then.
    pub(crate) fn close(&self) {
        self.committer.close();
    }
}

fn refused(refused: Refused) -> Error {
    match refused {
        Refused::NoSpace(why) => Error::NoSpace(format!("for the journal of tasks: {why}")),
        Refused::Busy => Error::TasksBusy("the disk does not keep up".to_owned()),
        Refused::Failed(why) => Error::Journal(why),
        Refused::Closed => Error::ShuttingDown,
    }
}
