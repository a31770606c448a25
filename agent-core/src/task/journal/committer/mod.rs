//! Group commit: requests that arrive during one sync go to the disk in the next, in their order.
//!
//! Requests that nothing waits for ([`Priority::Deferred`]) go with them, and alone only after a
//! while.
//!
//! A thread of its own writes, so that a slow disk delays only the requesters. It is started when
//! there is something to write and ends after a while without work: an idle agent has one thread.

mod request;
mod write;

pub(crate) use request::{CommitError, Priority};

use super::disk::Disk;
use super::log::{Log, Recovered};
use parking_lot::{Condvar, Mutex};
use request::{Outcome, Request};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use write::write_all;

/// Bytes of records that may wait; a further request is rejected.
const MAX_PENDING: usize = 32 << 20;

/// Requests that make a batch worth writing while more arrive.
const ENOUGH: usize = 100;

/// How long a deferred request waits for others to be written with.
const DEFERRED: Duration = Duration::from_millis(50);

/// How long the thread waits for more work before it ends.
const LINGER: Duration = Duration::from_secs(10);

/// The thread's stack, in bytes; it touches a page or two.
const STACK: usize = 256 << 10;

/// Receives committed records and knows their meaning. Called on the committer's thread, never
/// under its lock.
pub(crate) trait Replica: Send + Sync + 'static {
    /// A record.
    type Record: Send;

    /// Returns a record as it goes to the disk.
    fn bytes(record: &Self::Record) -> Vec<u8>;
    /// Receives a record that was found on the disk. Called for each one, in order, before the
    /// first commit.
    fn recover(&self, bytes: &[u8]);
    /// Receives the records of one commit, in their order, once they are on the disk and before the
    /// requesters learn it; so [`Replica::snapshot`] includes them afterwards.
    fn apply(&self, records: Vec<Self::Record>);
    /// Returns the fewest records that rebuild the replica.
    fn snapshot(&self) -> Vec<Vec<u8>>;
    /// Returns the bytes of room that required records may still take: kept free of new ones.
    fn reserve(&self) -> u64;
}

/// Whether a request that was added to the queue has to wake the thread.
enum Urgency {
    /// At once: the batch is worth writing.
    Now,
    /// As soon as the other tasks that are ready have run.
    Soon,
    /// No: it goes with an earlier request.
    None,
}

/// The requests that wait for the thread.
struct Queue<R> {
    requests: VecDeque<Request<R>>,
    bytes: usize,
    /// When they are written at the latest; `None` without requests.
    by: Option<Instant>,
    /// Whether the thread exists or is being started.
    served: bool,
    closed: bool,
}

/// The journal, as the committer and its thread use it.
struct Journal<D: Disk, R: Replica> {
    queue: Mutex<Queue<R::Record>>,
    wake: Condvar,
    /// Signaled when the thread has ended.
    ended: Condvar,
    log: Mutex<Log<D>>,
    replica: Arc<R>,
}

/// Commits records to the disk.
pub(crate) struct Committer<D: Disk + Send + 'static, R: Replica>
where
    D::File: Send,
{
    journal: Arc<Journal<D, R>>,
}

