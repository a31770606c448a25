//! The bounds on tasks, and the choice of results to drop for a new one.

use super::Error;
use super::table::{Phase, Table, Task};
use super::tasks::Tasks;
use crate::config::TaskSettings;
use std::sync::atomic::Ordering;

/// Bytes of the commands that wait in memory for their turn.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Bytes and files that the disk must have free beside what is reserved already: the journal's next
/// file, and something for the rest of the host.
const MIN_FREE_BYTES: u64 = 256 << 10;
const MIN_FREE_FILES: u64 = 64;

/// Acknowledged runs that are kept of one job.
const HISTORY: usize = 20;

/// Of dropped results, the first and then one in this many is logged.
const DROPPED_PER_LOG_LINE: u64 = 1000;

impl Tasks {
    /// Checks every bound for one more task. Returns the tasks to forget for it.
    ///
    /// A job goes on when nothing acknowledges its results: then the oldest result of any job is
    /// dropped, but never the result of a task that a request submitted.
    pub(super) fn make_room(
        &self,
        settings: &TaskSettings,
        bytes: u64,
        in_memory: usize,
        job: Option<&str>,
    ) -> Result<Vec<u64>, Error> {
        self.check_disk()?;
        let table = self.store.table();
        let counts = table.counts();
        if counts.waiting_bytes.saturating_add(in_memory) > MAX_WAITING_BYTES {
            return Err(Error::Busy(format!(
                "too busy: {} tasks waiting, with {} bytes of commands; retry later",
                counts.waiting, counts.waiting_bytes
            )));
        }
        let mut forgotten = Vec::new();
        let mut held = counts.bytes.saturating_add(bytes);
        let mut results = table.undelivered().filter(|task| task.run.is_some());
        while held > settings.max_bytes {
            let Some(oldest) = results.next().filter(|_| job.is_some()) else {
                return Err(Error::NoSpace(format!(
                    "output of running and unacknowledged tasks takes up to {} bytes of \
                     tasks.max_bytes = {}",
                    counts.bytes, settings.max_bytes
                )));
            };
            held -= oldest.stored();
            forgotten.push(oldest.n);
            self.count_dropped(oldest);
        }
        if let Some(job) = job {
            forgotten.extend(beyond_history(&table, job));
        }
        // Pending submissions are not in the table yet.
        let kept = counts.kept + self.pending.lock().len();
        if kept.saturating_sub(forgotten.len()) > settings.max_kept {
            let acknowledged = table.delivered().find(|task| !forgotten.contains(&task.n));
            let unacknowledged = || {
                results.next().filter(|_| job.is_some()).inspect(|task| self.count_dropped(task))
            };
            match acknowledged.or_else(unacknowledged) {
                Some(task) => forgotten.push(task.n),
                None => {
                    return Err(Error::NoSpace(format!(
                        "{} tasks are waiting, running or unacknowledged; tasks.max_kept = {}",
                        counts.kept, settings.max_kept
                    )));
                }
            }
        }
        Ok(forgotten)
    }

    fn check_disk(&self) -> Result<(), Error> {
        self.spool.check_name()?;
        self.runner.check_slots()?;
        let free = self.spool.free_space()?;
        if free.bytes < MIN_FREE_BYTES || free.files < MIN_FREE_FILES {
            let path = self.spool.path().display();
            let (kib, files) = (free.bytes >> 10, free.files);
            return Err(Error::NoSpace(format!("{path}: {kib} KiB and {files} files free")));
        }
        Ok(())
    }

    fn count_dropped(&self, task: &Task) {
        let count = self.results_dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if count % DROPPED_PER_LOG_LINE == 1 {
            let id = agent_wire::json::quote(&task.id);
            log::warn!(
                "task \"{id}\": dropped its unacknowledged result to make room for a newer run \
                 ({count} dropped so far)"
            );
        }
    }

    /// Returns how many results of jobs were dropped since the agent started.
    pub(crate) fn results_dropped(&self) -> u64 {
        self.results_dropped.load(Ordering::Relaxed)
    }
}

/// Returns the acknowledged runs of a job beyond its history, once one more is accepted.
fn beyond_history(table: &Table, job: &str) -> Vec<u64> {
    let is_acknowledged = |task: &&Task| matches!(task.phase, Phase::Ended { acked: true, .. });
    let beyond = (table.runs(job).count() + 1).saturating_sub(HISTORY);
    table.runs(job).take(beyond).filter(is_acknowledged).map(|task| task.n).collect()
}
