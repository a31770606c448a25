//! The bounds of what is kept, and what gives way to a new task.

use super::table::{State, Task};
use super::tasks::{Tasks, lock};
use crate::config::TaskSettings;
use crate::Error;
use std::sync::atomic::Ordering;

/// Bytes of commands that wait in memory for their turn.
const MAX_WAITING_BYTES: usize = 16 << 20;

/// Bytes and files that the disk must have free beside what is reserved already: the journal's next segment and
/// something for the rest of the host.
const MIN_FREE_BYTES: u64 = 256 << 10;

const MIN_FREE_FILES: u64 = 64;

/// Runs of one job that are kept once their results have been acknowledged.
const HISTORY: usize = 20;

/// Of results that give way, the first and then one in so many is logged.
const GIVEN_WAY_TOLD: u64 = 1000;

impl Tasks {
    /// Checks every bound for one more task. What has to be forgotten for it comes back.
    ///
    /// A job goes on when nobody takes its results: then the oldest result of any job gives way, but never that of a
    /// task somebody has asked for.
    pub(super) fn make_room(
        &self,
        settings: &TaskSettings,
        bytes: u64,
        in_memory: usize,
        job: Option<&str>,
    ) -> Result<Vec<u64>, Error> {
        let free = self.spool.free_space()?;
        if free.bytes < MIN_FREE_BYTES || free.files < MIN_FREE_FILES {
            return Err(Error::NoSpace(format!(
                "{}: {} KiB and {} files free",
                self.spool.path().display(),
                free.bytes >> 10,
                free.files
            )));
        }
        let table = self.store.table();
        let counts = table.counts();
        if counts.waiting_bytes.saturating_add(in_memory) > MAX_WAITING_BYTES {
            return Err(Error::TasksBusy(format!(
                "{} tasks with {} bytes of commands wait",
                counts.waiting, counts.waiting_bytes
            )));
        }
        let mut forgotten = Vec::new();
        let mut held = counts.bytes.saturating_add(bytes);
        let mut results = table.undelivered().filter(|task| task.cron.is_some());
        while held > settings.max_bytes {
            let Some(oldest) = results.next().filter(|_| job.is_some()) else {
                return Err(Error::NoSpace(format!(
                    "the output of tasks that run or are not acknowledged may come to {} bytes, and tasks.max_bytes is {}",
                    counts.bytes, settings.max_bytes
                )));
            };
            held -= oldest.stored();
            forgotten.push(oldest.n);
            self.gives_way(oldest);
        }
        if let Some(job) = job {
            // Those of the job itself that have been told, beyond its history.
            let told = |task: &&Task| matches!(task.state, State::Ended { acked: true, .. });
            let beyond = (table.runs(job).count() + 1).saturating_sub(HISTORY);
            forgotten.extend(table.runs(job).take(beyond).filter(told).map(|task| task.n));
        }
        // Those under way are not in the table yet.
        let kept = counts.kept + lock(&self.under_way).len();
        if kept.saturating_sub(forgotten.len()) > settings.max_kept {
            let gives_way = table.delivered().find(|task| !forgotten.contains(&task.n));
            let untold = || results.next().filter(|_| job.is_some()).inspect(|task| self.gives_way(task));
            match gives_way.or_else(untold) {
                Some(task) => forgotten.push(task.n),
                None => {
                    return Err(Error::NoSpace(format!(
                        "{} tasks wait, run or have results that are not acknowledged, and tasks.max_kept is {}",
                        counts.kept, settings.max_kept
                    )));
                }
            }
        }
        Ok(forgotten)
    }

    fn gives_way(&self, task: &Task) {
        let count = self.given_way.fetch_add(1, Ordering::Relaxed) + 1;
        if count % GIVEN_WAY_TOLD == 1 {
            let id = agent_wire::json::quote(&task.id);
            log::warn!(
                "task {id}: its result was never acknowledged and gives way to a newer run ({count} by now)"
            );
        }
    }

    /// Results of jobs that gave way to newer ones since the agent started.
    pub(crate) fn given_way(&self) -> u64 {
        self.given_way.load(Ordering::Relaxed)
    }
}
