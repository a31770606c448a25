//! The tasks and jobs as the journal records them: a fold over its records, and nothing else.
//!
//! Every change is a [`Record`] that is durable first, so the table after a crash is the table
//! before it. [`super::Tasks`] owns it; it knows no files, and no time but the times in the
//! records.

mod jobs;
mod snapshot;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use jobs::StoredJob;
pub(crate) use task::{Phase, Task, size_of_command};

use super::record::{Accepted, Begun, Command, Digests, Ended, Record, Skipped};
use agent_wire::message::Bash;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use task::stored;

/// All tasks that are not forgotten, and all jobs.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tasks: BTreeMap<u64, Task>,
    by_id: HashMap<Arc<str>, u64>,
    /// Numbers of tasks that ended and are not acknowledged, by the order of their ends.
    undelivered: BTreeMap<u64, u64>,
    /// Numbers of tasks that ended and are acknowledged, likewise.
    delivered: BTreeMap<u64, u64>,
    /// The sizes of the commands that wait, by the tasks' numbers.
    waiting: BTreeMap<u64, usize>,
    running: usize,
    used: u64,
    last_order: u64,
    bytes: u64,
    waiting_bytes: usize,
    jobs: BTreeMap<Arc<str>, StoredJob>,
}

impl Table {
    /// Applies one record. A record that does not follow from its task's phase changes nothing:
    /// records after damage in the journal may lack the records before them.
    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::Used(n) => self.used = self.used.max(n),
            Record::Accepted(accepted) => self.accept(accepted),
            Record::Begun(begun) => self.begin(begun),
            Record::Cancelled(n) => {
                if let Some(task) = self.tasks.get_mut(&n) {
                    task.cancelled = true;
                }
            }
            Record::Ended(ended) => self.end(ended),
            Record::Acked(n) => self.acknowledge(n),
            Record::Forgotten(n) => {
                self.remove(n);
            }
            Record::Job(job) => self.set_job(job),
            Record::JobRemoved(name) => self.remove_job(&name),
            Record::ClockSet(now) => self.set_clock(now),
            Record::SteppedBack(now) => self.step_back(now),
            Record::Skipped(Skipped { job, at, why }) => {
                if let Some(job) = self.jobs.get_mut(&*job) {
                    job.last = job.last.max(Some(at));
                    job.skipped = Some(Box::new((at, why)));
                }
            }
        }
    }

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { n, id, at, digest, plain, shape, bash, run } = accepted;
        let digests = Digests { sent: digest, plain };
        self.used = self.used.max(n);
        let id: Arc<str> = id.into();
        if self.tasks.contains_key(&n) || self.by_id.contains_key(&id) {
            return;
        }
        // In a snapshot, a task that has begun has no command; the record of its intent follows.
        let command = bash.unwrap_or_else(|| Command::new(Bash::default()));
        let size = size_of_command(command.bash());
        self.by_id.insert(id.clone(), n);
        self.waiting.insert(n, size);
        self.waiting_bytes += size;
        let mut run = run;
        if let Some(run) = run.as_deref_mut().filter(|run| !run.orphan)
            && let Some(job) = self.jobs.get_mut(&*run.job)
        {
            job.runs.push(n);
            job.last = job.last.max(run.at.filter(|_| !run.ahead));
            if let Some(boot) = &run.boot {
                job.boot = Some(boot.as_str().into());
            }
        } else if let Some(run) = &mut run {
            run.orphan = true;
        }
        let phase = Phase::Waiting(command);
        self.tasks
            .insert(n, Task { n, id, accepted: at, digests, shape, cancelled: false, phase, run });
    }

    fn begin(&mut self, begun: Begun) {
        let n = begun.n;
        if let Some(task) = self.tasks.get_mut(&n)
            && matches!(task.phase, Phase::Waiting(_))
        {
            task.phase = Phase::Running(begun);
            self.running += 1;
            self.bytes += task.shape.most_bytes();
            self.no_longer_waiting(n);
        }
    }

    fn end(&mut self, ended: Ended) {
        let n = ended.n;
        let Some(task) = self.tasks.get_mut(&n) else { return };
        match task.phase {
            Phase::Waiting(_) => {}
            Phase::Running(_) => {
                self.running -= 1;
                self.bytes -= task.shape.most_bytes();
            }
            Phase::Ended { .. } => return,
        }
        self.last_order += 1;
        self.undelivered.insert(self.last_order, n);
        self.bytes += stored(&ended);
        task.phase = Phase::Ended { ended: Arc::new(ended), order: self.last_order, acked: false };
        self.no_longer_waiting(n);
    }

    fn acknowledge(&mut self, n: u64) {
        if let Some(Task { phase: Phase::Ended { ended, order, acked: acked @ false }, .. }) =
            self.tasks.get_mut(&n)
        {
            *acked = true;
            // Its files are removed with this.
            self.bytes -= stored(ended);
            self.undelivered.remove(order);
            self.delivered.insert(*order, n);
        }
    }

    fn remove(&mut self, n: u64) {
        let Some(task) = self.tasks.remove(&n) else { return };
        self.by_id.remove(&task.id);
        self.no_longer_waiting(n);
        if let Some(job) = task.run.as_ref().and_then(|run| self.jobs.get_mut(&*run.job)) {
            job.runs.retain(|run| *run != n);
        }
        match task.phase {
            Phase::Waiting(_) => {}
            Phase::Running(_) => {
                self.bytes -= task.shape.most_bytes();
                self.running -= 1;
            }
            Phase::Ended { ended, order, acked } => {
                self.undelivered.remove(&order);
                self.delivered.remove(&order);
                if !acked {
                    self.bytes -= stored(&ended);
                }
            }
        }
    }

    fn no_longer_waiting(&mut self, n: u64) {
        if let Some(size) = self.waiting.remove(&n) {
            self.waiting_bytes -= size;
        }
    }

    /// Returns the task with an id.
    pub(crate) fn find(&self, id: &str) -> Option<&Task> {
        self.tasks.get(self.by_id.get(id)?)
    }

    /// Returns the task with a number.
    pub(crate) fn task(&self, n: u64) -> Option<&Task> {
        self.tasks.get(&n)
    }

    /// Returns the tasks with higher numbers, in the order they were accepted.
    pub(crate) fn after(&self, n: u64) -> impl Iterator<Item = &Task> {
        self.tasks.range(n + 1..).map(|(_, task)| task)
    }

    /// Returns the oldest task that waits, except the tasks in `but` and runs that wait for another
    /// run of their job.
    pub(crate) fn next_waiting(&self, but: impl Fn(u64) -> bool) -> Option<&Task> {
        let candidates =
            self.waiting.keys().filter(|n| !but(**n)).filter_map(|n| self.tasks.get(n));
        candidates.into_iter().find(|task| match task.run.as_deref() {
            Some(run) if run.queue => {
                !self.runs_before(&run.job, task.n).any(|before| !before.has_ended())
            }
            Some(_) | None => true,
        })
    }

    /// Returns the tasks that have begun and not ended.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Task, &Begun)> {
        self.tasks.values().filter_map(|task| match &task.phase {
            Phase::Running(begun) => Some((task, begun)),
            Phase::Waiting(_) | Phase::Ended { .. } => None,
        })
    }

    /// Returns the first result after `order` that is not acknowledged, with its own order.
    pub(crate) fn next_undelivered(&self, order: u64) -> Option<(u64, &Task)> {
        let (order, n) = self.undelivered.range(order + 1..).next()?;
        Some((*order, self.tasks.get(n)?))
    }

    /// Returns the tasks whose results are acknowledged, oldest first.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = &Task> {
        self.delivered.values().filter_map(|n| self.tasks.get(n))
    }

    /// Returns the tasks whose results are not acknowledged, oldest first.
    pub(crate) fn undelivered(&self) -> impl Iterator<Item = &Task> {
        self.undelivered.values().filter_map(|n| self.tasks.get(n))
    }

    /// Returns a number that no task has had. It counts as used at once, so that two submissions in
    /// progress never get the same.
    pub(crate) fn take_number(&mut self) -> u64 {
        self.used += 1;
        self.used
    }

    /// Returns the order of the latest end.
    pub(crate) fn last_order(&self) -> u64 {
        self.last_order
    }

    /// Counts the tasks and jobs.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            kept: self.tasks.len(),
            waiting: self.waiting.len(),
            running: self.running,
            undelivered: self.undelivered.len(),
            bytes: self.bytes,
            waiting_bytes: self.waiting_bytes,
            jobs: self.jobs.len(),
        }
    }
}

/// How many tasks, bytes and jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) kept: usize,
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) undelivered: usize,
    /// Bytes of output on disk: stored by ended tasks, reserved for running tasks.
    pub(crate) bytes: u64,
    /// Bytes of the commands that wait, in memory.
    pub(crate) waiting_bytes: usize,
    pub(crate) jobs: usize,
}
