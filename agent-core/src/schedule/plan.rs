//! When which job is due (cron.md §F), and nothing else: no clock, no file, no process.
//!
//! The [`super::Scheduler`] tells what time it is and is told what is due then, what was missed, and when to ask
//! again. All jobs stand in one heap by the instant at which they are to start. What a job is, is looked up when it
//! is due: with 100,000 of them, only a name and two instants are kept of each.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// Seconds that a run may be late and still be the run that was due (rule 28).
pub(crate) const GRACE: i64 = 60;

/// Seconds by which a clock may be set while what was due by the old one still counts (rule 28, Vixie's three hours).
pub(crate) const LARGEST_STEP: i64 = 3 * 3600;

/// What the plan asks about a job, by its name.
pub(crate) trait Jobs {
    /// `None`: there is no such job any more, or it has no times.
    fn times(&self, job: &str) -> Option<Times>;
}

/// A job's times and what becomes of those that are missed.
#[derive(Clone)]
pub(crate) struct Times {
    pub(crate) schedule: Arc<agent_cron::Schedule>,
    /// Seconds by which each start is put off.
    pub(crate) jitter: i64,
    /// Seconds within which one run stands for all that were missed; `None`: they are left out.
    pub(crate) horizon: Option<i64>,
}

/// What has become of a job's time. Instants are seconds since 1970, UTC; those of times are nominal, without jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// To be started now, for this instant.
    Due(i64),
    /// Left out: it was due then, and that is too long ago.
    Missed(i64),
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    /// The instant that is due next.
    due: i64,
    /// When it is to be started: later by the jitter.
    start: i64,
}

/// The next start of each job.
#[derive(Default)]
pub(crate) struct Plan {
    jobs: HashMap<Arc<str>, Planned>,
    /// Starts in their order. An entry whose job is planned otherwise by now is passed over.
    heap: BinaryHeap<Reverse<(i64, Arc<str>)>>,
}

impl Plan {
    /// Plans a job anew: its first time after `base`. One without further times is not planned.
    pub(crate) fn set(&mut self, name: &Arc<str>, times: &Times, base: i64) {
        match times.schedule.next(base) {
            Some(due) => {
                let planned = Planned { due, start: due.saturating_add(times.jitter) };
                self.jobs.insert(name.clone(), planned);
                self.heap.push(Reverse((planned.start, name.clone())));
                self.tidy();
            }
            None => self.remove(name),
        }
    }

    /// The job is due no more.
    pub(crate) fn remove(&mut self, name: &str) {
        self.jobs.remove(name);
        self.tidy();
    }

    /// When to ask again: at this instant, not before.
    pub(crate) fn wake_at(&mut self) -> Option<i64> {
        while let Some(Reverse((start, name))) = self.heap.peek() {
            if self.is_planned(*start, name) {
                return Some(*start);
            }
            self.heap.pop();
        }
        None
    }

    /// One job whose start has come, planned on for what follows. Of what has come since it was last looked at only the
    /// newest counts (rule 28). `None`: no more for now.
    pub(crate) fn next_due(&mut self, now: i64, jobs: &impl Jobs) -> Option<(Arc<str>, Fate)> {
        while self.wake_at()? <= now {
            let Reverse((_, name)) = self.heap.pop()?;
            let due = self.jobs.remove(&name)?.due;
            let Some(times) = jobs.times(&name) else { continue };
            let newest = times.schedule.prev(now.saturating_sub(times.jitter).saturating_add(1));
            let newest = newest.unwrap_or(due).max(due);
            let late = now.saturating_sub(newest.saturating_add(times.jitter));
            self.set(&name, &times, newest);
            let is_due = late <= GRACE || times.horizon.is_some_and(|horizon| late <= horizon);
            return Some((name, if is_due { Fate::Due(newest) } else { Fate::Missed(newest) }));
        }
        None
    }

    fn is_planned(&self, start: i64, name: &Arc<str>) -> bool {
        self.jobs.get(name).is_some_and(|planned| planned.start == start)
    }

    /// Drops entries that are passed over anyway, before they are most of the heap.
    fn tidy(&mut self) {
        if self.heap.len() > 64 + 2 * self.jobs.len() {
            let jobs = &self.jobs;
            self.heap.retain(|Reverse((start, name))| {
                jobs.get(name).is_some_and(|planned| planned.start == *start)
            });
        }
    }
}

/// From when on a job's times count, when nothing is planned yet: after what it was last started for and after it was
/// set.
pub(crate) fn base(set_at: i64, last: Option<i64>) -> i64 {
    last.map_or(set_at, |last| last.max(set_at))
}

/// Whether that is so far ahead that the clock must have been set back since.
pub(crate) fn is_ahead(now: i64, set_at: i64, last: Option<i64>) -> bool {
    base(set_at, last) > now.saturating_add(LARGEST_STEP)
}

/// Seconds by which a job's starts are put off on this host, the same every time: up to `most`.
pub(crate) fn jitter(host: &str, job: &str, most: u64) -> i64 {
    let hash = u64::from(crc32fast::hash(format!("{host}\n{job}").as_bytes()));
    i64::try_from(hash % most.saturating_add(1)).unwrap_or(0)
}
