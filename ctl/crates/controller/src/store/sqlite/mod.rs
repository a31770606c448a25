//! [`SqliteStore`]: everything in one SQLite file.
//!
//! One thread (`writer`) owns the connection that writes: it takes every queued `change` and result,
//! commits them in one transaction, and only then answers and acknowledges them. A result that
//! cannot be stored goes to the `backlog`; one that exceeds a bound (`usage`) is `refused`. What is
//! too old is deleted by a `clock` that is doubted when it jumps. Reads use connections of their own
//! (`reader`), so a commit never waits for them. `published` is what others learn of a change.
//!
//! Each trait of the store has a file of its own, and each statement runs through `sql`. `file`
//! locks and opens the database; `export` gives it to a migration to PostgreSQL; `migrations` brings its schema up to date; `health` says what is
//! wrong with it, also after a `check` of its content at the start; `room` looks at the disk.

mod change;
mod check;
mod clock;
mod column;
mod damage;
mod events;
mod export;
mod facts;
mod file;
mod hosts;
mod idempotency;
mod migrations;
mod nodes;
mod people;
mod published;
mod reader;
mod results;
mod room;
mod runs;
mod schedules;
mod sql;
mod tokens;
mod trend;
mod usage;
mod writer;

use super::arrival::MAX_QUEUED_KIB;
use super::health::Health;
use super::judged::Judged;
use super::nodes::KnownNodes;
use super::published::Published;
use super::unwritten::Unwritten;
use super::watch::Watches;
use super::{Bounds, Occupied, Store, StoreError, milliseconds};
use crate::error::Error;
use crate::metrics::StoreMetrics;
use async_trait::async_trait;
use change::{ChangeError, Effects, Pending, QueuedChange, Transaction};
use check::ContentCheck;
pub(crate) use export::MigrationSource;
use file::Place;
pub(crate) use file::{lock as lock_state_dir, refuse_moved};
use hosts::KeptSets;
use parking_lot::Mutex;
use reader::{CONNECTIONS, Readers};
use rusqlite::{Connection, ErrorCode};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use writer::{QueueItem, Writer};

/// Changes that may wait for the disk; further ones wait before they are queued.
const MAX_CHANGES: usize = 8192;

/// The longest wait for a change to be on disk.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The name of the engine.
const ENGINE: &str = "SQLite";

/// Everything in an SQLite database.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    dir: PathBuf,
    queue: mpsc::Sender<QueueItem>,
    room: Arc<Semaphore>,
    places: Arc<Semaphore>,
    readers: Readers,
    /// Turns to prepare facts.
    preparing: Semaphore,
    /// Bytes of facts of all hosts.
    max_fact_bytes: i64,
    /// Targets of all runs.
    most_targets: i64,
    watches: Arc<Watches>,
    published: Arc<Published>,
    nodes: KnownNodes,
    unwritten: Arc<Unwritten>,
    judged: Arc<Judged>,
    kept_sets: Arc<KeptSets>,
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
        let mut connection = file::open(dir)?;
        start(&mut connection).map_err(file::unusable(dir))?;
        let health = Arc::new(Health::default());
        let connections =
            (0..CONNECTIONS).map(|_| file::open_read_only(dir)).collect::<Result<_, _>>()?;
        let readers = Readers::new(connections, Arc::clone(&health));
        let watches = Arc::new(Watches::default());
        let published = Arc::new(Published::default());
        published::load(&published, &connection).map_err(file::unusable(dir))?;
        let (unwritten, judged) = (Arc::new(Unwritten::default()), Arc::new(Judged::default()));
        let kept_sets = Arc::new(KeptSets::default());
        let place = Arc::new(Place::of(dir)?);
        // The semaphore `room` bounds the queue.
        let (queue, receiver) = mpsc::channel();
        let writer = Writer::new(
            connection,
            Arc::clone(&place),
            Arc::clone(&health),
            Arc::clone(&watches),
            Arc::clone(&published),
            (Arc::clone(&unwritten), Arc::clone(&judged), Arc::clone(&kept_sets)),
            bounds,
        )
        .map_err(file::unusable(dir))?;
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(Error::system("cannot start the thread that writes the database"))?;
        let check = ContentCheck::start(file::open_read_only(dir)?, Arc::clone(&health))?;
        Ok(Self {
            dir: dir.to_owned(),
            queue,
            room: Arc::new(Semaphore::new(MAX_QUEUED_KIB as usize)),
            places: Arc::new(Semaphore::new(MAX_CHANGES)),
            readers,
            preparing: Semaphore::new(facts::PREPARING),
            max_fact_bytes: i64::try_from(bounds.max_fact_bytes).unwrap_or(i64::MAX),
            most_targets: bounds.most_targets(),
            watches,
            published,
            nodes: KnownNodes::new(true),
            unwritten,
            judged,
            kept_sets,
            place,
            health,
            writer: Mutex::new(Some(thread)),
            check: Mutex::new(Some(check)),
            lock: Mutex::new(Some(lock)),
        })
    }
}

