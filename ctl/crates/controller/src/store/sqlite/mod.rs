//! [`Store`]: what sessions and the API hold of the database, and the end of its thread.

mod backlog;
mod reader;
mod schema;
mod writer;

use reader::Reader;
pub(crate) use reader::{Stored, Unreadable};
use super::watch::{Watch, Watches};
use writer::{Queued, Writer};
use super::Arrival;
use crate::error::Error;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::Semaphore;

/// KiB of results that may wait for the disk, over all sessions; whoever brings one more waits.
const MAX_QUEUED_KIB: u32 = 32 << 10;

/// Results on disk.
#[derive(Debug)]
pub(crate) struct Store {
    queue: mpsc::Sender<Queued>,
    room: Arc<Semaphore>,
    reader: Reader,
    watches: Arc<Watches>,
}

/// The thread that writes.
#[derive(Debug)]
pub(crate) struct StoreThread {
    queue: mpsc::Sender<Queued>,
    thread: JoinHandle<()>,
}

impl Store {
    /// Opens the database in `dir`; results are kept for `keep`.
    ///
    /// # Errors
    /// When it can't be opened or its thread can't be started.
    pub(crate) fn open(dir: &Path, keep: Duration) -> Result<(Arc<Self>, StoreThread), Error> {
        let connection = schema::open(dir)?;
        let reader = Reader::new(schema::open_to_read(dir)?);
        let watches = Arc::new(Watches::default());
        // Bounded by `room`.
        let (queue, receiver) = mpsc::channel();
        let writer = Writer::new(connection, Arc::clone(&watches), keep);
        let thread = std::thread::Builder::new()
            .name("results".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| Error::System("can't start the results' thread", error))?;
        let room = Arc::new(Semaphore::new(MAX_QUEUED_KIB as usize));
        Ok((Arc::new(Self { queue: queue.clone(), room, reader, watches }), StoreThread { queue, thread }))
    }

    /// Takes a result; its agent is told when it is on the disk. Waits while there is no room.
    pub(crate) async fn take(&self, arrival: Arrival) {
        let kib = u32::try_from(arrival.size() >> 10).unwrap_or(u32::MAX).min(MAX_QUEUED_KIB);
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(kib).await
            && self.queue.send(Queued::Arrival(arrival, permit)).is_err()
        {
            log::error!("a result is left to its agent: the results' thread has ended");
        }
    }

    /// A host's results behind the sequence number `after`, oldest first, at most `limit` of them and
    /// 8 MiB.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(crate) async fn page(
        &self,
        host: String,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Stored>, Unreadable> {
        self.reader.page(host, after, limit).await
    }

    /// The event of one task.
    ///
    /// # Errors
    /// When the database can't be read.
    pub(crate) async fn event(&self, host: String, task: String) -> Result<Option<String>, Unreadable> {
        self.reader.event(host, task).await
    }

    /// Begins to wait for a result; do so before looking whether it is there.
    pub(crate) fn watch(&self, host: &str, task: &str) -> Watch {
        self.watches.begin(host, task)
    }
}

impl StoreThread {
    /// Stores what has been taken, and ends.
    pub(crate) fn finish(self) {
        let _ = self.queue.send(Queued::End);
        if self.thread.join().is_err() {
            log::error!("the results' thread panicked");
        }
    }
}
