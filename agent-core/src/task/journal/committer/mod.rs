//! Group commit: what many ask for while one sync is under way goes to the disk in the next, in the order they asked.
//!
//! What nobody waits for ([`Need::Patient`]) goes with it, and alone only after a while.
//!
//! A thread of its own does the writing, so that a slow disk holds up nobody but those who wait for it. It is started
//! when there is something to write and ends when there has been nothing for a while: an idle agent has one thread.

mod request;
mod write;

pub(crate) use request::{Need, Refused};

use super::disk::Disk;
use super::log::{Found, Log};
use parking_lot::{Condvar, Mutex, MutexGuard};
use request::{Answer, Request};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use write::write_all;

/// Bytes of records that may wait; one more request is refused.
const MAX_PENDING: usize = 32 << 20;

/// Requests that are a batch worth beginning with while more come: they are written while those are read.
const ENOUGH: usize = 100;

/// How long a patient request waits for others to go with.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long the thread waits for more to do.
const LINGER: Duration = Duration::from_secs(10);

/// The thread's stack, in bytes; a page or two of it are touched.
const STACK: usize = 256 << 10;

/// Whom the records mean something to. Called on the committer's thread, never under its lock.
pub(crate) trait Owner: Send + Sync + 'static {
    /// What a record says.
    type Record: Send;

    /// A record as it goes to the disk.
    fn bytes(record: &Self::Record) -> Vec<u8>;
    /// A record that was found there. Called for each, in order, before anything is committed.
    fn found(&self, bytes: &[u8]);
    /// The records of one commit are on the disk, in this order. Called before whoever asked for them is answered; so
    /// what [`Owner::live`] tells afterwards includes them.
    fn apply(&self, records: Vec<Self::Record>);
    /// The fewest records that say all that is still to be known.
    fn live(&self) -> Vec<Vec<u8>>;
    /// Bytes of room that records which must not fail may still take: kept free of those which may.
    fn reserve(&self) -> u64;
}

/// What is to be done about a request that was put to the others.
enum Urgency {
    /// There is enough now to begin with.
    Now,
    /// The thread is to know of it.
    Soon,
    /// It goes with one that was there before it.
    None,
}

struct Queue<R> {
    requests: VecDeque<Request<R>>,
    bytes: usize,
    /// When they are written at the latest; none where there are none.
    by: Option<Instant>,
    /// The thread is there, or being started.
    served: bool,
    closed: bool,
}

struct Shared<D: Disk, O: Owner> {
    queue: Mutex<Queue<O::Record>>,
    wake: Condvar,
    /// The thread is gone.
    ended: Condvar,
    log: Mutex<Log<D>>,
    owner: Arc<O>,
}

/// Takes records to the disk.
pub(crate) struct Committer<D: Disk + Send + 'static, O: Owner>
where
    D::File: Send,
{
    shared: Arc<Shared<D, O>>,
}

