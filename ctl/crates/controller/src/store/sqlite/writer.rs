//! The thread that owns the database: stores results, acknowledges them, and deletes old ones.

use super::backlog::Backlog;
use crate::store::watch::Watches;
use crate::store::{Arrival, Outcome};
use rusqlite::{Connection, Transaction, params};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// Results in one transaction.
const MAX_BATCH: usize = 4096;

/// Bytes of results in one transaction; a single result may be larger.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// The interval between two searches for results that are too old.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Results deleted in one transaction; new ones are stored in between.
const MAX_SWEPT: u32 = 256;

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
    watches: Arc<Watches>,
    keep: Duration,
    backlog: Backlog,
    next_sweep: Instant,
}

/// What [`Writer::collect`] took from the queue.
struct Batch {
    arrivals: Vec<Arrival>,
    /// Given back once the arrivals are stored.
    room: Vec<OwnedSemaphorePermit>,
    closing: bool,
}

impl Writer {
    /// Makes the writer; it deletes a result after `keep`.
    pub(super) fn new(connection: Connection, watches: Arc<Watches>, keep: Duration) -> Self {
        let backlog = Backlog::default();
        Self { connection, watches, keep, backlog, next_sweep: Instant::now() }
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
            Ok(()) => batch.into_iter().for_each(|arrival| self.acknowledge(arrival)),
            Err(error) => {
                log::debug!("cannot store {} results in one transaction: {error}", batch.len());
                for arrival in batch {
                    match self.commit(std::slice::from_ref(&arrival)) {
                        Ok(()) => self.acknowledge(arrival),
                        Err(error) => self.keep_back(arrival, &error),
                    }
                }
            }
        }
    }

    fn commit(&mut self, batch: &[Arrival]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        insert(&transaction, batch, milliseconds(SystemTime::now()))?;
        transaction.commit()
    }

    fn acknowledge(&self, arrival: Arrival) {
        let Arrival { host, task, acknowledgement, .. } = arrival;
        acknowledgement.report(Outcome::Stored);
        self.watches.wake(&host, &task);
    }

    fn keep_back(&mut self, arrival: Arrival, error: &rusqlite::Error) {
        let (host, task) = (arrival.host.clone(), arrival.task.clone());
        if self.backlog.take(arrival) {
            log::error!(
                "cannot store results, so the agents keep them: {error} \
                 (first: task {task} of host {host})"
            );
        }
    }

    /// Deletes some of the results that are too old and schedules the next sweep.
    fn sweep(&mut self, now: SystemTime) {
        let oldest = now.checked_sub(self.keep).unwrap_or(UNIX_EPOCH);
        self.next_sweep = match delete_before(&mut self.connection, oldest) {
            // More may be left: continue at once, but after the results that came meanwhile.
            Ok(swept) if swept >= MAX_SWEPT as usize => Instant::now(),
            Ok(_) => Instant::now() + SWEEP,
            Err(error) => {
                log::warn!(
                    "cannot delete results older than --keep-days, retrying tomorrow: {error}"
                );
                Instant::now() + SWEEP
            }
        };
    }
}

/// Inserts results; one that exists already stays as it is.
fn insert(transaction: &Transaction<'_>, batch: &[Arrival], received: i64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "INSERT INTO results (host, task, kind, received, event) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (host, task) DO NOTHING",
    )?;
    for Arrival { host, task, kind, event, .. } in batch {
        statement.execute(params![host, task, kind.method(), received, event])?;
    }
    Ok(())
}

fn delete_before(connection: &mut Connection, time: SystemTime) -> rusqlite::Result<usize> {
    connection
        .prepare(
            "DELETE FROM results WHERE sequence IN \
             (SELECT sequence FROM results WHERE received < ? ORDER BY received LIMIT ?)",
        )?
        .execute(params![milliseconds(time), MAX_SWEPT])
}

/// Returns the time since 1970; a clock before it, or far beyond our time, counts as its bound.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Acknowledgement;
    use crate::store::sqlite::file;
    use agent_wire::message::EventKind;
    use test_support::Scratch;

    fn arrivals(name: &str, count: usize) -> Vec<Arrival> {
        (0..count)
            .map(|number| Arrival {
                host: "host-1".to_owned(),
                kind: EventKind::Task,
                task: format!("{name}-{number}"),
                event: format!("{{\"x\":\"{}\"}}", "x".repeat(1000)),
                acknowledgement: Acknowledgement::new(|_| ()),
            })
            .collect()
    }

    fn number(writer: &Writer, query: &str) -> usize {
        writer.connection.query_row(query, [], |row| row.get::<_, u32>(0)).unwrap() as usize
    }

    fn count(writer: &Writer) -> usize {
        number(writer, "SELECT count(*) FROM results")
    }

    fn writer(scratch: &Scratch, days: u64) -> Writer {
        let connection = file::open(scratch.path()).unwrap();
        Writer::new(connection, Arc::default(), Duration::from_secs(days * 24 * 3600))
    }

    #[test]
    fn old_results_are_deleted_a_few_at_a_time() {
        const OLD: usize = 600;
        let scratch = Scratch::new("controller-store");
        let mut writer = writer(&scratch, 30);
        writer.store(arrivals("old", OLD));
        let later = |days: u64| SystemTime::now() + Duration::from_secs(days * 24 * 3600);
        writer.sweep(later(29));
        assert_eq!(count(&writer), OLD);
        assert!(writer.idle() > SWEEP / 2);
        for left in [OLD - 256, OLD - 512, 0] {
            writer.sweep(later(31));
            assert_eq!(count(&writer), left);
            assert_eq!(writer.idle().is_zero(), left > 0);
        }
        // A sequence number is never reused.
        writer.store(arrivals("new", 1));
        let sequence = number(&writer, "SELECT sequence FROM results");
        assert!(sequence > OLD, "{sequence}");
    }

    #[test]
    fn results_that_fit_are_stored_though_their_batch_does_not() {
        let scratch = Scratch::new("controller-store");
        let mut writer = writer(&scratch, 30);
        let bound = |writer: &Writer, pages: usize| {
            let pragma = format!("PRAGMA max_page_count = {pages}");
            writer.connection.query_row(&pragma, [], |_| Ok(())).unwrap();
        };
        bound(&writer, number(&writer, "PRAGMA page_count") + 10);
        writer.store(arrivals("a", 100));
        let some = count(&writer);
        assert!((1..100).contains(&some) && writer.backlog.is_failing(), "{some}");
        bound(&writer, 1 << 30);
        writer.store(arrivals("b", 100));
        assert_eq!(count(&writer), some + 100);
        assert!(writer.backlog.settle().is_none(), "the held results are not stored yet");
    }
}
