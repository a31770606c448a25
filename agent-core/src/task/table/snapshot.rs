//! The table as records: the start of a new journal file.

use super::{Phase, Table, Task};
use crate::task::record::{Accepted, Ended, Job, Record, Skipped};
use std::collections::BTreeMap;

impl Table {
    /// Returns the fewest records that rebuild this table.
    pub(crate) fn snapshot(&self) -> Vec<Record> {
        let mut records = vec![Record::Used(self.used)];
        // Before the tasks: a run finds its job.
        self.snapshot_jobs(&mut records);
        let mut ends = BTreeMap::new();
        for task in self.tasks.values() {
            records.push(Record::Accepted(accepted(task)));
            records.extend(task.cancelled.then_some(Record::Cancelled(task.n)));
            match &task.phase {
                Phase::Waiting(_) => {}
                Phase::Running(begun) => records.push(Record::Begun(begun.clone())),
                Phase::Ended { ended, order, acked } => {
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

    fn snapshot_jobs(&self, records: &mut Vec<Record>) {
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
                let (job, why) = (name.to_string(), why.clone());
                records.push(Record::Skipped(Skipped { job, at: *at, why }));
            }
        }
    }
}

fn accepted(task: &Task) -> Accepted {
    let bash = match &task.phase {
        // An empty command stands for a command that was not in the journal: it is left out again.
        Phase::Waiting(command) => {
            Some(command).filter(|command| !command.bash().cmd.is_empty()).cloned()
        }
        Phase::Running(_) | Phase::Ended { .. } => None,
    };
    Accepted {
        n: task.n,
        id: task.id.to_string(),
        at: task.accepted,
        digest: task.digests.sent.clone(),
        plain: task.digests.plain.clone(),
        shape: task.shape,
        bash,
        run: task.run.clone(),
    }
}
