//! The task that stores results: it takes every queued one, writes a batch in one transaction, and
//! only then acknowledges them. It also deletes expired rows, once a day.
//!
//! A batch that fails is written one result at a time, so that one which the database cannot take
//! holds up no other. While the database is away, results wait with their agents (`backlog`).

mod batch;
mod expire;
mod sweep;

use super::change::CommitError;
use super::core::Core;
use crate::store::arrival::MAX_BATCH_BYTES;
use crate::store::backlog::Backlog;
use crate::store::clock::Clock;
use crate::store::milliseconds;
use crate::store::refused::Refused;
use crate::store::usage::Fate;
use crate::store::{Arrival, Outcome};
use batch::Item;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// Results in one transaction.
const MAX_BATCH: usize = 500;

/// A message to the task.
pub(super) enum QueueItem {
    /// A result, and its share of the queue's room.
    Arrival(Arrival, OwnedSemaphorePermit),
    /// The store closes: nothing follows.
    Close,
}

/// The task's data.
pub(super) struct Writer {
    core: Arc<Core>,
    queue: UnboundedReceiver<QueueItem>,
    clock: Clock,
    backlog: Backlog,
    refused: Refused,
    next_sweep: Instant,
}

/// Items that were taken from the queue.
#[derive(Default)]
struct Batch {
    arrivals: Vec<Arrival>,
    /// Given back once all of it is on disk.
    room: Vec<OwnedSemaphorePermit>,
    closing: bool,
}

impl Writer {
    /// Makes the writer. The semaphore of the results' room bounds the queue.
    pub(super) fn new(core: Arc<Core>, queue: UnboundedReceiver<QueueItem>, clock: Clock) -> Self {
        Self {
            core,
            queue,
            clock,
            backlog: Backlog::default(),
            refused: Refused::default(),
            next_sweep: Instant::now(),
        }
    }

    /// Deletes some expired rows before the first change.
    pub(super) async fn begin(mut self) -> Self {
        self.sweep(SystemTime::now()).await;
        self
    }

    /// Works until the store closes.
    pub(super) async fn run(mut self) {
        loop {
            if self.next_sweep <= Instant::now() {
                self.sweep(SystemTime::now()).await;
            }
            let batch = self.collect().await;
            self.write(batch.arrivals).await;
            drop(batch.room);
            let again = self.backlog.retry();
            self.write(again).await;
            if let Some(hosts) = self.backlog.settle() {
                self.core.health.set_failing(None);
                log::info!(
                    "results are stored again; disconnecting {hosts} agents so that they redeliver"
                );
            }
            if batch.closing {
                return;
            }
        }
    }

    /// Waits for a result, a retry or a sweep, then takes what is queued, within the bounds of one
    /// transaction.
    async fn collect(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let mut next = match timeout(self.idle(), self.queue.recv()).await {
            Ok(Some(item)) => Some(item),
            Ok(None) => Some(QueueItem::Close),
            Err(_) => None,
        };
        while let Some(item) = next {
            match item {
                QueueItem::Close => batch.closing = true,
                QueueItem::Arrival(arrival, share) => {
                    bytes += arrival.size();
                    batch.arrivals.push(arrival);
                    batch.room.push(share);
                }
            }
            if batch.closing || batch.arrivals.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
                break;
            }
            next = self.queue.try_recv().ok();
        }
        batch
    }

    /// Returns how long the task may sleep if nothing arrives.
    fn idle(&self) -> Duration {
        let sweep = self.next_sweep.saturating_duration_since(Instant::now());
        self.backlog.due().map_or(sweep, |due| due.min(sweep))
    }

    /// Writes results in one transaction or, if that fails, in smaller ones; then acknowledges those
    /// that are on disk.
    async fn write(&mut self, arrivals: Vec<Arrival>) {
        if arrivals.is_empty() {
            return;
        }
        let items: Vec<Item<'_>> = arrivals.iter().map(Item::of).collect();
        let mut committed = self.commit(&items).await;
        if committed.as_ref().is_err_and(CommitError::is_of_its_connection) {
            committed = self.commit(&items).await;
        }
        drop(items);
        match committed {
            Ok(fates) => self.settle(arrivals, fates),
            // The others would find no database either.
            Err(error) if arrivals.len() == 1 || !error.is_of_its_content() => {
                for arrival in arrivals {
                    self.keep_back(arrival, &error);
                }
            }
            Err(error) => {
                log::debug!("cannot write {} results in one transaction: {error}", arrivals.len());
                for arrival in arrivals {
                    let committed = self.commit(&[Item::of(&arrival)]).await;
                    match committed {
                        Ok(fates) => self.settle(vec![arrival], fates),
                        Err(error) => self.keep_back(arrival, &error),
                    }
                }
            }
        }
    }

    /// Writes results in one transaction. They are on disk, and can be found there, when this
    /// returns.
    async fn commit(&mut self, items: &[Item<'_>]) -> Result<Vec<Fate>, CommitError> {
        let mut transaction = self.core.try_begin().await.map_err(CommitError::Undone)?;
        let received = self.clock.date(milliseconds(SystemTime::now()));
        match batch::store(&self.core, &mut transaction, items, received).await {
            Ok(fates) => {
                let committed = self.core.commit(transaction).await;
                self.count(committed.is_ok());
                if let Err(CommitError::Unknown(_)) = committed {
                    // Read again: these results may occupy room or not.
                    *self.core.usage.lock() = None;
                }
                committed.map(|()| fates)
            }
            Err(error) => {
                self.count(false);
                self.core.note(&error);
                self.core.health.set_writes(false);
                transaction.roll_back().await;
                Err(CommitError::Undone(error))
            }
        }
    }

    /// Counts what the results of the last transaction occupy, if they are on disk.
    fn count(&self, committed: bool) {
        if let Some(usage) = &mut *self.core.usage.lock() {
            if committed {
                usage.committed();
            } else {
                usage.rolled_back();
            }
        }
    }

    /// Reports what became of results that are on disk or refused.
    fn settle(&mut self, arrivals: Vec<Arrival>, fates: Vec<Fate>) {
        for (arrival, fate) in arrivals.into_iter().zip(fates) {
            match fate {
                Fate::Stored => {
                    self.core.health.metrics.results.add_one();
                    let Arrival { host, task, acknowledgement, .. } = arrival;
                    acknowledgement.report(Outcome::Stored);
                    self.core.watches.wake(&host, &task);
                }
                Fate::Refused(full) => self.refused.take(arrival, full, &self.core.bounds),
            }
        }
    }

    fn keep_back(&mut self, arrival: Arrival, error: &CommitError) {
        let (host, task) = (arrival.host.clone(), arrival.task.clone());
        if self.backlog.take(arrival) {
            let database = &self.core.address;
            self.core.health.set_failing(Some(format!("cannot store results: {error}")));
            log::error!(
                "cannot store results in {database}, so the agents keep them: {error} (first: \
                 task {task} of host {host})"
            );
        }
    }
}
