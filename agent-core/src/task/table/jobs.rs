//! The scheduled jobs in the table, and their runs.

use super::{Table, Task};
use crate::clock::Millis;
use crate::schedule::Past;
use crate::task::record::Job;
use serde_json::value::RawValue;
use std::ops::Bound;
use std::sync::Arc;

/// One scheduled job. There may be 100,000, so it is as small as it can be.
#[derive(Clone, Debug)]
pub(crate) struct StoredJob {
    /// When it was set, in milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) file: Option<Arc<str>>,
    pub(crate) fields: Box<RawValue>,
    /// The last instant, in seconds, for which it was started or skipped.
    pub(crate) last: Option<i64>,
    pub(crate) boot: Option<Box<str>>,
    /// Its runs that are not forgotten, oldest first.
    pub(crate) runs: Vec<u64>,
    /// The last run that was skipped, and why.
    pub(crate) skipped: Option<Box<(i64, String)>>,
}

impl Table {
    /// Makes every job start over at an instant, in milliseconds, to which the clock was set.
    pub(super) fn set_clock(&mut self, now: u64) {
        let seconds = i64::try_from(now / 1000).unwrap_or(i64::MAX);
        for job in self.jobs.values_mut() {
            job.at = now;
            job.last = job.last.map(|last| last.min(seconds));
            job.skipped.take_if(|skipped| skipped.0 > seconds);
        }
        self.step_back(now);
    }

    /// Marks the runs of instants after a time, in milliseconds, to which the clock was set back.
    pub(super) fn step_back(&mut self, now: u64) {
        let seconds = i64::try_from(now / 1000).unwrap_or(i64::MAX);
        for run in self.tasks.values_mut().filter_map(|task| task.run.as_deref_mut()) {
            run.ahead |= run.at > Some(seconds);
        }
    }

    /// Sets a job. Setting it again changes its definition and keeps its history.
    pub(super) fn set_job(&mut self, job: Job) {
        let Job { name, at, file, fields, last, boot } = job;
        let file = file.map(Into::into);
        match self.jobs.get_mut(&*name) {
            Some(known) => {
                (known.at, known.file, known.fields) = (at, file, fields);
                known.last = known.last.max(last);
            }
            None => {
                let boot = boot.map(Into::into);
                let job =
                    StoredJob { at, file, fields, last, boot, runs: Vec::new(), skipped: None };
                self.jobs.insert(name.into(), job);
            }
        }
    }

    /// Removes a job. Its runs stay, as orphans.
    pub(super) fn remove_job(&mut self, name: &str) {
        for n in self.jobs.remove(name).map(|job| job.runs).unwrap_or_default() {
            if let Some(run) = self.tasks.get_mut(&n).and_then(|task| task.run.as_deref_mut()) {
                run.orphan = true;
            }
        }
    }

    /// Returns a job's runs that were accepted before another, oldest first.
    pub(super) fn runs_before(&self, job: &str, n: u64) -> impl Iterator<Item = &Task> {
        self.runs(job).take_while(move |run| run.n < n)
    }

    /// Returns a job's runs, oldest first.
    pub(crate) fn runs(&self, job: &str) -> impl DoubleEndedIterator<Item = &Task> {
        let runs = self.jobs.get(job).map_or(&[][..], |job| &job.runs);
        runs.iter().filter_map(|n| self.tasks.get(n))
    }

    /// Returns a job's past.
    pub(crate) fn past(&self, job: &StoredJob) -> Past {
        let runs = job.runs.iter().rev().filter_map(|n| self.tasks.get(n)?.run.as_deref());
        Past {
            set_at: Millis(job.at).seconds().0,
            last: job.last,
            newest: runs.filter(|run| !run.ahead).find_map(|run| run.at),
        }
    }

    /// Returns the job with a name.
    pub(crate) fn job(&self, name: &str) -> Option<&StoredJob> {
        self.jobs.get(name)
    }

    /// Returns the job with a name, and the table's copy of the name.
    pub(crate) fn job_entry(&self, name: &str) -> Option<(&Arc<str>, &StoredJob)> {
        self.jobs.get_key_value(name)
    }

    /// Returns the jobs whose names sort after one, by name.
    pub(crate) fn jobs_after(
        &self,
        name: Option<&str>,
    ) -> impl Iterator<Item = (&Arc<str>, &StoredJob)> {
        let from = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.jobs.range::<str, _>((from, Bound::Unbounded))
    }
}
