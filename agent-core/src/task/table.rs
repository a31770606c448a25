//! The tasks as the journal tells them: a fold over its records, and nothing else.
//!
//! Every change is a [`Record`] that is durable first, so the table after a crash is the table before it. Owned
//! by [`super::Tasks`]; knows no files and no time but that of the records.

use super::record::{Accepted, Begun, Command, Due, Ended, Job, Record, Shape, Skipped};
use agent_wire::message::Bash;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// One task.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) n: u64,
    pub(crate) id: Arc<str>,
    pub(crate) accepted: u64,
    pub(crate) digest: String,
    pub(crate) shape: Shape,
    /// It was asked to end when its turn had come.
    pub(crate) cancelled: bool,
    pub(crate) state: State,
    /// The job whose run it is.
    pub(crate) cron: Option<Box<Due>>,
}

/// One scheduled job. There may be 100,000, so it is no more than it has to be.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    /// Milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) file: Option<Arc<str>>,
    pub(crate) fields: Box<RawValue>,
    /// The last instant, in seconds, for which it was started or skipped.
    pub(crate) last: Option<i64>,
    pub(crate) boot: Option<Box<str>>,
    /// Its runs that are not forgotten, oldest first.
    pub(crate) runs: Vec<u64>,
    /// The last run that was skipped, and why.
    pub(crate) skipped: Option<Box<(i64, String)>>,
}

impl Task {
    /// Bytes of its output on disk, once it has ended.
    pub(crate) fn stored(&self) -> u64 {
        match &self.state {
            State::Ended { ended, acked: false, .. } => stored(ended),
            State::Ended { .. } | State::Waiting(_) | State::Running(_) => 0,
        }
    }

