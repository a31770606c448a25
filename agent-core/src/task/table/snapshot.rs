//! The table as records: what a new journal begins with.

use super::{State, Table};
use crate::task::record::{Accepted, Ended, Job, Record, Skipped};
use std::collections::BTreeMap;

impl Table {
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
}
