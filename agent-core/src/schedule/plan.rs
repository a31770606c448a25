//! Decides which job is due when (docs/schedules.md rules 28 and 31), and nothing else: no clock,
//! no file, no process.
//!
//! The [`super::Scheduler`] passes in the time and gets what is due then, what was missed, and when
//! to ask again. One heap orders all jobs by their next start. A job's definition is looked up when
//! it is due: there may be 100,000 jobs, so only a name and two instants are kept of each.

use super::step::CORRECTION;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

/// Seconds that a run may be late and still be the run that was due (rule 28).
pub(crate) const GRACE: i64 = 60;

/// Seconds by which the last instant of a job may be ahead of the clock without a step: a run is
/// taken up shortly before it is due.
const LEAD: i64 = 1;

/// Looks up jobs by their names.
pub(crate) trait Jobs {
    /// Returns a job's times; `None` when there is no such job any more, or it has no times.
    fn times(&self, job: &str) -> Option<Times>;
}

/// A job's times, and the handling of missed runs.
#[derive(Clone)]
pub(crate) struct Times {
    pub(crate) schedule: Arc<agent_cron::Schedule>,
    /// Seconds by which each start is delayed.
    pub(crate) jitter: i64,
    /// Seconds within which one run makes up for all missed runs; `None`: missed runs are skipped.
    pub(crate) horizon: Option<i64>,
}

/// What the store knows about a job's past. Instants are seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Past {
    /// When the job was set.
    pub(crate) set_at: i64,
    /// The last instant for which it was started or skipped.
    pub(crate) last: Option<i64>,
    /// The instant of its newest run among the runs to before whose instants the clock has not been
    /// set back since.
    pub(crate) newest: Option<i64>,
}

/// The fate of a job's time. Instants are seconds since 1970, UTC; times are nominal, without
/// jitter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The run of this instant starts now.
    Due(i64),
    /// The run of this instant is skipped: it was due too long ago.
    Missed(i64),
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    /// The instant that is due next.
    due: i64,
    /// When it starts: later by the jitter.
    start: i64,
}

/// The next start of each job.
#[derive(Default)]
pub(crate) struct Plan {
    jobs: HashMap<Arc<str>, Planned>,
    /// Starts in their order. An entry whose job is planned differently by now is passed over.
    heap: BinaryHeap<Reverse<(i64, Arc<str>)>>,
}

impl Plan {
    /// Plans a job's first time after `base`, in place of an earlier plan. A job without further
    /// times is not planned.
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

    /// Removes a job from the plan.
    pub(crate) fn remove(&mut self, name: &str) {
        self.jobs.remove(name);
        self.tidy();
    }

    /// Returns the instant at which to ask again.
    pub(crate) fn wake_at(&mut self) -> Option<i64> {
        while let Some(Reverse((start, name))) = self.heap.peek() {
            if self.is_planned(*start, name) {
                return Some(*start);
            }
            self.heap.pop();
        }
        None
    }

    /// Returns one job whose start has come, and plans its next time. Of the times that have come
    /// since the last look, only the newest counts (rule 28). `skipped`: the clock was set forward
    /// from that second to now, so a fixed job whose start lies in between starts now (rule 31).
    /// `None`: no more for now.
    pub(crate) fn next_due(
        &mut self,
        now: i64,
        skipped: Option<i64>,
        jobs: &impl Jobs,
    ) -> Option<(Arc<str>, Fate)> {
        while self.wake_at()? <= now {
            let Reverse((_, name)) = self.heap.pop()?;
            let due = self.jobs.remove(&name)?.due;
            let Some(times) = jobs.times(&name) else { continue };
            let newest = times.schedule.prev(now.saturating_sub(times.jitter).saturating_add(1));
            let newest = newest.unwrap_or(due).max(due);
            let start = newest.saturating_add(times.jitter);
            let late = now.saturating_sub(start);
            self.set(&name, &times, newest);
            let is_skipped = !times.schedule.is_wild() && skipped.is_some_and(|from| start > from);
            let is_due =
                is_skipped || late <= GRACE || times.horizon.is_some_and(|horizon| late <= horizon);
            return Some((name, if is_due { Fate::Due(newest) } else { Fate::Missed(newest) }));
        }
        None
    }

    fn is_planned(&self, start: i64, name: &Arc<str>) -> bool {
        self.jobs.get(name).is_some_and(|planned| planned.start == start)
    }

    /// Removes the entries that are passed over, before they make up most of the heap.
    fn tidy(&mut self) {
        if self.heap.len() > 64 + 2 * self.jobs.len() {
            let jobs = &self.jobs;
            self.heap.retain(|Reverse((start, name))| {
                jobs.get(name).is_some_and(|planned| planned.start == *start)
            });
        }
    }
}

impl Past {
    /// Returns the instant after which the times of a job count when it is not planned yet: the
    /// last instant that it was started for, or the time when it was set.
    ///
    /// After a step back these may be ahead of the clock. Then a fixed job does not repeat the
    /// instants that it was started for; a wild job follows the clock (rule 31).
    pub(crate) fn base(self, now: i64, is_wild: bool) -> i64 {
        let Self { set_at, last, newest } = self;
        if self.latest() <= now.saturating_add(LEAD) {
            return self.latest();
        }
        if is_wild {
            return newest.map_or(now, |newest| newest.min(now));
        }
        let set_at = set_at.min(now);
        last.map_or(set_at, |last| last.max(set_at))
    }

    /// Returns whether the clock must have been set back since.
    pub(crate) fn is_ahead(self, now: i64) -> bool {
        self.latest() > now.saturating_add(LEAD)
    }

    /// Returns whether the clock must have been set back since by so much that it was a correction.
    pub(crate) fn is_far_ahead(self, now: i64) -> bool {
        self.latest() >= now.saturating_add(CORRECTION)
    }

    fn latest(self) -> i64 {
        self.last.map_or(self.set_at, |last| last.max(self.set_at))
    }
}

/// Returns the seconds, at most `most`, by which a job's starts are delayed on this host: always
/// the same.
pub(crate) fn jitter(host: &str, job: &str, most: u64) -> i64 {
    let hash = u64::from(crc32fast::hash(format!("{host}\n{job}").as_bytes()));
    i64::try_from(hash % most.saturating_add(1)).unwrap_or(0)
}
