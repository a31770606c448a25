//! [`SqliteStore`]: results in one SQLite file.
//!
//! One thread (`writer`) owns the connection that writes: it takes every queued result, commits
//! them in one transaction, and only then acknowledges them. A result that cannot be stored goes to
//! the `backlog`. Reads use a connection of their own (`reader`), so a commit never waits for them.
//! `file` opens the database; `migrations` brings its schema up to date.

mod backlog;
mod file;
mod migrations;
mod reader;
mod writer;

use super::watch::{Watch, Watches};
use super::{Arrival, ResultRow, Store, StoreError};
use crate::error::Error;
use async_trait::async_trait;
use parking_lot::Mutex;
use reader::Reader;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
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
    /// `None` once the store is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the database in `dir`, which is created if it is missing, and keeps each result for
    /// `keep`.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated, or its thread cannot be started.
    pub(crate) fn open(dir: &Path, keep: Duration) -> Result<Self, Error> {
        let connection = file::open(dir)?;
        let reader = Reader::new(file::open_read_only(dir)?);
        let watches = Arc::new(Watches::default());
        // The semaphore `room` bounds the queue.
        let (queue, receiver) = mpsc::channel();
        let writer = Writer::new(connection, Arc::clone(&watches), keep);
        let thread = std::thread::Builder::new()
            .name("results".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(Error::system("cannot start the thread that stores results"))?;
        let room = Arc::new(Semaphore::new(MAX_QUEUED_KIB as usize));
        Ok(Self { queue, room, reader, watches, writer: Mutex::new(Some(thread)) })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn put(&self, arrival: Arrival) {
        let kib = u32::try_from(arrival.size() >> 10).unwrap_or(u32::MAX).min(MAX_QUEUED_KIB);
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(kib).await
            && self.queue.send(QueueItem::Arrival(arrival, permit)).is_err()
        {
            log::error!("a result was not stored, its agent keeps it: the store has stopped");
        }
    }

    async fn page(
        &self,
        host: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError> {
        self.reader.page(host.to_owned(), after, limit).await
    }

    async fn event(&self, host: &str, task: &str) -> Result<Option<String>, StoreError> {
        self.reader.event(host.to_owned(), task.to_owned()).await
    }

    fn watch(&self, host: &str, task: &str) -> Watch {
        self.watches.start(host, task)
    }

    async fn close(&self) {
        let Some(thread) = self.writer.lock().take() else { return };
        // An error means that the thread has ended already; joining it says why.
        let _ = self.queue.send(QueueItem::Close);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            log::error!("the thread that stores results panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{self, Database};
    use super::*;
    use test_support::Scratch;

    struct SqliteFile(Scratch);

    impl Database for SqliteFile {
        async fn create() -> Self {
            Self(Scratch::new("controller-store"))
        }

        async fn open(&self) -> Arc<dyn Store> {
            let days = Duration::from_secs(24 * 3600);
            Arc::new(SqliteStore::open(self.0.path(), days).unwrap())
        }
    }

    conformance::suite!(SqliteFile);
}
