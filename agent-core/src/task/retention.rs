//! Forgets tasks that ended longer ago than they are kept.

use super::record::{Ended, Record};
use super::spool_dir::SpoolDir;
use super::store::Store;
use super::table::{Phase, Task};
use crate::clock;
use std::time::Duration;

/// Tasks forgotten at once.
const BATCH: usize = 256;

/// An unacknowledged result is not dropped for its age before the agent has run this long: time for
/// a controller to acknowledge it, and for a clock that was wrong at boot to be set.
const CHANCE: Duration = Duration::from_secs(600);

/// The wait after a failure; otherwise the wait is until the next task is due.
const RETRY: Duration = Duration::from_secs(60);

/// The longest wait: the wall clock, which decides ages, may be set meanwhile.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Forgets the tasks that are due. Returns how long to wait before the next look.
pub(crate) async fn forget(store: &Store, spool: &SpoolDir, keep: Duration) -> Duration {
    let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    loop {
        let (due, next) = due(store, keep_ms);
        if due.is_empty() {
            return next;
        }
        let records: Vec<Record> = due.iter().map(|n| Record::Forgotten(*n)).collect();
        if let Err(error) = store.record(records).await {
            log::error!("cannot forget old tasks, retrying in {} s: {error}", RETRY.as_secs());
            return RETRY;
        }
        due.into_iter().for_each(|n| spool.remove(n));
    }
}

/// Returns the numbers of one batch of due tasks, and how long until the next task is due.
fn due(store: &Store, keep_ms: u64) -> (Vec<u64>, Duration) {
    let now = clock::now().0;
    let table = store.table();
    let left = |task: &Task| match &task.phase {
        Phase::Ended { ended, .. } => left(ended, keep_ms, now),
        Phase::Waiting(_) | Phase::Running(_) => u64::MAX,
    };
    let mut due = Vec::new();
    let mut next = LONGEST;
    for task in table.delivered() {
        let left = left(task);
        if left > 0 || due.len() >= BATCH {
            next = next.min(Duration::from_millis(left));
            break;
        }
        due.push(task.n);
    }
    let chance = CHANCE.saturating_sub(store.since().elapsed());
    for task in table.undelivered() {
        let left = Duration::from_millis(left(task)).max(chance);
        if !left.is_zero() || due.len() >= BATCH {
            next = next.min(left);
            break;
        }
        let id = agent_wire::json::quote(&task.id);
        log::warn!("task \"{id}\": dropped its unacknowledged result, older than tasks.keep_days");
        due.push(task.n);
    }
    (due, next)
}

/// Returns the milliseconds until an ended task has been kept long enough; 0 from then on.
fn left(ended: &Ended, keep_ms: u64, now: u64) -> u64 {
    ended.at.saturating_add(keep_ms).saturating_sub(now)
}
