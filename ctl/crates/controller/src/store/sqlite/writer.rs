//! The thread that owns the connection that writes: runs queued changes ([`changes`]), stores
//! results ([`insert`]) and acknowledges them ([`settle`]), and deletes what is too old ([`sweep`]).

mod changes;
mod error;
mod expire;
mod insert;
mod settle;
mod sweep;

use super::change::{Effects, QueuedChange};
use super::clock;
use super::damage;
use super::file::Place;
use super::hosts::{KeptSets, write_presence};
use super::published;
use super::sql::Sql as _;
use super::usage;
use crate::store::arrival::MAX_BATCH_BYTES;
use crate::store::backlog::Backlog;
use crate::store::clock::Clock;
use crate::store::health::Health;
use crate::store::judged::Judged;
use crate::store::milliseconds;
use crate::store::published::Published;
use crate::store::refused::Refused;
use crate::store::unwritten::Unwritten;
use crate::store::usage::{Fate, Usage};
use crate::store::watch::Watches;
use crate::store::{Arrival, Bounds};
use error::WriteError;
use insert::insert;
use rusqlite::{Connection, Transaction};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

/// Changes in one transaction, and results in one: somebody waits for each change, and a change waits
/// for one whole transaction and then its own.
const MAX_BATCH: usize = 256;

/// A message to the thread.
pub(super) enum QueueItem {
    /// A change, and its place in the queue.
    Change(Box<dyn QueuedChange>, OwnedSemaphorePermit),
    /// A result, and its share of the queue's room.
    Arrival(Arrival, OwnedSemaphorePermit),
    /// Something has become due.
    Wake,
    /// The store closes: nothing follows.
    Close,
}

/// The thread's data.
pub(super) struct Writer {
    connection: Connection,
    place: Arc<Place>,
    health: Arc<Health>,
    watches: Arc<Watches>,
    published: Arc<Published>,
    unwritten: Arc<Unwritten>,
    judged: Arc<Judged>,
    kept_sets: Arc<KeptSets>,
    bounds: Bounds,
    usage: Usage,
    clock: Clock,
    backlog: Backlog,
    refused: Refused,
    next_sweep: Instant,
    /// What was taken from the queue and is not in a transaction yet; the permits bound it.
    changes: VecDeque<(Box<dyn QueuedChange>, OwnedSemaphorePermit)>,
    arrivals: VecDeque<(Arrival, OwnedSemaphorePermit)>,
    closing: bool,
    /// The runtime of the channels, if there is one.
    runtime: Option<Handle>,
}

/// What [`Writer::collect`] took from the queue.
struct Batch {
    changes: Vec<Box<dyn QueuedChange>>,
    arrivals: Vec<Arrival>,
    /// Given back once all of it is on disk.
    room: Vec<OwnedSemaphorePermit>,
    closing: bool,
}

