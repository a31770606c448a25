//! Queries of many file systems, some of which may never answer: a dead share, a FUSE server that
//! hangs, an overlay of either.
//!
//! A thread that waits for such a file system can't be stopped. So threads query, one after the
//! other, and while one of them waits, another goes on with the rest. When the time is up, those
//! that still wait are left behind, and their mounts are not queried again until they return.
//!
//! A process can't end while a thread of it waits so. Mounts of which that is known (`apart`) are
//! therefore queried in processes, and the thread waits only for the answer. A process costs more
//! than a query, so a host without network and FUSE mounts starts none.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::usage::{self, Usage};

/// How long the threads may be silent before another one starts.
const SILENCE: Duration = Duration::from_millis(50);
/// The most threads of one call.
const MAX_THREADS: usize = 16;
/// The most threads that are left behind.
const MAX_LEFT: usize = 48;

/// A mount to query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Its id, which the kernel may reuse.
    pub(crate) id: u64,
    /// Its path.
    pub(crate) path: PathBuf,
    /// Whether it is queried in a process of its own.
    pub(crate) apart: bool,
}

/// The mounts that threads of earlier calls still wait for.
static LEFT: Mutex<Vec<Key>> = Mutex::new(Vec::new());

/// The work of one call.
struct Work {
    keys: Vec<Key>,
    deadline: Instant,
    progress: Mutex<Progress>,
    finished: Condvar,
}

struct Progress {
    usages: Vec<Option<Usage>>,
    /// The mounts before this one are queried, or being queried.
    next: usize,
    /// The number of mounts that are queried.
    answered: usize,
    /// The mounts that threads wait for.
    waiting: Vec<usize>,
    is_over: bool,
}

/// Returns the usage of each mount, in order; `None` for a mount that doesn't answer before the
/// deadline.
pub(crate) fn usages(mounts: Vec<Key>, deadline: Instant) -> Vec<Option<Usage>> {
    let left = lock(&LEFT).clone();
    let is_asked: Vec<bool> = mounts.iter().map(|mount| !left.contains(mount)).collect();
    let keys: Vec<Key> = mounts
        .into_iter()
        .zip(&is_asked)
        .filter(|(_, asked)| **asked)
        .map(|(key, _)| key)
        .collect();
    let mut usages = Work::new(keys, deadline).run().into_iter();
    is_asked.into_iter().map(|asked| if asked { usages.next()? } else { None }).collect()
}

impl Work {
    fn new(keys: Vec<Key>, deadline: Instant) -> Arc<Self> {
        let progress = Progress {
            usages: keys.iter().map(|_| None).collect(),
            next: 0,
            answered: 0,
            waiting: Vec::new(),
            is_over: false,
        };
        Arc::new(Self { keys, deadline, progress: Mutex::new(progress), finished: Condvar::new() })
    }

    /// Queries the mounts until all have answered or the time is up.
    fn run(self: Arc<Self>) -> Vec<Option<Usage>> {
        let (mut threads, mut seen) = (0, 0);
        let mut progress = lock(&self.progress);
        while progress.answered < self.keys.len() {
            let now = Instant::now();
            if now >= self.deadline {
                break;
            }
            let is_silent = threads == 0 || progress.answered == seen;
            if is_silent && progress.next < self.keys.len() && threads < MAX_THREADS {
                threads += usize::from(self.start());
            }
            seen = progress.answered;
            let wait = SILENCE.min(self.deadline - now);
            let waited = self.finished.wait_timeout(progress, wait);
            progress = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        progress.is_over = true;
        // The threads that wait are left behind.
        lock(&LEFT).extend(progress.waiting.iter().map(|index| self.keys[*index].clone()));
        std::mem::take(&mut progress.usages)
    }

    /// Starts a thread that queries mounts until none is left to query.
    fn start(self: &Arc<Self>) -> bool {
        if lock(&LEFT).len() >= MAX_LEFT {
            return false;
        }
        let work = Arc::clone(self);
        let query = move || {
            while let Some(index) = work.next() {
                let Key { path, apart, .. } = &work.keys[index];
                let usage = match apart {
                    true => usage::read_apart(path, work.deadline),
                    false => usage::read(path),
                };
                work.done(index, usage);
            }
        };
        thread::Builder::new().spawn(query).is_ok()
    }

    fn next(&self) -> Option<usize> {
        let mut progress = lock(&self.progress);
        let index = progress.next;
        if progress.is_over || index >= self.keys.len() {
            return None;
        }
        progress.next += 1;
        progress.waiting.push(index);
        Some(index)
    }

    fn done(&self, index: usize, usage: Option<Usage>) {
        let mut progress = lock(&self.progress);
        progress.waiting.retain(|waiting| *waiting != index);
        if progress.is_over {
            let mut left = lock(&LEFT);
            if let Some(place) = left.iter().position(|key| *key == self.keys[index]) {
                left.swap_remove(place);
            }
            return;
        }
        progress.usages[index] = usage;
        progress.answered += 1;
        if progress.answered == self.keys.len() {
            self.finished.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
