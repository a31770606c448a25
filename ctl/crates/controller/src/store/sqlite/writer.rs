//! The thread that owns the database: stores, acknowledges, and deletes what is older than is kept.

use crate::store::Arrival;
use super::backlog::Backlog;
use crate::store::watch::Watches;
use rusqlite::{Connection, Transaction, params};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;

/// Results in one transaction.
const MAX_BATCH: usize = 4096;

/// Bytes of results in one transaction; one result may be larger.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// How often results that are too old are looked for.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Results deleted in one transaction; new ones are stored between two.
const MAX_SWEPT: u32 = 256;

/// What comes to the thread.
pub(super) enum Queued {
    /// A result, and the room it takes.
    Arrival(Arrival, OwnedSemaphorePermit),
    /// Nothing more comes.
    End,
}

/// The thread's state.
pub(super) struct Writer {
    connection: Connection,
    watches: Arc<Watches>,
    keep: Duration,
    backlog: Backlog,
    next_sweep: Instant,
}

impl Writer {
    /// `keep`: how long a result is kept.
    pub(super) fn new(connection: Connection, watches: Arc<Watches>, keep: Duration) -> Self {
        Self { connection, watches, keep, backlog: Backlog::default(), next_sweep: Instant::now() }
    }

    /// Works until the end of the queue is said.
    pub(super) fn run(mut self, queue: &Receiver<Queued>) {
        let mut ended = false;
        while !ended {
            let (mut batch, mut room, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut next = queue.recv_timeout(self.idle());
            ended = loop {
                match next {
                    Ok(Queued::Arrival(arrival, permit)) => {
                        bytes += arrival.size();
                        batch.push(arrival);
                        room.push(permit);
                    }
                    Ok(Queued::End) | Err(RecvTimeoutError::Disconnected) => break true,
                    Err(RecvTimeoutError::Timeout) => break false,
                }
                if batch.len() >= MAX_BATCH || bytes >= MAX_BATCH_BYTES {
                    break false;
                }
                next = queue.try_recv().map_err(|_| RecvTimeoutError::Timeout);
            };
            self.store(batch);
            drop(room);
            let again = self.backlog.retry();
            self.store(again);
            if let Some(cut) = self.backlog.settle() {
                log::info!("results are stored again; {cut} agents are cut off to send the rest again");
            }
            if self.next_sweep <= Instant::now() {
                self.sweep(SystemTime::now());
            }
        }
    }

    /// How long there is nothing to do, unless something comes.
    fn idle(&self) -> Duration {
        let sweep = self.next_sweep.saturating_duration_since(Instant::now());
        self.backlog.due().map_or(sweep, |retry| retry.min(sweep))
    }

    /// Stores all or, where that fails, what can be stored; acknowledges what is on the disk.
    fn store(&mut self, batch: Vec<Arrival>) {
        if batch.is_empty() {
            return;
        }
        match self.commit(&batch) {
            Ok(()) => self.acknowledge(&batch),
            Err(error) => {
                log::debug!("{} results in one transaction: {error}", batch.len());
                for arrival in batch {
                    match self.commit(std::slice::from_ref(&arrival)) {
                        Ok(()) => self.acknowledge(std::slice::from_ref(&arrival)),
                        Err(error) => self.refuse(arrival, &error),
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

    fn acknowledge(&self, batch: &[Arrival]) {
        for arrival in batch {
            arrival.acknowledge();
            self.watches.tell(arrival.host(), &arrival.task);
        }
    }

    fn refuse(&mut self, arrival: Arrival, error: &rusqlite::Error) {
        let host = arrival.host().to_owned();
        if self.backlog.take(arrival) {
            log::error!("results can't be stored, the agents keep them: {error} (first a result of {host})");
        }
    }

    /// Deletes some of what is too old, and sees to the next time.
    fn sweep(&mut self, now: SystemTime) {
        let swept = delete_before(&mut self.connection, now.checked_sub(self.keep).unwrap_or(UNIX_EPOCH));
        self.next_sweep = match swept {
            // More may be left: at once, but after what has come meanwhile.
            Ok(swept) if swept >= MAX_SWEPT as usize => Instant::now(),
            Ok(_) => Instant::now() + SWEEP,
            Err(error) => {
                log::warn!("results that are too old can't be deleted: {error}");
                Instant::now() + SWEEP
            }
        };
    }
}

/// A result that is there already stays as it was.
fn insert(transaction: &Transaction<'_>, batch: &[Arrival], received: i64) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare(
        "INSERT INTO results (host, task, kind, received, event) VALUES (?, ?, ?, ?, ?) ON CONFLICT (host, task) DO NOTHING",
    )?;
    for arrival in batch {
        let Arrival { task, text, kind, .. } = arrival;
        statement.execute(params![arrival.host(), task, kind.method(), received, text])?;
    }
    Ok(())
}

fn delete_before(connection: &mut Connection, time: SystemTime) -> rusqlite::Result<usize> {
    connection
        .prepare(
            "DELETE FROM results WHERE sequence IN (SELECT sequence FROM results WHERE received < ? ORDER BY received LIMIT ?)",
        )?
        .execute(params![milliseconds(time), MAX_SWEPT])
}

/// Since 1970; a clock that stands before it, or far beyond our time, counts as its bound.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::tests::session;
    use crate::store::sqlite::schema;
    use crate::store::sqlite::schema::tests::Scratch;
    use agent_wire::message::EventKind;

    fn arrivals(name: &str, count: usize) -> Vec<Arrival> {
        let session = session();
        let text = || format!("{{\"x\":\"{}\"}}", "x".repeat(1000));
        (0..count)
            .map(|number| Arrival {
                session: Arc::clone(&session),
                kind: EventKind::Task,
                task: format!("{name}-{number}"),
                text: text(),
            })
            .collect()
    }

    fn count(writer: &Writer) -> usize {
        writer.connection.query_row("SELECT count(*) FROM results", [], |row| row.get::<_, u32>(0)).unwrap()
            as usize
    }

    fn writer(scratch: &Scratch, days: u64) -> Writer {
        let connection = schema::open(&scratch.0).unwrap();
        Writer::new(connection, Arc::default(), Duration::from_secs(days * 24 * 3600))
    }

    #[test]
    fn what_is_too_old_is_deleted_a_little_at_a_time() {
        const OLD: usize = 600;
        let scratch = Scratch::new();
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
        // A sequence number is not given again.
        writer.store(arrivals("new", 1));
        let sequence: u32 =
            writer.connection.query_row("SELECT sequence FROM results", [], |row| row.get(0)).unwrap();
        assert!(sequence as usize > OLD, "{sequence}");
    }

    #[test]
    fn of_a_batch_that_does_not_fit_the_results_that_do_are_stored() {
        let scratch = Scratch::new();
        let mut writer = writer(&scratch, 30);
        let pages: u32 = writer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        let bound = |writer: &Writer, pages: u32| {
            writer.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        };
        bound(&writer, pages + 10);
        writer.store(arrivals("a", 100));
        let some = count(&writer);
        assert!((1..100).contains(&some) && writer.backlog.is_failing(), "{some}");
        bound(&writer, 1 << 30);
        writer.store(arrivals("b", 100));
        assert_eq!(count(&writer), some + 100);
        assert!(writer.backlog.settle().is_none(), "what is held is not stored yet");
    }
}
