//! The tasks as the journal tells them: a fold over its records, and nothing else.
//!
//! Every change is a [`Record`] that is durable first, so the table after a crash is the table before it. Owned
//! by [`super::Tasks`]; knows no files and no time but that of the records.

mod jobs;
mod snapshot;
mod task;
#[cfg(test)]
mod tests;

pub(crate) use jobs::Scheduled;
pub(crate) use task::{State, Task, size_of_command};

use super::record::{Accepted, Begun, Command, Ended, Record, Skipped};
use agent_wire::message::Bash;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use task::stored;

/// All tasks that are not forgotten.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tasks: BTreeMap<u64, Task>,
    by_id: HashMap<Arc<str>, u64>,
    /// Ended and not acknowledged, by the order of their ends.
    undelivered: BTreeMap<u64, u64>,
    /// Ended and acknowledged, likewise.
    delivered: BTreeMap<u64, u64>,
    waiting: BTreeMap<u64, usize>,
    running: usize,
    used: u64,
    last_order: u64,
    bytes: u64,
    waiting_bytes: usize,
    jobs: BTreeMap<Arc<str>, Scheduled>,
}

impl Table {
    /// Takes one step. A step that does not follow from the state of its task changes nothing: records behind
    /// damage in the journal may lack those before them.
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
            Record::Job(job) => self.set(job),
            Record::Unjob(name) => self.unset(&name),
            Record::Clock(now) => self.begin_anew(now),
            Record::Skipped(Skipped { job, at, why }) => {
                if let Some(job) = self.jobs.get_mut(&*job) {
                    job.last = job.last.max(Some(at));
                    job.skipped = Some(Box::new((at, why)));
                }
            }
        }
    }

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { n, id, at, digest, shape, bash, cron } = accepted;
        self.used = self.used.max(n);
        let id: Arc<str> = id.into();
        if self.tasks.contains_key(&n) || self.by_id.contains_key(&id) {
            return;
        }
        // Begun already when it is from a snapshot: then it has no command, and its next record follows.
        let command = bash.unwrap_or_else(|| Command::new(Bash::default()));
        let size = size_of_command(command.bash());
        self.by_id.insert(id.clone(), n);
        self.waiting.insert(n, size);
        self.waiting_bytes += size;
        let state = State::Waiting(command);
        let mut cron = cron;
        if let Some(due) = cron.as_deref_mut().filter(|due| !due.orphan)
            && let Some(job) = self.jobs.get_mut(&*due.job)
        {
            job.runs.push(n);
            job.last = job.last.max(due.at.filter(|_| !due.ahead));
            if let Some(boot) = &due.boot {
                job.boot = Some(boot.as_str().into());
            }
        } else if let Some(due) = &mut cron {
            due.orphan = true;
        }
        self.tasks.insert(n, Task { n, id, accepted: at, digest, shape, cancelled: false, state, cron });
    }

    fn begin(&mut self, begun: Begun) {
        let n = begun.n;
        if let Some(task) = self.tasks.get_mut(&n)
            && matches!(task.state, State::Waiting(_))
        {
            task.state = State::Running(begun);
            self.running += 1;
            self.bytes += task.shape.most_bytes();
            self.no_longer_waiting(n);
        }
    }

    fn end(&mut self, ended: Ended) {
        let n = ended.n;
        let Some(task) = self.tasks.get_mut(&n) else { return };
        match task.state {
            State::Waiting(_) => {}
            State::Running(_) => {
                self.running -= 1;
                self.bytes -= task.shape.most_bytes();
            }
            State::Ended { .. } => return,
        }
        self.last_order += 1;
        self.undelivered.insert(self.last_order, n);
        self.bytes += stored(&ended);
        task.state = State::Ended { ended: Arc::new(ended), order: self.last_order, acked: false };
        self.no_longer_waiting(n);
    }

    fn acknowledge(&mut self, n: u64) {
        if let Some(Task { state: State::Ended { ended, order, acked: acked @ false }, .. }) =
            self.tasks.get_mut(&n)
        {
            *acked = true;
            // Its files go with this.
            self.bytes -= stored(ended);
            self.undelivered.remove(order);
            self.delivered.insert(*order, n);
        }
    }

    fn remove(&mut self, n: u64) {
        let Some(task) = self.tasks.remove(&n) else { return };
        self.by_id.remove(&task.id);
        self.no_longer_waiting(n);
        if let Some(job) = task.cron.as_ref().and_then(|due| self.jobs.get_mut(&*due.job)) {
            job.runs.retain(|run| *run != n);
        }
        match task.state {
            State::Waiting(_) => {}
            State::Running(_) => {
                self.bytes -= task.shape.most_bytes();
                self.running -= 1;
            }
            State::Ended { ended, order, acked } => {
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

    /// The task of an id.
    pub(crate) fn find(&self, id: &str) -> Option<&Task> {
        self.tasks.get(self.by_id.get(id)?)
    }

    /// The task of a number.
    pub(crate) fn task(&self, n: u64) -> Option<&Task> {
        self.tasks.get(&n)
    }

    /// Tasks in the order they were taken, those after a number.
    pub(crate) fn after(&self, n: u64) -> impl Iterator<Item = &Task> {
        self.tasks.range(n + 1..).map(|(_, task)| task)
    }

    /// The oldest task that waits, but those in `but` and those that wait for another run of their job.
    pub(crate) fn next_waiting(&self, but: impl Fn(u64) -> bool) -> Option<&Task> {
        let candidates = self.waiting.keys().filter(|n| !but(**n)).filter_map(|n| self.tasks.get(n));
        candidates.into_iter().find(|task| match task.cron.as_deref() {
            Some(due) if due.queue => !self.runs_before(&due.job, task.n).any(|run| !run.is_over()),
            _ => true,
        })
    }

    /// Tasks that have begun and not ended.
    pub(crate) fn running(&self) -> impl Iterator<Item = (&Task, &Begun)> {
        self.tasks.values().filter_map(|task| match &task.state {
            State::Running(begun) => Some((task, begun)),
            State::Waiting(_) | State::Ended { .. } => None,
        })
    }

    /// The first result behind `order` that waits for its acknowledgement, with its own order.
    pub(crate) fn next_undelivered(&self, order: u64) -> Option<(u64, &Task)> {
        let (order, n) = self.undelivered.range(order + 1..).next()?;
        Some((*order, self.tasks.get(n)?))
    }

    /// The results that are acknowledged, oldest first.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = &Task> {
        self.delivered.values().filter_map(|n| self.tasks.get(n))
    }

    /// The results that are not, oldest first.
    pub(crate) fn undelivered(&self) -> impl Iterator<Item = &Task> {
        self.undelivered.values().filter_map(|n| self.tasks.get(n))
    }

    /// A number that no task has had. Taken at once, so that two submissions under way do not get the same.
    pub(crate) fn take_number(&mut self) -> u64 {
        self.used += 1;
        self.used
    }

    pub(crate) fn last_order(&self) -> u64 {
        self.last_order
    }

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

/// How many there are of what has a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) kept: usize,
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) undelivered: usize,
    /// Of output on disk: what is there of ended tasks, what may come of those that run.
    pub(crate) bytes: u64,
    /// Of commands in memory.
    pub(crate) waiting_bytes: usize,
    pub(crate) jobs: usize,
}
