//! The thread that owns the database: stores results, acknowledges them, and deletes old ones
//! ([`sweep`]).

mod sweep;

use super::Bounds;
use super::backlog::Backlog;
use super::clock::Clock;
use super::file::Place;
use super::health::Health;
use super::refused::Refused;
use super::usage::{Full, Usage};
use crate::store::watch::Watches;
use crate::store::{Arrival, Outcome};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// Results in one transaction.
const MAX_BATCH: usize = 4096;

/// Bytes of results in one transaction; a single result may be larger.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// A message to the thread.
#[derive(Debug)]
pub(super) enum QueueItem {
    /// A result, and its share of the queue's room.
    Arrival(Arrival, OwnedSemaphorePermit),
    /// The store closes: nothing follows.
    Close,
}

/// The thread's data.
pub(super) struct Writer {
    connection: Connection,
    place: Arc<Place>,
    health: Arc<Health>,
    watches: Arc<Watches>,
    bounds: Bounds,
    usage: Usage,
    clock: Clock,
    backlog: Backlog,
    refused: Refused,
    next_sweep: Instant,
}

/// What [`Writer::collect`] took from the queue.
struct Batch {
    arrivals: Vec<Arrival>,
    /// Given back once the arrivals are stored.
    room: Vec<OwnedSemaphorePermit>,
    closing: bool,
}

/// What became of each result of a transaction that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is stored, now or before.
    Stored,
    /// There is no room for it.
    Refused(Full),
}

/// Why a transaction is not on disk.
#[derive(Debug)]
enum WriteError {
    /// The files of the database are not where they were.
    Displaced(String),
    Sqlite(rusqlite::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Displaced(why) => f.write_str(why),
            Self::Sqlite(error) => error.fmt(f),
        }
    }
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
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
        bounds: Bounds,
    ) -> rusqlite::Result<Self> {
        let usage = Usage::load(&connection)?;
        let clock = Clock::load(&connection, milliseconds(SystemTime::now()))?;
        // A table that is missing or different is found now, not with the first result.
        connection.prepare(INSERT)?;
        connection.prepare(FIND)?;
        connection.prepare(sweep::DELETE)?;
        Ok(Self {
            connection,
            place,
            health,
            watches,
            bounds,
            usage,
            clock,
            backlog: Backlog::default(),
            refused: Refused::default(),
            next_sweep: Instant::now(),
        })
    }

    /// Works until the store closes.
    pub(super) fn run(mut self, queue: &Receiver<QueueItem>) {
        loop {
            let batch = self.collect(queue);
            self.store(batch.arrivals);
            drop(batch.room);
            let again = self.backlog.retry();
            self.store(again);
            if let Some(hosts) = self.backlog.settle() {
                self.health.set_failing(None);
                log::info!(
                    "results are stored again; disconnecting {hosts} agents so that they redeliver"
                );
            }
            if self.next_sweep <= Instant::now() {
                self.sweep(SystemTime::now());
            }
            if batch.closing {
                return;
            }
        }
    }

    /// Waits for a result, a retry or a sweep, then takes the queued results, within the bounds of
    /// one transaction.
    fn collect(&self, queue: &Receiver<QueueItem>) -> Batch {
        let mut batch = Batch { arrivals: Vec::new(), room: Vec::new(), closing: false };
        let mut bytes = 0;
        let mut next = queue.recv_timeout(self.idle());
        loop {
            match next {
                Ok(QueueItem::Arrival(arrival, permit)) => {
                    bytes += arrival.size();
                    batch.arrivals.push(arrival);
                    batch.room.push(permit);
                }
                Ok(QueueItem::Close) | Err(RecvTimeoutError::Disconnected) => {
                    batch.closing = true;
                    return batch;
                }
                Err(RecvTimeoutError::Timeout) => return batch,
            }
            if batch.arrivals.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
                return batch;
            }
            next = queue.try_recv().map_err(|_| RecvTimeoutError::Timeout);
        }
    }

    /// Returns how long the thread may sleep if nothing arrives.
    fn idle(&self) -> Duration {
        let sweep = self.next_sweep.saturating_duration_since(Instant::now());
        self.backlog.due().map_or(sweep, |retry| retry.min(sweep))
    }

    /// Stores the batch at once or, if that fails, each result by itself; acknowledges the results
    /// that are on disk.
    fn store(&mut self, batch: Vec<Arrival>) {
        if batch.is_empty() {
            return;
        }
        match self.commit(&batch) {
            Ok(fates) => self.settle(batch, fates),
            Err(error @ WriteError::Displaced(_)) => {
                batch.into_iter().for_each(|arrival| self.keep_back(arrival, &error));
            }
            Err(WriteError::Sqlite(error)) => {
                log::debug!("cannot store {} results in one transaction: {error}", batch.len());
                for arrival in batch {
                    match self.commit(std::slice::from_ref(&arrival)) {
                        Ok(fates) => self.settle(vec![arrival], fates),
                        Err(error) => self.keep_back(arrival, &error),
                    }
                }
            }
        }
    }

    /// Stores the batch in one transaction. It is on disk, and can be found there, when this
    /// returns.
    fn commit(&mut self, batch: &[Arrival]) -> Result<Vec<Fate>, WriteError> {
        self.place.check().map_err(WriteError::Displaced)?;
        let received = self.clock.date(milliseconds(SystemTime::now()));
        let committed = self.connection.transaction().and_then(|transaction| {
            let fates = insert(&transaction, &mut self.usage, &self.bounds, batch, received)?;
            self.usage.write(&transaction)?;
            transaction.commit()?;
            Ok(fates)
        });
        match committed {
            Ok(fates) => {
                self.usage.committed();
                // Moved away during the commit: it may have gone into a file without a name.
                self.place.check().map_err(WriteError::Displaced)?;
                Ok(fates)
            }
            Err(error) => {
                self.usage.rolled_back();
                self.health.note(&error);
                Err(error.into())
            }
        }
    }

    fn settle(&mut self, batch: Vec<Arrival>, fates: Vec<Fate>) {
        for (arrival, fate) in batch.into_iter().zip(fates) {
            match fate {
                Fate::Stored => self.acknowledge(arrival),
                Fate::Refused(full) => self.refused.take(arrival, full, &self.bounds),
            }
        }
    }

    fn acknowledge(&self, arrival: Arrival) {
        let Arrival { host, task, acknowledgement, .. } = arrival;
        acknowledgement.report(Outcome::Stored);
        self.watches.wake(&host, &task);
    }

    fn keep_back(&mut self, arrival: Arrival, error: &WriteError) {
        let (host, task) = (arrival.host.clone(), arrival.task.clone());
        if self.backlog.take(arrival) {
            self.health.set_failing(Some(format!("cannot store results: {error}")));
            log::error!(
                "cannot store results, so the agents keep them: {error} \
                 (first: task {task} of host {host})"
            );
        }
    }
}