impl<D: Disk + Send + 'static, R: Replica> Committer<D, R>
where
    D::File: Send,
{
    /// Opens a journal and gives its records to the replica.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub(crate) fn open(disk: D, replica: Arc<R>) -> io::Result<(Self, Recovered)> {
        let (log, mut recovered) = Log::open(disk)?;
        for record in std::mem::take(&mut recovered.records) {
            replica.recover(&record);
        }
        let queue =
            Queue { requests: VecDeque::new(), bytes: 0, by: None, served: false, closed: false };
        let journal = Journal {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            ended: Condvar::new(),
            log: Mutex::new(log),
            replica,
        };
        Ok((Self { journal: Arc::new(journal) }, recovered))
    }

    /// Commits records, all or none. Dropping the future takes nothing back.
    ///
    /// # Errors
    /// [`CommitError`]: none of them is on the disk, and the replica has not got them.
    pub(crate) async fn commit(
        &self,
        records: Vec<R::Record>,
        priority: Priority,
    ) -> Result<(), CommitError> {
        let (sender, outcome) = oneshot::channel();
        let bytes = records.iter().map(R::bytes).collect();
        match self.enqueue(Request { records, bytes, priority, outcome: sender })? {
            Urgency::Now => self.wake(),
            Urgency::Soon => {
                let _wake = WakeOnDrop(self);
                // Let the other tasks that are ready add their requests, so that they share a
                // batch.
                tokio::task::yield_now().await;
            }
            Urgency::None => {}
        }
        // The thread reports an outcome for each request that it takes, unless it panics.
        outcome.await.map_or(Err(CommitError::Closed), Outcome::pass_on)
    }

    fn enqueue(&self, request: Request<R::Record>) -> Result<Urgency, CommitError> {
        let mut queue = self.journal.queue.lock();
        let bytes: usize = request.bytes.iter().map(Vec::len).sum();
        if queue.closed {
            return Err(CommitError::Closed);
        }
        if queue.bytes + bytes > MAX_PENDING {
            return Err(CommitError::Busy);
        }
        queue.bytes += bytes;
        let now = Instant::now();
        let by = if request.priority == Priority::Deferred { now + DEFERRED } else { now };
        let is_sooner = queue.by.is_none_or(|before| by < before);
        queue.requests.push_back(request);
        if is_sooner {
            queue.by = Some(by);
        }
        Ok(match queue.requests.len() == ENOUGH {
            true => Urgency::Now,
            false if is_sooner => Urgency::Soon,
            false => Urgency::None,
        })
    }

    /// Makes sure that a thread writes the requests that wait.
    fn wake(&self) {
        let mut queue = self.journal.queue.lock();
        if queue.requests.is_empty() {
            return;
        }
        if queue.served {
            drop(queue);
            self.journal.wake.notify_one();
            return;
        }
        queue.served = true;
        let journal = self.journal.clone();
        let started = thread::Builder::new()
            .name("journal".to_owned())
            .stack_size(STACK)
            .spawn(move || serve(&journal));
        if let Err(error) = started {
            queue.served = false;
            queue.bytes = 0;
            queue.by = None;
            let error = CommitError::Failed(Arc::new(io::Error::new(
                error.kind(),
                format!("cannot start the journal thread: {error}"),
            )));
            for request in queue.requests.drain(..) {
                let _ = request
                    .outcome
                    .send(Outcome { result: Err(error.clone()), others: Vec::new() });
            }
        }
    }

    /// Rejects requests from now on, and waits until the earlier ones are written.
    pub(crate) fn close(&self) {
        self.wake();
        let mut queue = self.journal.queue.lock();
        queue.closed = true;
        self.journal.wake.notify_one();
        while queue.served {
            self.journal.ended.wait(&mut queue);
        }
    }
}

/// Wakes the thread when dropped, also when the future that was to do so is dropped: other requests
/// rely on it.
struct WakeOnDrop<'a, D: Disk + Send + 'static, R: Replica>(&'a Committer<D, R>)
where
    D::File: Send;

impl<D: Disk + Send + 'static, R: Replica> Drop for WakeOnDrop<'_, D, R>
where
    D::File: Send,
{
    fn drop(&mut self) {
        self.0.wake();
    }
}

fn serve<D: Disk, R: Replica>(journal: &Journal<D, R>) {
    // Dropped last.
    let mut leaving = Leaving { journal, by_panic: true };
    // One thread at a time: a new one is started only after this one has cleared `served`.
    let mut log = journal.log.lock();
    while let Some(requests) = next(journal) {
        write_all(&mut log, &*journal.replica, requests);
    }
    leaving.by_panic = false;
}

/// Makes sure that no requester waits for a thread that has ended.
struct Leaving<'a, D: Disk, R: Replica> {
    journal: &'a Journal<D, R>,
    by_panic: bool,
}

impl<D: Disk, R: Replica> Drop for Leaving<'_, D, R> {
    fn drop(&mut self) {
        if self.by_panic {
            // The replica panicked in the middle of a change: it differs from the disk and must not
            // go there as a snapshot. The next start rebuilds it from the disk.
            let mut queue = self.journal.queue.lock();
            queue.closed = true;
            queue.served = false;
            queue.requests.clear();
        }
        self.journal.ended.notify_all();
    }
}

/// Returns all requests that wait; `None` after a while without any.
fn next<D: Disk, R: Replica>(journal: &Journal<D, R>) -> Option<Vec<Request<R::Record>>> {
    let mut queue = journal.queue.lock();
    loop {
        let left = queue.by.map(|by| by.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero() || queue.closed) {
            break;
        }
        if queue.closed {
            queue.served = false;
            return None;
        }
        let wait = left.unwrap_or(LINGER);
        let waited = journal.wake.wait_for(&mut queue, wait);
        if waited.timed_out() && queue.requests.is_empty() {
            queue.served = false;
            return None;
        }
    }
    queue.bytes = 0;
    queue.by = None;
    Some(std::mem::take(&mut queue.requests).into())
}
