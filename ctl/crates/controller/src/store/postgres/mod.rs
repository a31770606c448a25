//! [`PostgresStore`]: everything in a PostgreSQL database, which other machines can share.
//!
//! Each `change` is a transaction of its own on a connection of the `pool`; `lock` has the locks by
//! which two of them that look at the same thing come one after the other. Results come in crowds:
//! one task (`writer`) stores them in batches. `hold` keeps a second controller out, `mark` finds the
//! outcome of a commit whose answer was lost. `core` is what all parts share, `address` where the
//! database is.
//!
//! Each trait of the store has a file of its own, and each statement runs through `sql`, which bounds
//! it; in tests `plan` looks at how the server would run it. `migrations` brings the schema up to
//! date. `import` is the database while a site on SQLite is moved into it.

mod address;
mod change;
mod clock;
mod column;
mod core;
mod error;
mod events;
mod facts;
mod head;
mod hold;
mod hosts;
mod idempotency;
mod import;
mod lock;
mod mark;
mod migrations;
mod nodes;
mod password;
mod people;
#[cfg(test)]
mod plan;
mod pool;
mod results;
mod runs;
mod schedules;
mod seat;
mod sql;
mod text;
mod tls;
mod tokens;
mod trend;
mod usage;
mod writer;

use self::core::Core;
use super::arrival::MAX_QUEUED_KIB;
use super::clock::Clock;
use super::{Bounds, Occupied, Store, milliseconds};
use crate::error::Error;
use crate::metrics::StoreMetrics;
pub(crate) use address::Address;
use async_trait::async_trait;
use change::{ChangeError, CommitError, query};
use error::DbError;
pub(crate) use error::Sentence;
use hold::Session;
use hosts::presence;
pub(crate) use import::MigrationTarget;
use parking_lot::Mutex;
pub(crate) use seat::Seat;
use sql::params;
use std::sync::Arc;
use std::time::SystemTime;
pub(crate) use text::without_nul;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use writer::{QueueItem, Writer};

/// Everything in a PostgreSQL database.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    core: Arc<Core>,
    queue: UnboundedSender<QueueItem>,
    room: Arc<Semaphore>,
    /// Turns of hosts whose facts are prepared.
    preparing: Semaphore,
    stop: watch::Sender<bool>,
    /// The tasks, until the store is closed: the writer, then those that `stop` ends.
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl PostgresStore {
    /// Opens the database, which must exist; its schema is made or brought up to date.
    ///
    /// # Errors
    /// When the server cannot be reached, another controller uses the database, or its schema cannot
    /// be migrated.
    pub(crate) async fn open(address: Address, seat: Seat, bounds: Bounds) -> Result<Self, Error> {
        let database = address.to_string();
        let unusable = |why: String| Error::Database { database: database.clone(), why };
        let mut session = Session::open(&address).await.map_err(unusable)?;
        migrations::apply(&mut session, &address).await?;
        let tenure = session.take_at_start(&address, &seat).await?;
        import::refuse_unfinished(session.client()).await.map_err(unusable)?;
        let core = Arc::new(Core::new(Arc::new(address), seat, bounds));
        let unreadable = |error: DbError| unusable(error.to_string());
        core.start(tenure).await.map_err(unreadable)?;
        let clock =
            Self::end_the_last_run(&core).await.map_err(|error| unusable(error.to_string()))?;
        let (queue, queued) = unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let writer = Writer::new(Arc::clone(&core), queued, clock).begin().await;
        let writer = tokio::spawn(writer.run());
        let presence = tokio::spawn(presence::keep(Arc::downgrade(&core), stopped.clone()));
        let news = tokio::spawn(nodes::news::keep(Arc::downgrade(&core), stopped.clone()));
        let keeper = tokio::spawn(hold::keep(Arc::downgrade(&core), session, stopped));
        Ok(Self {
            core,
            queue,
            room: Arc::new(Semaphore::new(MAX_QUEUED_KIB as usize)),
            preparing: Semaphore::new(facts::PREPARING),
            stop,
            tasks: Mutex::new(vec![writer, presence, news, keeper]),
        })
    }

    /// Ends what the last run of the controller left open; returns the clock that the database
    /// remembers.
    async fn end_the_last_run(core: &Core) -> Result<Clock, ChangeError> {
        let mut transaction = core.try_begin().await?;
        let now = milliseconds(SystemTime::now());
        let ended = match transaction.node {
            Some(node) => nodes::settle::clear(&mut transaction, node, now).await?,
            None => {
                idempotency::interrupt(&transaction.sql, None).await?;
                events::close_open(&mut transaction, None, now).await?
            }
        };
        let clock = clock::load(&transaction.sql, now).await?;
        core.commit(transaction).await.map_err(CommitError::into_inner)?;
        if ended > 0 {
            log::warn!(
                "the controller ended during {ended} audited actions: the audit log calls their \
                 outcome unknown"
            );
        }
        Ok(clock)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn problem(&self) -> Option<String> {
        if let Some(problem) = self.core.health.problem() {
            return Some(problem);
        }
        if let Some(absence) = self.core.hold.absence() {
            return Some(absence);
        }
        if self.core.health.writes() {
            return None;
        }
        // A write has failed, and it may be long until another one shows whether that has passed.
        match self.core.try_begin().await {
            Ok(transaction) => {
                let committed = self.core.commit(transaction).await;
                committed.err().map(|error| CommitError::into_inner(error).to_string())
            }
            Err(error) => Some(error.to_string()),
        }
    }

    fn metrics(&self) -> &Arc<StoreMetrics> {
        &self.core.health.metrics
    }

    async fn occupied(&self) -> Occupied {
        let read = "SELECT pg_database_size(current_database())";
        let bytes = query!(self, "the size of the database", |sql| async {
            sql.first(read, params![], |row| column::count(row, 0)).await
        });
        let bytes = bytes.unwrap_or_else(|error| {
            log::debug!("{error}");
            None
        });
        let place = self.core.address.to_string();
        Occupied { engine: "PostgreSQL", place, bytes, free: None }
    }

    fn queued(&self) -> u64 {
        (MAX_QUEUED_KIB as usize).saturating_sub(self.room.available_permits()) as u64 * 1024
    }

    async fn close(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        // An error means that the writer has ended already; joining it says why.
        let _ = self.queue.send(QueueItem::Close);
        let mut tasks = tasks.into_iter();
        if let Some(writer) = tasks.next()
            && writer.await.is_err()
        {
            log::error!("the task that stores results panicked");
        }
        self.core.write_presence().await;
        nodes::settle::leave(&self.core).await;
        self.core.close().await;
        self.stop.send_replace(true);
        for task in tasks {
            if task.await.is_err() {
                log::error!("a task of the store panicked");
            }
        }
    }
}

/// Returns a page's limit as PostgreSQL wants it.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "a run of many kills prints its seed and its count")]
mod kill;
#[cfg(test)]
#[expect(clippy::print_stdout, reason = "measurements print their figures")]
mod measure;
#[cfg(test)]
mod tests;
