//! The scheduled jobs in the store. When they are due is up to the scheduler.

use super::Error;
use super::record::{Job, JobRun, Record, Skipped};
use super::table::StoredJob;
use super::tasks::{Status, Tasks};
use crate::schedule::Past;
use std::sync::Arc;

/// One job at one moment.
#[derive(Debug)]
pub(crate) struct JobStatus {
    pub(crate) name: Arc<str>,
    pub(crate) job: StoredJob,
    /// How many of its runs wait or run.
    pub(crate) open: usize,
    /// Its last run that has ended.
    pub(crate) last: Option<Status>,
}

impl Tasks {
    /// Sets jobs, all or none: they are durable when this returns.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn set_jobs(&self, jobs: Vec<Job>) -> Result<(), Error> {
        self.store.record(jobs.into_iter().map(Record::Job).collect()).await
    }

    /// Removes jobs; their runs go on and deliver their results.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn remove_jobs(&self, names: Vec<String>) -> Result<(), Error> {
        self.store.record(names.into_iter().map(Record::JobRemoved).collect()).await
    }

    /// Records that a run that was due is skipped.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn skip(&self, skipped: Skipped) -> Result<(), Error> {
        self.store.record(vec![Record::Skipped(skipped)]).await
    }

    /// Records that the clock was set to `now`, in milliseconds: no time before it is due any more,
    /// and runs of later instants do not count.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn set_clock(&self, now: u64) -> Result<(), Error> {
        self.store.record(vec![Record::ClockSet(now)]).await
    }

    /// Records that the clock was set back to `now`, in milliseconds: runs of later instants do not
    /// keep the same instants from running again.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn step_back(&self, now: u64) -> Result<(), Error> {
        self.store.record(vec![Record::SteppedBack(now)]).await
    }

    /// Returns whether the condition holds for the past of any job.
    pub(crate) fn any_job(&self, condition: impl Fn(Past) -> bool) -> bool {
        let table = self.store.table();
        table.jobs_after(None).any(|(_, job)| condition(table.past(job)))
    }

    /// Returns whether an id is of no use for a new run of a job: another task has it, or an
    /// earlier run of the job whose instant has come again.
    pub(crate) fn is_taken(&self, id: &str, job: &str) -> bool {
        let table = self.store.table();
        let counts = |run: &JobRun| run.job == job && !run.orphan && !run.ahead;
        table.find(id).is_some_and(|task| !task.run.as_deref().is_some_and(counts))
    }

    /// Returns what `look` sees in a job.
    pub(crate) fn job<T>(&self, name: &str, look: impl FnOnce(&StoredJob) -> T) -> Option<T> {
        self.store.table().job(name).map(look)
    }

    /// Returns the store's copy of a job's name, and the job's past.
    pub(crate) fn planned(&self, name: &str) -> Option<(Arc<str>, Past)> {
        let table = self.store.table();
        let (name, job) = table.job_entry(name)?;
        Some((name.clone(), table.past(job)))
    }

    /// Counts the runs of a job that wait or run.
    pub(crate) fn open_runs(&self, name: &str) -> usize {
        self.store.table().runs(name).filter(|run| !run.has_ended()).count()
    }

    /// Returns the jobs whose names begin with `prefix` and sort after one, at most `limit`.
    pub(crate) fn jobs(&self, after: Option<&str>, prefix: &str, limit: usize) -> Vec<JobStatus> {
        let table = self.store.table();
        let status = |(name, job): (&Arc<str>, &StoredJob)| {
            let runs = || table.runs(name);
            JobStatus {
                name: name.clone(),
                job: job.clone(),
                open: runs().filter(|run| !run.has_ended()).count(),
                last: runs().rfind(|run| run.has_ended()).map(Status::of),
            }
        };
        let jobs = table.jobs_after(after).filter(|(name, _)| name.starts_with(prefix));
        jobs.take(limit).map(status).collect()
    }

    /// Returns the names of jobs that sort after one, and the crontab file of each.
    pub(crate) fn job_names(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(Arc<str>, Option<Arc<str>>)> {
        let table = self.store.table();
        let jobs = table.jobs_after(after).take(limit);
        jobs.map(|(name, job)| (name.clone(), job.file.clone())).collect()
    }

    /// Returns a job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub(crate) fn runs(&self, name: &str, limit: usize) -> Result<Vec<Status>, Error> {
        let table = self.store.table();
        match table.job(name) {
            Some(_) => Ok(table.runs(name).rev().take(limit).map(Status::of).collect()),
            None => Err(Error::NoSuchJob(name.to_owned())),
        }
    }
}
