//! The tasks of this host, as dispatch and the scheduler use them.

use super::Error;
use super::printed::{Printed, Waiting};
use super::record::{JobRun, Record, Shape};
use super::runner::Runner;
use super::spool_dir::{OutputChunk, SpoolDir};
use super::store::Store;
use super::submit::Pending;
use super::table::{Counts, Phase, Task};
use crate::config::TaskSettings;
use crate::exec::Executor;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// One task at one moment.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) shape: Shape,
    pub(crate) phase: Phase,
    /// The job's run that it is.
    pub(crate) run: Option<Box<JobRun>>,
}

/// All tasks of this host.
pub(crate) struct Tasks {
    pub(super) store: Arc<Store>,
    pub(super) runner: Arc<Runner>,
    pub(super) executor: Arc<Executor>,
    pub(super) spool: Arc<SpoolDir>,
    /// Results of jobs that were dropped to make room for newer runs.
    pub(super) results_dropped: AtomicU64,
    /// Submissions whose record is not durable yet, by id.
    pub(super) pending: Mutex<HashMap<String, Pending>>,
    printed: Printed,
}

impl Tasks {
    /// Opens the store below the state directory, follows the tasks that still run, and continues
    /// with the tasks that wait.
    ///
    /// # Errors
    /// [`Error::File`]: the store cannot be read or made.
    pub(crate) fn open(
        state_dir: &Path,
        settings: TaskSettings,
        executor: Arc<Executor>,
    ) -> Result<Self, Error> {
        let directory = state_dir.join("tasks");
        let spool = Arc::new(SpoolDir::open(&directory)?);
        let store = Store::open(&directory)?;
        spool.sweep(|n| {
            let table = store.table();
            let is_acked = |task: &Task| matches!(task.phase, Phase::Ended { acked: true, .. });
            table.task(n).is_some_and(|task| !is_acked(task))
        });
        let runner =
            Runner::start(&directory, settings, executor.clone(), store.clone(), spool.clone())?;
        let results_dropped = AtomicU64::new(0);
        let printed = Printed::new(directory.join("slots"));
        let pending = Mutex::default();
        Ok(Self { store, runner, executor, spool, results_dropped, pending, printed })
    }

    /// Applies new settings.
    pub(crate) fn reconfigure(&self, settings: TaskSettings) {
        self.runner.reconfigure(settings);
    }

    /// Returns a task's status.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`].
    pub(crate) fn status(&self, id: &str) -> Result<Status, Error> {
        self.store.table().find(id).map(Status::of).ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }

    /// Returns the tasks that were accepted after another, oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`]: the other task is not known.
    pub(crate) fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Status>, Error> {
        let table = self.store.table();
        let after = match after {
            None => 0,
            Some(id) => table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?.n,
        };
        Ok(table.after(after).take(limit).map(Status::of).collect())
    }

    /// Cancels a task: a task that waits never begins, a task that runs is killed with its whole
    /// process tree, and a task that has ended stays as it is.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::Journal`].
    pub(crate) async fn cancel(&self, id: &str) -> Result<Status, Error> {
        let n = self.number(id)?;
        self.runner.cancel(n).await?;
        self.status(id)
    }

    /// Records that the controller has stored a task's result. The task's output is removed; its id
    /// is kept for a while.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], [`Error::NotEnded`], [`Error::Journal`].
    pub(crate) async fn acknowledge(&self, id: &str) -> Result<(), Error> {
        let (n, has_files, is_run) = match self.store.table().find(id) {
            None => return Err(Error::NoSuchTask(id.to_owned())),
            Some(task) => match task.phase {
                Phase::Ended { acked: false, .. } => {
                    (task.n, task.may_have_files(), task.run.is_some())
                }
                Phase::Ended { acked: true, .. } => return Ok(()),
                Phase::Waiting(_) | Phase::Running(_) => {
                    return Err(Error::NotEnded(id.to_owned()));
                }
            },
        };
        let acked = vec![Record::Acked(n)];
        if is_run {
            // Jobs are due in crowds, and nothing waits for this reply.
            self.store.record_deferred(acked).await?;
        } else {
            self.store.record(acked).await?;
        }
        if has_files {
            self.spool.remove(n);
        }
        self.runner.wake();
        Ok(())
    }

    /// Returns the output of a task from `offset` on, at most so many bytes of it.
    ///
    /// # Errors
    /// [`Error::NoSuchTask`], or [`Error::File`] when the output cannot be read.
    pub(crate) fn output(
        &self,
        id: &str,
        offset: u64,
        stderr: bool,
        most: usize,
    ) -> Result<OutputChunk, Error> {
        let (n, shape, phase) = {
            let table = self.store.table();
            let task = table.find(id).ok_or_else(|| Error::NoSuchTask(id.to_owned()))?;
            (task.n, task.shape, task.phase.clone())
        };
        if let Phase::Ended { acked: true, .. } = phase {
            return Ok(OutputChunk {
                offset,
                bytes: Vec::new(),
                ended: true,
                base64: shape.base64,
            });
        }
        self.runner.output(n, shape, &phase, offset, stderr, most)
    }

    /// Takes a place among the requests that wait for output; `None` when all are taken.
    pub(crate) fn wait_for_output(&self) -> Option<Waiting> {
        self.printed.wait(self.store.subscribe())
    }

    /// Counts the tasks and jobs.
    pub(crate) fn counts(&self) -> Counts {
        self.store.table().counts()
    }

    /// Stops starting and following tasks; running tasks go on without the agent.
    pub(crate) async fn shutdown(&self) {
        self.runner.shutdown().await;
        self.store.close();
    }

    fn number(&self, id: &str) -> Result<u64, Error> {
        self.store
            .table()
            .find(id)
            .map(|task| task.n)
            .ok_or_else(|| Error::NoSuchTask(id.to_owned()))
    }
}

impl Status {
    pub(super) fn of(task: &Task) -> Self {
        let (phase, run) = (task.phase.clone(), task.run.clone());
        Self { id: task.id.clone(), accepted: task.accepted, shape: task.shape, phase, run }
    }
}
