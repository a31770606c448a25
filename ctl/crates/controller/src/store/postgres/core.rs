//! The state that every part of the store shares: the connections, the hold on the database, and what is
//! published.

use super::address::Address;
use super::change::Step;
use super::error::{DbError, Failure};
use super::hold::Hold;
use super::hosts::Enrolling;
use super::nodes::Known;
use super::nodes::news;
use super::pool::Pool;
use super::seat::{Seat, Tenure};
use super::sql::Sql;
use super::{column, events, hosts, params, schedules, usage};
use crate::store::effects::Effects;
use crate::store::health::Health;
use crate::store::judged::Judged;
use crate::store::published::Published;
use crate::store::unwritten::Unwritten;
use crate::store::usage::Usage;
use crate::store::watch::Watches;
use crate::store::{Bounds, HostCounts, LEASE, Moves, NewChannel, StandingChange, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

/// Changes that may run or wait for a connection; further ones wait before they begin.
const MAX_CHANGES: u32 = 8192;

/// The longest wait for a change.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The wait for changes in progress when the store closes.
const CLOSE_WAIT: Duration = Duration::from_secs(20);

/// What an operator does about damage.
const REMEDY: &str = "restore the database from a backup, or turn to its standby";

/// The state that every part of the store shares.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) address: Arc<Address>,
    pub(super) seat: Seat,
    pub(super) pool: Pool,
    pub(super) hold: Arc<Hold>,
    pub(super) nodes: Known,
    pub(super) health: Arc<Health>,
    pub(super) published: Published,
    pub(super) watches: Arc<Watches>,
    pub(super) judged: Judged,
    /// What hosts said, on its way to the database.
    pub(super) unwritten: Unwritten,
    /// Something was noted there after a time in which nothing was.
    pub(super) presence_noted: Arc<Notify>,
    /// Held while presence is written.
    pub(super) writing_presence: tokio::sync::Mutex<()>,
    pub(super) bounds: Bounds,
    /// What results occupy; `None` when it must be read again.
    pub(super) usage: Mutex<Option<Usage>>,
    pub(super) enrolling: Enrolling,
    places: Arc<Semaphore>,
    /// Held while what was committed is read again to be published: the last one reads the last.
    pub(super) publishing: tokio::sync::Mutex<()>,
}

impl Core {
    /// Makes the core of a store; nothing is read yet.
    pub(super) fn new(address: Arc<Address>, seat: Seat, bounds: Bounds) -> Self {
        let pool = Pool::new(Arc::clone(&address), address.connector().clone());
        Self {
            address,
            seat,
            pool,
            hold: Arc::default(),
            nodes: Known::default(),
            health: Arc::default(),
            published: Published::default(),
            watches: Arc::default(),
            judged: Judged::default(),
            unwritten: Unwritten::default(),
            presence_noted: Arc::default(),
            writing_presence: tokio::sync::Mutex::default(),
            bounds,
            usage: Mutex::new(None),
            enrolling: Enrolling::default(),
            places: Arc::new(Semaphore::new(MAX_CHANGES as usize)),
            publishing: tokio::sync::Mutex::default(),
        }
    }