impl Writer {
    /// Makes the writer.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn new(
        connection: Connection,
        place: Arc<Place>,
        health: Arc<Health>,
        watches: Arc<Watches>,
        published: Arc<Published>,
        (unwritten, judged, kept_sets): (Arc<Unwritten>, Arc<Judged>, Arc<KeptSets>),
        bounds: Bounds,
    ) -> rusqlite::Result<Self> {
        let usage = usage::load(&connection)?;
        let clock = clock::load(&connection, milliseconds(SystemTime::now()))?;
        // A table that is missing or different is found now, not with the first result.
        connection.statement(insert::INSERT)?;
        connection.statement(insert::FIND)?;
        connection.statement(sweep::DELETE)?;
        Ok(Self {
            connection,
            place,
            health,
            watches,
            published,
            unwritten,
            judged,
            kept_sets,
            bounds,
            usage,
            clock,
            backlog: Backlog::default(),
            refused: Refused::default(),
            next_sweep: Instant::now(),
            changes: VecDeque::new(),
            arrivals: VecDeque::new(),
            closing: false,
            runtime: Handle::try_current().ok(),
        })
    }

    /// Works until the store closes.
    pub(super) fn run(mut self, queue: &Receiver<QueueItem>) {
        loop {
            // Before the first batch too: what is too old refuses no new result, and no host is
            // asked to redeliver what was refused a moment ago.
            if self.next_sweep <= Instant::now() {
                self.sweep(SystemTime::now());
            }
            let batch = self.collect(queue);
            self.write(batch.changes, batch.arrivals);
            drop(batch.room);
            if batch.closing || self.unwritten.due().is_some_and(|due| due <= Instant::now()) {
                self.write_presence();
            }
            let again = self.backlog.retry();
            self.write(Vec::new(), again);
            if let Some(hosts) = self.backlog.settle() {
                self.health.set_failing(None);
                log::info!(
                    "results are stored again; disconnecting {hosts} agents so that they redeliver"
                );
            }
            if batch.closing {
                return;
            }
        }
    }

    /// Waits for a change, a result, a retry or a sweep, then takes what is queued, within the
    /// bounds of one transaction. A change does not wait behind the results that came before it.
    fn collect(&mut self, queue: &Receiver<QueueItem>) -> Batch {
        if self.changes.is_empty() && self.arrivals.is_empty() && !self.closing {
            match queue.recv_timeout(self.idle()) {
                Ok(item) => self.sort(item),
                Err(RecvTimeoutError::Disconnected) => self.closing = true,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        while let Ok(item) = queue.try_recv() {
            self.sort(item);
        }
        let mut batch =
            Batch { changes: Vec::new(), arrivals: Vec::new(), room: Vec::new(), closing: false };
        for (change, place) in self.changes.drain(..self.changes.len().min(MAX_BATCH)) {
            batch.changes.push(change);
            batch.room.push(place);
        }
        let mut bytes = 0;
        while batch.arrivals.len() < MAX_BATCH
            && bytes < MAX_BATCH_BYTES
            && let Some((arrival, share)) = self.arrivals.pop_front()
        {
            bytes += arrival.size();
            batch.arrivals.push(arrival);
            batch.room.push(share);
        }
        batch.closing = self.closing && self.changes.is_empty() && self.arrivals.is_empty();
        batch
    }

    /// Puts an item where it waits for its transaction.
    fn sort(&mut self, item: QueueItem) {
        match item {
            QueueItem::Change(change, place) => self.changes.push_back((change, place)),
            QueueItem::Arrival(arrival, share) => self.arrivals.push_back((arrival, share)),
            QueueItem::Close => self.closing = true,
            QueueItem::Wake => {}
        }
    }

    /// Returns how long the thread may sleep if nothing arrives.
    fn idle(&self) -> Duration {
        let now = Instant::now();
        let sweep = self.next_sweep.saturating_duration_since(now);
        let presence = self.unwritten.due().map(|due| due.saturating_duration_since(now));
        [self.backlog.due(), presence].into_iter().flatten().fold(sweep, Duration::min)
    }

    /// Writes everything in one transaction or, if that fails, in smaller ones; then answers the
    /// changes and acknowledges the results that are on disk.
    fn write(&mut self, changes: Vec<Box<dyn QueuedChange>>, arrivals: Vec<Arrival>) {
        if changes.is_empty() && arrivals.is_empty() {
            return;
        }
        let mut changes = changes;
        match self.commit(&mut changes, &arrivals) {
            Ok((effects, fates)) => {
                published::publish(&self.published, effects, &self.connection);
                changes.into_iter().for_each(|change| change.committed());
                self.settle(arrivals, fates);
            }
            Err(error @ WriteError::Displaced(_)) => self.give_up(changes, arrivals, &error),
            Err(error) if changes.len() + arrivals.len() == 1 => {
                self.give_up(changes, arrivals, &error);
            }
            Err(error) => {
                log::debug!(
                    "cannot write {} changes and {} results in one transaction: {error}",
                    changes.len(),
                    arrivals.len()
                );
                for change in changes {
                    self.write(vec![change], Vec::new());
                }
                for arrival in arrivals {
                    self.write(Vec::new(), vec![arrival]);
                }
            }
        }
    }

    /// Writes everything in one transaction. It is on disk, and can be found there, when this
    /// returns.
    fn commit(
        &mut self,
        changes: &mut [Box<dyn QueuedChange>],
        batch: &[Arrival],
    ) -> Result<(Effects, Vec<Fate>), WriteError> {
        if let Err(why) = self.place.check() {
            self.judged.forget_all();
            return Err(WriteError::Displaced(why));
        }
        let received = self.clock.date(milliseconds(SystemTime::now()));
        let rows = self.connection.total_changes();
        let committed = self.connection.transaction().and_then(|transaction| {
            if changes.iter().any(|change| change.needs_presence()) {
                write_presence(&self.unwritten, &transaction)?;
            }
            let mut effects = Effects::default();
            // Results first: a target that ends by one need not be written as running before.
            let (usage, bounds) = (&mut self.usage, &self.bounds);
            let fates = insert(&transaction, usage, bounds, batch, received, &mut effects)?;
            changes::run(&transaction, changes, &mut effects)?;
            effects.records.iter().for_each(|host| self.judged.forget(host));
            for (host, bytes) in effects.replies.drain(..) {
                self.usage.add(&host, Usage::cost(bytes));
            }
            usage::write(&transaction, &self.usage)?;
            let since = Instant::now();
            commit(transaction, &self.kept_sets, &effects)?;
            self.health.metrics.commits.since(since);
            Ok((effects, fates))
        });
        match committed {
            Ok(written) => {
                self.usage.committed();
                // A connection often changes nothing, and that works on a full disk, too.
                if self.connection.total_changes() > rows {
                    self.health.set_writes(true);
                }
                self.unwritten.committed();
                // Moved away during the commit: it may have gone into a file without a name.
                self.place.check().map_err(WriteError::Displaced)?;
                Ok(written)
            }
            Err(error) => {
                self.usage.rolled_back();
                self.health.set_writes(false);
                self.unwritten.rolled_back();
                self.judged.forget_all();
                damage::note(&self.health, &error);
                Err(error.into())
            }
        }
    }

    /// Writes what is known of the hosts' presence, in a transaction of its own. When that fails,
    /// hosts that come back find out too that the database does not answer.
    fn write_presence(&mut self) {
        let written = self.place.check().map_err(WriteError::Displaced).and_then(|()| {
            let transaction = self.connection.transaction()?;
            write_presence(&self.unwritten, &transaction)?;
            let since = Instant::now();
            transaction.commit()?;
            self.health.metrics.commits.since(since);
            Ok(())
        });
        match written {
            Ok(()) => {
                self.health.set_writes(true);
                self.unwritten.committed();
            }
            Err(error) => {
                self.health.set_writes(false);
                log::debug!("what is known of the hosts' presence is not written yet: {error}");
                if let WriteError::Sqlite(error) = &error {
                    damage::note(&self.health, error);
                }
                self.unwritten.rolled_back();
                self.judged.forget_all();
            }
        }
    }
}

/// Commits a transaction; sets of hosts that it changes are not kept.
fn commit(sql: Transaction<'_>, kept: &KeptSets, effects: &Effects) -> rusqlite::Result<()> {
    let changes_sets = effects.counts || !effects.relabeled.is_empty();
    if changes_sets {
        kept.close();
    }
    let committed = sql.commit();
    if changes_sets {
        kept.open();
    }
    committed
}

#[cfg(test)]
mod tests;
