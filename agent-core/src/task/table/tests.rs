//! Whatever the records say, the table is consistent and a snapshot of it is the same table.

use super::*;
use crate::task::record::{Ending, Job, JobRun, Shape, StoredStream};
use proptest::prelude::*;
use serde_json::value::RawValue;

fn accepted(n: u64) -> Record {
    let bash = Bash { cmd: format!("echo {n}"), ..Bash::default() };
    let shape = Shape { max_output: 100, ..Shape::default() };
    let digest = "d".to_owned();
    let id = format!("id-{n}");
    // Tasks with odd numbers are runs of a job.
    let (job, at) = (format!("job-{}", n % 4), i64::try_from(n).ok());
    let run = JobRun { job, at, queue: n == 3, ..JobRun::default() };
    let run = (n % 2 == 1).then(|| Box::new(run));
    let (plain, bash) = ((n == 2).then(|| "p".to_owned()), Some(Command::new(bash)));
    Record::Accepted(Accepted { n, id, at: n, digest, plain, shape, bash, run })
}

fn job(n: u64) -> Record {
    let fields = RawValue::from_string(format!("{{\"n\":{n}}}")).unwrap();
    let name = format!("job-{}", n % 4);
    Record::Job(Job { name, at: n, file: None, fields, last: None, boot: None })
}

fn skipped(n: u64) -> Record {
    let at = i64::try_from(n).unwrap();
    Record::Skipped(Skipped { job: format!("job-{}", n % 4), at, why: "still running".into() })
}

fn begun(n: u64) -> Record {
    Record::Begun(Begun { n, at: n, boot: "b".into(), slot: 0, cgroup: None })
}

fn ended(n: u64) -> Record {
    let stdout = Some(StoredStream { total: 50, stored: 7, ..StoredStream::default() });
    Record::Ended(Ended { stdout, ..Ended::unstarted(n, n, Ending::Exited(0)) })
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
        8 => Record::JobRemoved(format!("job-{}", n % 4)),
        9 => Record::ClockSet(n * 1000),
        _ => Record::Used(n),
    })
}

fn describe(table: &Table) -> String {
    let tasks: Vec<String> = table
        .tasks
        .values()
        .map(|task| match &task.phase {
            Phase::Waiting(bash) => format!("{} waits {:?} {:?}", task.id, bash, task.digests),
            Phase::Running(begun) => format!("{} runs {:?} {}", task.id, begun, task.cancelled),
            Phase::Ended { ended, acked, .. } => format!("{} ended {ended:?} {acked}", task.id),
        })
        .collect();
    let order: Vec<u64> = table.undelivered.values().copied().collect();
    let jobs: Vec<String> = table
        .jobs
        .iter()
        .map(|(name, job)| {
            format!("{name} {} {:?} {:?} {}", job.fields, job.last, job.skipped, job.at)
        })
        .collect();
    format!("{tasks:?} {order:?} {jobs:?} {:?} {}", table.counts(), table.used)
}

proptest! {
    #[test]
    fn a_snapshot_rebuilds_the_same_table(records in prop::collection::vec(any_record(), 0..40)) {
        let mut table = Table::default();
        for record in records {
            table.apply(record);
        }
        let mut again = Table::default();
        for record in table.snapshot() {
            again.apply(Record::from_bytes(&record.to_bytes()).unwrap());
        }
        prop_assert_eq!(describe(&table), describe(&again));
    }

    #[test]
    fn the_counts_match_the_tasks(records in prop::collection::vec(any_record(), 0..40)) {
        let mut table = Table::default();
        for record in records {
            table.apply(record);
        }
        let count = |wanted: fn(&Phase) -> bool| {
            table.tasks.values().filter(|task| wanted(&task.phase)).count()
        };
        let counts = table.counts();
        prop_assert_eq!(counts.waiting, count(|phase| matches!(phase, Phase::Waiting(_))));
        prop_assert_eq!(counts.running, count(|phase| matches!(phase, Phase::Running(_))));
        let unacked = count(|phase| matches!(phase, Phase::Ended { acked: false, .. }));
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
fn a_number_is_never_used_twice() {
    let mut table = Table::default();
    table.apply(accepted(7));
    table.apply(Record::Forgotten(7));
    let mut again = Table::default();
    for record in table.snapshot() {
        again.apply(record);
    }
    assert_eq!(again.take_number(), 8);
}