    /// Reads what the store knows by heart; then changes may begin.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn start(&self, tenure: Tenure) -> Result<(), DbError> {
        self.know_anew().await?;
        // Of the only controller, nobody else leads.
        self.nodes.set_leads(tenure.node.is_none());
        self.nodes.is_number(tenure.node);
        let until = tenure.node.map(|_| tenure.since + LEASE);
        self.hold.is_held(tenure, until);
        self.nodes.tenure_has_begun();
        Ok(())
    }

    /// Reads what the store knows by heart. Of a node, others may have changed anything meanwhile:
    /// whoever follows changes has missed some.
    pub(super) async fn know_anew(&self) -> Result<(), DbError> {
        let sql = self.pool.get().await?;
        // First: what changes while the rest is read is news.
        self.nodes.begin(news::snapshot(&sql).await?);
        let publishing = self.publishing.lock().await;
        let schedules = schedules::generation(&sql).await?;
        let (_, head) = events::chain(&sql).await?;
        self.published.start(counts(&sql).await?, head.sequence, schedules);
        drop(publishing);
        *self.usage.lock() = None;
        self.judged.forget_all();
        if let Seat::Node(_) = self.seat {
            self.published.some_are_missed();
        }
        Ok(())
    }

    /// Notes that another controller may write now.
    pub(super) fn hold_lost(&self) {
        // The only controller goes on with its runs when the database is back: nobody else drives them.
        if let Seat::Node(_) = self.seat {
            self.nodes.set_leads(false);
        }
        log::warn!("{}: the controller's session with the database is lost", self.address);
        self.judged.forget_all();
    }

    /// Runs a change in a task of its own, which goes on when its caller has gone.
    pub(super) async fn finished<T: Send + 'static>(
        &self,
        changing: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let places = Arc::clone(&self.places);
        let place = match timeout(MAX_WAIT, places.acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(self.unavailable("the store has stopped")),
            Err(_) => return Err(self.unavailable("too many changes wait for the database")),
        };
        let task = tokio::spawn(async move {
            let outcome = changing.await;
            drop(place);
            outcome
        });
        match timeout(MAX_WAIT, task).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable(
                "the database did not answer within 30 s; the change may still happen",
            )),
        }
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable {
            operation: format!("cannot write the database ({})", self.address),
            source: why.into(),
        }
    }

    /// Waits for the changes in progress; no other one begins.
    pub(super) async fn close(&self) {
        if timeout(CLOSE_WAIT, self.places.acquire_many(MAX_CHANGES)).await.is_err() {
            log::warn!("changes of the database still run while the controller stops");
        }
        self.places.close();
        self.pool.close();
    }

    /// Lends a connection that reads `subject`.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub(super) async fn reader(&self, subject: &str) -> Result<Sql, StoreError> {
        self.pool.get().await.map_err(|error| self.unread(subject, &error))
    }

    /// Takes the answer of a query that has read `subject`. One that has lost its connection is
    /// asked once more.
    pub(super) fn answered<T>(
        &self,
        subject: &str,
        answer: Result<T, DbError>,
        since: Instant,
        tries: &mut u32,
    ) -> Step<T> {
        self.health.metrics.reads.since(since);
        *tries += 1;
        match answer {
            Ok(value) => Step::Done(Ok(value)),
            Err(error) if *tries == 1 && error.failure() == Failure::Lost => Step::Again,
            Err(error) => Step::Done(Err(self.unread(subject, &error))),
        }
    }

    /// Returns the error for the caller of a query that has read nothing.
    pub(super) fn unread(&self, subject: &str, error: &DbError) -> StoreError {
        self.note(error);
        if error.failure() == Failure::Slow {
            return StoreError::Conflict(format!(
                "reading {subject} took longer than 10 s; narrow the search"
            ));
        }
        error.for_callers(&format!("cannot read {subject}"), &self.address.to_string())
    }

    /// Notes what a failure means to others.
    pub(super) fn note(&self, error: &DbError) {
        match error.failure() {
            Failure::Damage => self.health.damaged(&error.to_string(), REMEDY),
            // Nobody is let in because of what was known, while the database does not answer.
            Failure::Lost => self.judged.forget_all(),
            Failure::Conflict | Failure::Slow | Failure::Full | Failure::Text | Failure::Other => {}
        }
    }

    /// Forgets the hosts whose records a change has touched, committed or not.
    pub(super) fn forget(&self, effects: &Effects) {
        effects.records.iter().for_each(|host| self.judged.forget(host));
    }

    /// Publishes what a committed change means to others. What a host's state is now is read; where that
    /// fails, the change's own word counts.
    pub(super) async fn publish(&self, mut effects: Effects) {
        if !effects.replies.is_empty()
            && let Some(usage) = &mut *self.usage.lock()
        {
            for (host, bytes) in &effects.replies {
                usage.stored(host, Usage::cost(*bytes));
            }
        }
        // Two changes of one host may come here in the other order than they were committed; what is
        // read and published while the lock is held is never older than what was published before.
        let publishing = self.publishing.lock().await;
        if (effects.counts || !effects.standings.is_empty())
            && let Err(error) = self.read_again(&mut effects).await
        {
            log::warn!("cannot read what has changed of the hosts: {error}");
        }
        self.published.publish(effects);
        drop(publishing);
    }

    /// Takes what changes of other nodes mean to this one; `moves` in their order.
    ///
    /// # Errors
    /// When the hosts' states cannot be read. Nothing is published then.
    pub(super) async fn hear(
        &self,
        mut effects: Effects,
        moves: Vec<Moves>,
    ) -> Result<(), DbError> {
        self.forget(&effects);
        let publishing = self.publishing.lock().await;
        if effects.counts || !effects.standings.is_empty() {
            self.read_again(&mut effects).await?;
        }
        if let Some(usage) = &mut *self.usage.lock() {
            for (host, bytes) in &effects.usage {
                usage.changed(host, *bytes);
            }
            for (host, bytes) in &effects.replies {
                usage.stored(host, Usage::cost(*bytes));
            }
        }
        for (host, task) in &effects.results {
            self.watches.wake(host, task);
        }
        self.published.heard(&effects.records, moves);
        self.published.publish(effects);
        drop(publishing);
        Ok(())
    }

    async fn read_again(&self, effects: &mut Effects) -> Result<(), DbError> {
        let sql = self.pool.get().await?;
        if effects.counts {
            self.published.set_counts(counts(&sql).await?);
        }
        if !effects.standings.is_empty() {
            let hosts: Vec<&str> = effects.standings.iter().map(|change| &*change.host).collect();
            let states = hosts::states(&sql, &hosts).await?;
            for StandingChange { host, state } in &mut effects.standings {
                *state = states.get(host).cloned();
            }
        }
        Ok(())
    }

    /// Notes what a host said when it connected.
    pub(super) fn is_connected(&self, channel: &NewChannel) {
        if self.unwritten.connected(channel) {
            self.presence_noted.notify_one();
        }
    }

    /// Returns what results occupy, read now if it has to be.
    pub(super) async fn known_usage(&self, sql: &Sql) -> Result<(), DbError> {
        if self.usage.lock().is_none() {
            let usage = usage::load(sql).await?;
            *self.usage.lock() = Some(usage);
        }
        Ok(())
    }
}

async fn counts(sql: &Sql) -> Result<HostCounts, DbError> {
    let read = "SELECT active, pending, quarantined, banned FROM host_counts";
    let found = sql.first(read, params![], |row| {
        Ok(HostCounts {
            active: column::count(row, 0)?,
            pending: column::count(row, 1)?,
            quarantined: column::count(row, 2)?,
            banned: column::count(row, 3)?,
        })
    });
    Ok(found.await?.unwrap_or_default())
}
