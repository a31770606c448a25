//! What is forgotten, and when: tasks that ended longer ago than they are kept.

use super::record::{Ended, Record};
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::table::{State, Task};
use super::tasks::now;
use std::time::Duration;

/// Tasks forgotten at once.
const BATCH: usize = 256;

/// A result that nobody has acknowledged is not dropped for its age before the agent has run so long: time for a
/// controller to take it, and for a clock that was wrong at boot to be set.
const CHANCE: Duration = Duration::from_secs(600);

/// After a failure; else the wait is until the next is due.
const RETRY: Duration = Duration::from_secs(60);

/// The longest sleep: the wall clock, which ages go by, may be set meanwhile.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Forgets what is due, and tells when to look again.
pub(crate) async fn forget(store: &Store, spool: &SpoolDir, keep: Duration) -> Duration {
    let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    loop {
        let (due, next) = due(store, keep_ms);
        if due.is_empty() {
            return next;
        }
        let records: Vec<Record> = due.iter().map(|n| Record::Forgotten(*n)).collect();
        if let Err(error) = store.record(records).await {
            log::error!("tasks that are due can't be forgotten: {error}");
            return RETRY;
        }
        due.into_iter().for_each(|n| spool.remove(n));
    }
}

/// The numbers of those that are due, some of them at a time, and how long until the next will be.
fn due(store: &Store, keep_ms: u64) -> (Vec<u64>, Duration) {
    let now = now();
    let table = store.table();
    let over = |task: &Task| match &task.state {
        State::Ended { ended, .. } => left(ended, keep_ms, now),
        State::Waiting(_) | State::Running(_) => u64::MAX,
    };
    let mut due = Vec::new();
    let mut next = LONGEST;
    for task in table.delivered() {
        let left = over(task);
        if left > 0 || due.len() >= BATCH {
            next = next.min(Duration::from_millis(left));
            break;
        }
        due.push(task.n);
    }
    let chance = CHANCE.saturating_sub(store.since().elapsed());
    for task in table.undelivered() {
        let left = Duration::from_millis(over(task)).max(chance);
        if !left.is_zero() || due.len() >= BATCH {
            next = next.min(left);
            break;
        }
        log::warn!("task \"{}\": its result was never acknowledged and is dropped for its age", quoted(task));
        due.push(task.n);
    }
    (due, next)
}

fn quoted(task: &Task) -> String {
    agent_wire::json::quote(&task.id)
}

/// Milliseconds until an ended task has been kept long enough; 0 from then on.
fn left(ended: &Ended, keep_ms: u64, now: u64) -> u64 {
    ended.at.saturating_add(keep_ms).saturating_sub(now)
}