    /// Whether there may be files of its output: not once its result was taken, nor where it has printed nothing and
    /// that is known.
    pub(crate) fn may_have_files(&self) -> bool {
        match &self.state {
            State::Ended { acked: true, .. } => false,
            State::Ended { ended, .. } => {
                ended.took.is_none() || ended.stdout.is_some() || ended.stderr.is_some()
            }
            State::Waiting(_) | State::Running(_) => true,
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }
}

/// How far it is.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Waiting(Command),
    Running(Begun),
    Ended {
        ended: Arc<Ended>,
        /// Its place among the ends: the order in which results are delivered.
        order: u64,
        acked: bool,
    },
}

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

    /// Every job begins anew at an instant, in milliseconds.
    fn begin_anew(&mut self, now: u64) {
        let seconds = i64::try_from(now / 1000).unwrap_or(i64::MAX);
        for job in self.jobs.values_mut() {
            job.at = now;
            job.last = job.last.map(|last| last.min(seconds));
            job.skipped.take_if(|skipped| skipped.0 > seconds);
        }
        for due in self.tasks.values_mut().filter_map(|task| task.cron.as_deref_mut()) {
            due.ahead |= due.at > Some(seconds);
        }
    }

    /// Setting a job again changes what it is, not what it has done.
    fn set(&mut self, job: Job) {
        let Job { name, at, file, fields, last, boot } = job;
        let file = file.map(Into::into);
        match self.jobs.get_mut(&*name) {
            Some(known) => {
                (known.at, known.file, known.fields) = (at, file, fields);
                known.last = known.last.max(last);
            }
            None => {
                let boot = boot.map(Into::into);
                let job = Scheduled { at, file, fields, last, boot, runs: Vec::new(), skipped: None };
                self.jobs.insert(name.into(), job);
            }
        }
    }

    fn unset(&mut self, name: &str) {
        for n in self.jobs.remove(name).map(|job| job.runs).unwrap_or_default() {
            if let Some(due) = self.tasks.get_mut(&n).and_then(|task| task.cron.as_deref_mut()) {
                due.orphan = true;
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

    /// The fewest records that make this table anew.
    pub(crate) fn live(&self) -> Vec<Record> {
        let mut records = vec![Record::Used(self.used)];
        // Before the tasks, which find their jobs.
        for (name, job) in &self.jobs {
            records.push(Record::Job(Job {
                name: name.to_string(),
                at: job.at,
                file: job.file.as_deref().map(str::to_owned),
                fields: job.fields.clone(),
                last: job.last,
                boot: job.boot.as_deref().map(str::to_owned),
            }));
            if let Some((at, why)) = job.skipped.as_deref() {
                records.push(Record::Skipped(Skipped { job: name.to_string(), at: *at, why: why.clone() }));
            }
        }
        let mut ends = BTreeMap::new();
        for task in self.tasks.values() {
            let bash = match &task.state {
                // One that is empty stands for one that was not found, and is not written as one.
                State::Waiting(command) => {
                    Some(command).filter(|command| !command.bash().cmd.is_empty()).cloned()
                }
                State::Running(_) | State::Ended { .. } => None,
            };
            records.push(Record::Accepted(Accepted {
                n: task.n,
                id: task.id.to_string(),
                at: task.accepted,
                digest: task.digest.clone(),
                shape: task.shape,
                bash,
                cron: task.cron.clone(),
            }));
            records.extend(task.cancelled.then_some(Record::Cancelled(task.n)));
            match &task.state {
                State::Waiting(_) => {}
                State::Running(begun) => records.push(Record::Begun(begun.clone())),
                State::Ended { ended, order, acked } => {
                    ends.insert(*order, (ended.clone(), *acked));
                }
            }
        }
        for (ended, acked) in ends.into_values() {
            let n = ended.n;
            records.push(Record::Ended(Ended::clone(&ended)));
            records.extend(acked.then_some(Record::Acked(n)));
        }
        records
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

    /// A job's runs that were taken before another, oldest first.
    fn runs_before(&self, job: &str, n: u64) -> impl Iterator<Item = &Task> {
        self.runs(job).take_while(move |run| run.n < n)
    }

    /// A job's runs, oldest first.
    pub(crate) fn runs(&self, job: &str) -> impl DoubleEndedIterator<Item = &Task> {
        let runs = self.jobs.get(job).map_or(&[][..], |job| &job.runs);
        runs.iter().filter_map(|n| self.tasks.get(n))
    }

    /// A job.
    pub(crate) fn job(&self, name: &str) -> Option<&Scheduled> {
        self.jobs.get(name)
    }

    /// The same, with its name as it is kept.
    pub(crate) fn job_entry(&self, name: &str) -> Option<(&Arc<str>, &Scheduled)> {
        self.jobs.get_key_value(name)
    }

    /// Jobs by their names, those after one.
    pub(crate) fn jobs_after(&self, name: Option<&str>) -> impl Iterator<Item = (&Arc<str>, &Scheduled)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.jobs.range::<str, _>((from, Bound::Unbounded))
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

/// Bytes of memory that a waiting command takes, near enough to keep a bound by.
pub(crate) fn size_of_command(bash: &Bash) -> usize {
    let env: usize = bash.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    size_of::<Bash>() + bash.cmd.len() + env + bash.stdin.as_ref().map_or(0, String::len)
}

fn stored(ended: &Ended) -> u64 {
    let of = |kept: &Option<super::record::Kept>| kept.as_ref().map_or(0, |kept| kept.stored);
    of(&ended.stdout) + of(&ended.stderr)
}

#[cfg(test)]
mod tests {
    use super::super::record::{How, Kept};
    use super::*;
    use proptest::prelude::*;

    fn accepted(n: u64) -> Record {
        let bash = Bash { cmd: format!("echo {n}"), ..Bash::default() };
        let shape = Shape { max_output: 100, ..Shape::default() };
        let digest = "d".to_owned();
        let id = format!("id-{n}");
        // Those of odd numbers are runs of a job.
        let due = Due {
            job: format!("job-{}", n % 4),
            at: i64::try_from(n).ok(),
            queue: n == 3,
            boot: None,
            orphan: false,
            ahead: false,
        };
        let cron = (n % 2 == 1).then(|| Box::new(due));
        Record::Accepted(Accepted { n, id, at: n, digest, shape, bash: Some(Command::new(bash)), cron })
    }

    fn job(n: u64) -> Record {
        let fields = RawValue::from_string(format!("{{\"n\":{n}}}")).unwrap();
        let name = format!("job-{}", n % 4);
        Record::Job(Job { name, at: n, file: None, fields, last: None, boot: None })
    }

    fn skipped(n: u64) -> Record {
        let at = i64::try_from(n).unwrap();
        Record::Skipped(Skipped { job: format!("job-{}", n % 4), at, why: "it still runs".into() })
    }

    fn begun(n: u64) -> Record {
        Record::Begun(Begun { n, at: n, boot: "b".into(), slot: 0, cgroup: None })
    }

    fn ended(n: u64) -> Record {
        let stdout = Some(Kept { total: 50, stored: 7, ..Kept::default() });
        let how = How::Exited(0);
        Record::Ended(Ended { n, started: None, at: n, how, took: None, stdout, stderr: None })
    }

    fn any_record() -> impl Strategy<Value = Record> {
        (1_u64..6, 0..11).prop_map(|(n, kind)| match kind {
            0 => accepted(n),
            1 => begun(n),
            2 => ended(n),
            3 => Record::Acked(n),
            4 => Record::Forgotten(n),
            5 => Record::Cancelled(n),
            6 => job(n),
            7 => skipped(n),
            8 => Record::Unjob(format!("job-{}", n % 4)),
            9 => Record::Clock(n * 1000),
            _ => Record::Used(n),
        })
    }

    fn describe(table: &Table) -> String {
        let tasks: Vec<String> = table
            .tasks
            .values()
            .map(|task| match &task.state {
                State::Waiting(bash) => format!("{} waits {:?}", task.id, bash),
                State::Running(begun) => format!("{} runs {:?} {}", task.id, begun, task.cancelled),
                State::Ended { ended, acked, .. } => format!("{} ended {ended:?} {acked}", task.id),
            })
            .collect();
        let order: Vec<u64> = table.undelivered.values().copied().collect();
        let jobs: Vec<String> = table
            .jobs
            .iter()
            .map(|(name, job)| format!("{name} {} {:?} {:?} {}", job.fields, job.last, job.skipped, job.at))
            .collect();
        format!("{tasks:?} {order:?} {jobs:?} {:?} {}", table.counts(), table.used)
    }

    proptest! {
        #[test]
        fn a_snapshot_makes_the_same_table(records in prop::collection::vec(any_record(), 0..40)) {
            let mut table = Table::default();
            for record in records {
                table.apply(record);
            }
            let mut again = Table::default();
            for record in table.live() {
                again.apply(Record::from_bytes(&record.to_bytes()).unwrap());
            }
            prop_assert_eq!(describe(&table), describe(&again));
        }

        #[test]
        fn counts_are_those_of_the_tasks(records in prop::collection::vec(any_record(), 0..40)) {
            let mut table = Table::default();
            for record in records {
                table.apply(record);
            }
            let count = |wanted: fn(&State) -> bool| {
                table.tasks.values().filter(|task| wanted(&task.state)).count()
            };
            let counts = table.counts();
            prop_assert_eq!(counts.waiting, count(|state| matches!(state, State::Waiting(_))));
            prop_assert_eq!(counts.running, count(|state| matches!(state, State::Running(_))));
            let unacked = count(|state| matches!(state, State::Ended { acked: false, .. }));
            prop_assert_eq!(counts.undelivered, unacked);
            prop_assert_eq!(counts.bytes, counts.running as u64 * 100 + unacked as u64 * 7);
        }
    }

    #[test]
    fn a_task_begins_once_and_ends_once() {
        let mut table = Table::default();
        for record in [accepted(1), begun(1), begun(1), ended(1), ended(1), begun(1)] {
            table.apply(record);
        }
        assert_eq!(table.counts().running, 0);
        assert_eq!(table.next_undelivered(0).map(|(order, task)| (order, task.n)), Some((1, 1)));
        assert!(table.next_undelivered(1).is_none());
        table.apply(Record::Acked(1));
        assert!(table.next_undelivered(0).is_none() && table.find("id-1").is_some());
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let mut table = Table::default();
        table.apply(accepted(7));
        table.apply(Record::Forgotten(7));
        let mut again = Table::default();
        for record in table.live() {
            again.apply(record);
        }
        assert_eq!(again.take_number(), 8);
    }
}