/// Ends what the last run of the controller left open.
fn start(connection: &mut Connection) -> Result<(), ChangeError> {
    let ended = connection.transaction().map_err(ChangeError::from).and_then(|sql| {
        let mut effects = Effects::default();
        let mut transaction = Transaction { sql: &sql, effects: &mut effects };
        idempotency::interrupt(&mut transaction)?;
        let ended = events::close_open(&mut transaction, milliseconds(SystemTime::now()))?;
        sql.commit()?;
        Ok(ended)
    });
    match ended {
        Ok(0) => Ok(()),
        Ok(ended) => {
            log::warn!(
                "the controller ended during {ended} audited actions: the audit log calls their \
                 outcome unknown"
            );
            Ok(())
        }
        // The next start tries again; agents must not wait for room on the disk.
        Err(ChangeError::Sqlite(error))
            if error.sqlite_error_code() == Some(ErrorCode::DiskFull) =>
        {
            log::error!("the disk is full: cannot note which actions the last run left open");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

impl SqliteStore {
    /// Runs a change in the writer's next transaction; it is on disk when this returns.
    async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, ChangeError> + Send + 'static,
    {
        let (change, answer) = Pending::new(work, true);
        self.queue_change(change, answer).await
    }

    /// Runs a change that neither reads nor writes the hosts' presence, which can wait then.
    async fn change_without_presence<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> Result<T, ChangeError> + Send + 'static,
    {
        let (change, answer) = Pending::new(work, false);
        self.queue_change(change, answer).await
    }

    async fn queue_change<T>(
        &self,
        change: Box<dyn QueuedChange>,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answered = timeout(MAX_WAIT, async {
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            self.queue.send(QueueItem::Change(change, place)).ok()?;
            answer.await.ok()
        });
        match answered.await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => Err(unavailable("the store has stopped")),
            Err(_) => {
                Err(unavailable("the disk did not answer within 30 s; the change may still happen"))
            }
        }
    }

    /// Lets the writer look at what is due.
    fn wake(&self) -> Result<(), StoreError> {
        self.queue.send(QueueItem::Wake).map_err(|_| unavailable("the store has stopped"))
    }
}

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable {
        operation: "cannot write the database".to_owned(),
        source: why.into(),
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn problem(&self) -> Option<String> {
        if let Some(problem) = self.health.problem() {
            return Some(problem);
        }
        let (place, dir) = (Arc::clone(&self.place), self.dir.clone());
        let look = move || place.check().and_then(|()| room::check(&dir));
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Some(why),
            Err(error) => return Some(error.to_string()),
        }
        if self.health.writes() {
            return None;
        }
        // A write has failed, and it may be long until another one shows whether that has passed.
        let written = self.change(|transaction| Ok(room::try_writing(transaction.sql)?)).await;
        written.err().map(|error| error.to_string())
    }

    fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.health.metrics
    }

    async fn occupied(&self) -> Occupied {
        let dir = self.dir.clone();
        let place = dir.display().to_string();
        let reading = tokio::task::spawn_blocking(move || Occupied::of_dir(ENGINE, &dir));
        let unknown = |_| Occupied { engine: ENGINE, place, bytes: None, free: None };
        reading.await.unwrap_or_else(unknown)
    }

    fn queued(&self) -> u64 {
        (MAX_QUEUED_KIB as usize).saturating_sub(self.room.available_permits()) as u64 * 1024
    }

    async fn close(&self) {
        drop(self.check.lock().take());
        self.readers.close(CONNECTIONS).await;
        let Some(thread) = self.writer.lock().take() else { return };
        // An error means that the thread has ended already; joining it says why.
        let _ = self.queue.send(QueueItem::Close);
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            log::error!("the thread that writes the database panicked");
        }
        if let Some(lock) = self.lock.lock().take()
            && let Err(error) = lock.unlock()
        {
            // Closing the file unlocks it too, unless a process that was just forked has it open.
            log::warn!("cannot unlock the state directory: {error}");
        }
    }
}

/// Returns a page's limit as SQLite wants it.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod kill;
#[cfg(test)]
#[expect(clippy::print_stdout, reason = "measurements print their figures")]
mod measure;
#[cfg(test)]
mod tests {
    use super::super::conformance::{self, Database, HOST_BYTES};
    use super::*;
    use test_support::Scratch;

    struct SqliteFile(Scratch);

    impl Database for SqliteFile {
        async fn create() -> Self {
            Self(Scratch::new("controller-store"))
        }

        async fn open(&self) -> Arc<dyn Store> {
            let keep = Duration::from_secs(24 * 3600);
            let bounds = Bounds {
                keep,
                keep_events: keep,
                max_host_bytes: HOST_BYTES,
                ..Bounds::generous()
            };
            Arc::new(SqliteStore::open(self.0.path(), bounds).unwrap())
        }
    }

    conformance::suite!(SqliteFile);
}
