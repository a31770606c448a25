//! [`SqliteStore`]: results in one SQLite file.
//!
//! One thread (`writer`) owns the connection that writes: it takes every queued result, commits
//! them in one transaction, and only then acknowledges them. A result that cannot be stored goes to
//! the `backlog`; one that exceeds a bound (`usage`) is `refused`. Results are deleted for their
//! age by a `clock` that is doubted when it jumps. Reads use a connection of their own (`reader`),
//! so a commit never waits for them. `file` locks and opens the database; `migrations` brings its
//! schema up to date; `health` says what is wrong with it, also after a `check` of its content at
//! the start.

mod backlog;
mod bounds;
mod check;
mod clock;
mod file;
mod health;
mod migrations;
mod reader;
mod refused;
mod usage;
mod writer;

use super::watch::{Watch, Watches};
use super::{Arrival, ResultRow, Results, Store, StoreError};
use crate::error::Error;
use crate::metrics::StoreMetrics;
use async_trait::async_trait;
pub(crate) use bounds::Bounds;
use check::ContentCheck;
use file::Place;
use health::Health;
use parking_lot::Mutex;
use reader::Reader;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use tokio::sync::Semaphore;
use writer::{QueueItem, Writer};

/// KiB of results that may wait for the disk, over all sessions; [`Store::put`] waits beyond that.
const MAX_QUEUED_KIB: u32 = 32 << 10;

/// Results in an SQLite database.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    queue: mpsc::Sender<QueueItem>,
    room: Arc<Semaphore>,
    reader: Reader,
    watches: Arc<Watches>,
    place: Arc<Place>,
    health: Arc<Health>,
    /// `None` once the store is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
    /// `None` once the store is closed.
    check: Mutex<Option<ContentCheck>>,
    /// Locked as long as the store is open.
    lock: Mutex<Option<File>>,
}

impl SqliteStore {
    /// Opens the database in `dir`, which is created if it is missing.
    ///
    /// # Errors
    /// When another controller uses the directory, others could change it, the database cannot be
    /// opened or migrated, or a thread cannot be started.
    pub(crate) fn open(dir: &Path, bounds: Bounds) -> Result<Self, Error> {
        let lock = file::lock(dir)?;
        let connection = file::open(dir)?;
        let health = Arc::new(Health::default());
        let reader = Reader::new(file::open_read_only(dir)?, Arc::clone(&health))
            .map_err(Error::content(dir))?;
        let watches = Arc::new(Watches::default());
        let place = Arc::new(Place::of(dir)?);
        // The semaphore `room` bounds the queue.
        let (queue, receiver) = mpsc::channel();
        let writer = Writer::new(
            connection,
            Arc::clone(&place),
            Arc::clone(&health),
            Arc::clone(&watches),
            bounds,
        )
        .map_err(Error::content(dir))?;
        let thread = std::thread::Builder::new()
            .name("results".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(Error::system("cannot start the thread that stores results"))?;
        let check = ContentCheck::start(file::open_read_only(dir)?, Arc::clone(&health))?;
        Ok(Self {
            queue,
            room: Arc::new(Semaphore::new(MAX_QUEUED_KIB as usize)),
            reader,
            watches,
            place,
            health,
            writer: Mutex::new(Some(thread)),
            check: Mutex::new(Some(check)),
            lock: Mutex::new(Some(lock)),
        })
    }
}

#[async_trait]
impl Results for SqliteStore {
    async fn put(&self, arrival: Arrival) {
        let kib = u32::try_from(arrival.size() >> 10).unwrap_or(u32::MAX).min(MAX_QUEUED_KIB);
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(kib).await
            && self.queue.send(QueueItem::Arrival(arrival, permit)).is_err()
        {
            log::error!("a result was not stored, its agent keeps it: the store has stopped");
        }
    }

    async fn results(
        &self,
        host: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError> {
        self.reader.page(host.to_owned(), after, limit).await
    }

    async fn result(&self, host: &str, task: &str) -> Result<Option<String>, StoreError> {
        self.reader.event(host.to_owned(), task.to_owned()).await
    }

    async fn result_size(&self, host: &str, task: &str) -> Result<Option<usize>, StoreError> {
        self.reader.event_size(host.to_owned(), task.to_owned()).await
    }

    fn watch_result(&self, host: &str, task: &str) -> Watch {
        self.watches.start(host, task)
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn problem(&self) -> Option<String> {
        if let Some(problem) = self.health.problem() {
            return Some(problem);
        }
        let place = Arc::clone(&self.place);
        match tokio::task::spawn_blocking(move || place.check()).await {
            Ok(checked) => checked.err(),
            Err(error) => Some(error.to_string()),
        }
    }

    fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.health.metrics
    }

    fn queued(&self) -> u64 {
        (MAX_QUEUED_KIB as usize).saturating_sub(self.room.available_permits()) as u64 * 1024
    }

    async fn close(&self) {
        drop(self.check.lock().take());
        let Some(thread) = self.writer.lock().take() else { return };
        // An error means that the thread has ended already; joining it says why.
        let _ = self.queue.send(QueueItem::Close);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            log::error!("the thread that stores results panicked");
        }
        drop(self.lock.lock().take());
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, Database, HOST_BYTES};
    use super::*;
    use std::time::Duration;
    use test_support::Scratch;

    struct SqliteFile(Scratch);

    impl Database for SqliteFile {
        async fn create() -> Self {
            Self(Scratch::new("controller-store"))
        }

        async fn open(&self) -> Arc<dyn Store> {
            let keep = Duration::from_secs(24 * 3600);
            let bounds = Bounds { keep, max_bytes: 1 << 40, max_host_bytes: HOST_BYTES };
            Arc::new(SqliteStore::open(self.0.path(), bounds).unwrap())
        }
    }

    conformance::suite!(SqliteFile);
}
