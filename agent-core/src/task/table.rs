//! The tasks as the journal tells them: a fold over its records, and nothing else.
//!
//! Every change is a [`Record`] that is durable first, so the table after a crash is the table before it. Owned
//! by [`super::Tasks`]; knows no files and no time but that of the records.

use super::record::{Accepted, Begun, Command, Ended, Record, Shape};
use agent_wire::message::Bash;
use std::collections::{BTreeMap, HashMap};
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
        }
    }

    fn accept(&mut self, accepted: Accepted) {
        let Accepted { n, id, at, digest, shape, bash } = accepted;
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
        self.tasks.insert(n, Task { n, id, accepted: at, digest, shape, cancelled: false, state });
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

    /// The oldest task that waits, but those in `but`.
    pub(crate) fn next_waiting(&self, but: impl Fn(u64) -> bool) -> Option<&Task> {
        self.waiting.keys().find(|n| !but(**n)).and_then(|n| self.tasks.get(n))
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
        Record::Accepted(Accepted { n, id, at: n, digest, shape, bash: Some(Command::new(bash)) })
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
        (1_u64..6, 0..7).prop_map(|(n, kind)| match kind {
            0 => accepted(n),
            1 => begun(n),
            2 => ended(n),
            3 => Record::Acked(n),
            4 => Record::Forgotten(n),
            5 => Record::Cancelled(n),
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
        format!("{tasks:?} {order:?} {:?} {}", table.counts(), table.used)
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