/// Inserts an event, unless the same event is there already: then it is a redelivery. Rows of the
/// schema's first version have no digest.
const INSERT: &str = "INSERT INTO results (host, task, kind, received, event, digest) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS \
     (SELECT 1 FROM results WHERE host = ?1 AND task = ?2 AND digest IS NULL AND event = ?5) \
     ON CONFLICT (host, task, digest) DO NOTHING";

/// Finds an event that is there already.
const FIND: &str = "SELECT 1 FROM results WHERE host = ?1 AND task = ?2 \
     AND (digest = ?3 OR digest IS NULL AND event = ?4)";

fn insert(
    transaction: &Transaction<'_>,
    usage: &mut Usage,
    bounds: &Bounds,
    batch: &[Arrival],
    received: i64,
) -> rusqlite::Result<Vec<Fate>> {
    let mut insert = transaction.prepare(INSERT)?;
    let mut find = transaction.prepare(FIND)?;
    let mut fates = Vec::with_capacity(batch.len());
    for Arrival { host, task, kind, event, .. } in batch {
        let digest = ring::digest::digest(&ring::digest::SHA256, event.as_bytes());
        let digest = digest.as_ref();
        let cost = Usage::cost(event.len() as u64);
        fates.push(match usage.full(bounds, host, cost) {
            None => {
                let values = params![host, task, kind.method(), received, event, digest];
                if insert.execute(values)? > 0 {
                    usage.add(host, cost);
                }
                Fate::Stored
            }
            Some(full) => {
                match find.query_row(params![host, task, digest, event], |_| Ok(())).optional()? {
                    Some(()) => Fate::Stored,
                    None => Fate::Refused(full),
                }
            }
        });
    }
    Ok(fates)
}

/// Returns the time since 1970; a clock before it, or far beyond our time, counts as its bound.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