impl<D: Disk + Send + 'static, O: Owner> Committer<D, O>
where
    D::File: Send,
{
    /// Opens a journal and gives its records to the owner.
    ///
    /// # Errors
    /// The journal can't be opened.
    pub(crate) fn open(disk: D, owner: Arc<O>) -> io::Result<(Self, Found)> {
        let (log, mut found) = Log::open(disk)?;
        for record in std::mem::take(&mut found.records) {
            owner.found(&record);
        }
        let queue = Queue { requests: VecDeque::new(), bytes: 0, by: None, served: false, closed: false };
        let shared = Shared {
            queue: Mutex::new(queue),
            wake: Condvar::new(),
            ended: Condvar::new(),
            log: Mutex::new(log),
            owner,
        };
        Ok((Self { shared: Arc::new(shared) }, found))
    }

    /// Takes records to the disk, all or none. Dropping the future takes nothing back.
    ///
    /// # Errors
    /// [`Refused`]: none of them is there, and the owner has not seen them.
    pub(crate) async fn commit(&self, records: Vec<O::Record>, need: Need) -> Result<(), Refused> {
        let (answer, answered) = oneshot::channel();
        let bytes = records.iter().map(O::bytes).collect();
        match self.enqueue(Request { records, bytes, need, answer })? {
            Urgency::Now => self.wake(),
            Urgency::Soon => {
                let _woken = Woken(self);
                // Whoever else is ready to run asks first, so that what came together goes out together.
                tokio::task::yield_now().await;
            }
            Urgency::None => {}
        }
        // The thread answers whatever it takes; a lost answer is a bug of its own.
        answered.await.map_or(Err(Refused::Closed), Answer::pass_on)
    }

    fn enqueue(&self, request: Request<O::Record>) -> Result<Urgency, Refused> {
        let mut queue = lock(&self.shared.queue);
        let bytes: usize = request.bytes.iter().map(Vec::len).sum();
        if queue.closed {
            return Err(Refused::Closed);
        }
        if queue.bytes + bytes > MAX_PENDING {
            return Err(Refused::Busy);
        }
        queue.bytes += bytes;
        let now = Instant::now();
        let by = if request.need == Need::Patient { now + PATIENCE } else { now };
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

    /// Sees to it that what waits is written, unless it is already.
    fn wake(&self) {
        let mut queue = lock(&self.shared.queue);
        if queue.requests.is_empty() {
            return;
        }
        if queue.served {
            drop(queue);
            self.shared.wake.notify_one();
            return;
        }
        queue.served = true;
        let shared = self.shared.clone();
        let started =
            thread::Builder::new().name("journal".to_owned()).stack_size(STACK).spawn(move || serve(&shared));
        if let Err(error) = started {
            queue.served = false;
            queue.bytes = 0;
            queue.by = None;
            let refused = Refused::Failed(format!("no thread for the journal: {error}"));
            for request in queue.requests.drain(..) {
                let _ = request.answer.send(Answer { result: Err(refused.clone()), others: Vec::new() });
            }
        }
    }

    /// Refuses what comes from now on, and waits until what came before is written.
    pub(crate) fn close(&self) {
        self.wake();
        let mut queue = lock(&self.shared.queue);
        queue.closed = true;
        self.shared.wake.notify_one();
        while queue.served {
            self.shared.ended.wait(&mut queue);
        }
    }
}

/// Wakes the thread when dropped, also with the future that was to: others rely on it.
struct Woken<'a, D: Disk + Send + 'static, O: Owner>(&'a Committer<D, O>)
where
    D::File: Send;

impl<D: Disk + Send + 'static, O: Owner> Drop for Woken<'_, D, O>
where
    D::File: Send,
{
    fn drop(&mut self) {
        self.0.wake();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

fn serve<D: Disk, O: Owner>(shared: &Shared<D, O>) {
    // Dropped last.
    let mut leaving = Leaving { shared, by_panic: true };
    // One at a time: a new thread is started only after this one has said that it leaves.
    let mut log = lock(&shared.log);
    while let Some(requests) = next(shared) {
        write_all(&mut log, &*shared.owner, requests);
    }
    leaving.by_panic = false;
}

/// Sees to it that nobody waits for a thread that is gone.
struct Leaving<'a, D: Disk, O: Owner> {
    shared: &'a Shared<D, O>,
    by_panic: bool,
}

impl<D: Disk, O: Owner> Drop for Leaving<'_, D, O> {
    fn drop(&mut self) {
        if self.by_panic {
            // The owner has panicked in the middle of a change: what it holds is not what the disk holds any more, and
            // must not go there as a snapshot. The next start reads what is right.
            let mut queue = lock(&self.shared.queue);
            queue.closed = true;
            queue.served = false;
            queue.requests.clear();
        }
        self.shared.ended.notify_all();
    }
}

/// Everything that waits; `None` when there was nothing for a while.
fn next<D: Disk, O: Owner>(shared: &Shared<D, O>) -> Option<Vec<Request<O::Record>>> {
    let mut queue = lock(&shared.queue);
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
        let waited = shared.wake.wait_for(&mut queue, wait);
        if waited.timed_out() && queue.requests.is_empty() {
            queue.served = false;
            return None;
        }
    }
    queue.bytes = 0;
    queue.by = None;
    Some(std::mem::take(&mut queue.requests).into())
}
