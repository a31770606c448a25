//! The face that dispatch sees: tasks are taken, told about, cancelled, read and acknowledged here.

use super::record::{Due, Record, Shape};
use super::runner::Runner;
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::submit::UnderWay;
use super::table::{Counts, State, Task};
use crate::Error;
use crate::clock;
use crate::config::TaskSettings;
use crate::exec::Executor;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Bytes of output that one `async.output` answers at most.
const MAX_PIECE: usize = 256 << 10;

/// One task, as of a moment.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) shape: Shape,
    pub(crate) state: State,
    /// The job whose run it is.
    pub(crate) cron: Option<Box<Due>>,
}

/// A piece of a task's output.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Where it begins; beyond what was asked for when that is dropped already.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
    /// Nothing will follow it.
    pub(crate) ended: bool,
    pub(crate) base64: bool,
}

/// All tasks of this host.
pub(crate) struct Tasks {
    pub(super) store: Arc<Store>,
    pub(super) runner: Arc<Runner>,
    pub(super) executor: Arc<Executor>,
    pub(super) spool: Arc<SpoolDir>,
    /// Results of jobs that gave way to newer ones.
    pub(super) given_way: AtomicU64,
    /// Submissions whose record is not durable yet, by id.
    pub(super) under_way: Mutex<HashMap<String, UnderWay>>,
}

impl Tasks {
    /// Opens the store below the state directory, finds again what still runs, and goes on with what waits.
    ///
    /// # Errors
    /// [`Error::File`]: the store can't be read or made.
    pub(crate) fn open(state_dir: &Path, settings: TaskSettings, executor: Arc<Executor>) -> Result<Self, Error> {
        let directory = state_dir.join("tasks");
        let spool = Arc::new(SpoolDir::open(&directory)?);
        let store = Store::open(&directory)?;
        spool.sweep(|n| {
            let table = store.table();
            table.task(n).is_some_and(|task| !matches!(task.state, State::Ended { acked: true, .. }))
        });
        let runner = Runner::start(&directory, settings, executor.clone(), store.clone(), spool.clone())?;
        let given_way = AtomicU64::new(0);
        Ok(Self { store, runner, executor, spool, given_way, under_way: Mutex::default() })
    }

    /// New settings, from now on.
    pub(crate) fn reconfigure(&self, settings: TaskSettings) {
        self.runner.reconfigure(settings);
    }

    /// How far a task is.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`].
    pub(crate) fn status(&self, id: &str) -> Result<Status, Error> {
        self.store.table().find(id).map(status).ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }

    /// The tasks that were taken after another, oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`]: there is no such other task.
    pub(crate) fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Status>, Error> {
        let table = self.store.table();
        let after = match after {
            None => 0,
            Some(id) => table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?.n,
        };
        Ok(table.after(after).take(limit).map(status).collect())
    }

    /// Ends a task: one that waits never begins, one that runs is killed with its whole tree, one that has
    /// ended stays as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::Journal`].
    pub(crate) async fn cancel(&self, id: &str) -> Result<Status, Error> {
        let n = self.number(id)?;
        self.runner.cancel(n).await?;
        self.status(id)
    }

    /// The controller has a task's result: its output goes, its id is kept for a while.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::TaskRuns`], [`Error::Journal`].
    pub(crate) async fn acknowledge(&self, id: &str) -> Result<(), Error> {
        let (n, has_files, is_run) = match self.store.table().find(id) {
            None => return Err(Error::NoSuchTask(id.to_owned())),
            Some(task @ Task { state: State::Ended { acked: false, .. }, .. }) => {
                (task.n, task.may_have_files(), task.cron.is_some())
            }
            Some(Task { state: State::Ended { acked: true, .. }, .. }) => return Ok(()),
            Some(_) => return Err(Error::TaskRuns(id.to_owned())),
        };
        let acked = vec![Record::Acked(n)];
        if is_run {
            // Jobs are due in crowds, and nobody waits for the answer to this.
            self.store.record_patiently(acked).await?;
        } else {
            self.store.record(acked).await?;
        }
        if has_files {
            self.spool.remove(n);
        }
        self.runner.wake();
        Ok(())
    }

    /// What a task has printed from `offset` on, at most 256 KiB of it.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], or [`Error::File`] when its output can't be read.
    pub(crate) fn output(&self, id: &str, offset: u64, stderr: bool) -> Result<Piece, Error> {
        let (n, shape, state) = {
            let table = self.store.table();
            let task = table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?;
            (task.n, task.shape, task.state.clone())
        };
        if let State::Ended { acked: true, .. } = state {
            return Ok(Piece { offset, bytes: Vec::new(), ended: true, base64: shape.base64 });
        }
        self.runner.output(n, shape, &state, offset, stderr, MAX_PIECE)
    }

    /// How many tasks there are of each kind.
    pub(crate) fn counts(&self) -> Counts {
        self.store.table().counts()
    }

    /// Stops starting and watching; what runs goes on without the agent.
    pub(crate) async fn shutdown(&self) {
        self.runner.shutdown().await;
        self.store.close();
    }

    fn number(&self, id: &str) -> Result<u64, Error> {
        self.store.table().find(id).map(|task| task.n).ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }
}

pub(super) fn status(task: &Task) -> Status {
    let (shape, cron) = (task.shape, task.cron.clone());
    Status { id: task.id.clone(), accepted: task.accepted, shape, state: task.state.clone(), cron }
}

/// Milliseconds since 1970; 0 before that.
pub(super) fn now() -> u64 {
    clock::now().0
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is under these locks changes by one call: whole, whatever panicked.
    mutex.lock()
}
