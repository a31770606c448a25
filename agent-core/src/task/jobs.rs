//! The scheduled jobs in the store. When they are due is up to the scheduler.

use super::Error;
use super::record::{Job, Record, Skipped};
use super::table::StoredJob;
use super::tasks::{Status, Tasks};
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

    /// Returns whether the condition holds for any job. It gets the time when the job was set
    /// (milliseconds) and its last instant (seconds).
    pub(crate) fn any_job(&self, condition: impl Fn(u64, Option<i64>) -> bool) -> bool {
        self.store.table().jobs_after(None).any(|(_, job)| condition(job.at, job.last))
    }

    /// Returns whether a task has this id.
    pub(crate) fn is_known(&self, id: &str) -> bool {
        self.store.table().find(id).is_some()
    }

    /// Returns what `look` sees in a job.
    pub(crate) fn job<T>(&self, name: &str, look: impl FnOnce(&StoredJob) -> T) -> Option<T> {
        self.store.table().job(name).map(look)
    }

    /// Returns the store's copy of a job's name, the time when the job was set (milliseconds), and
    /// its last instant (seconds).
    pub(crate) fn planned(&self, name: &str) -> Option<(Arc<str>, u64, Option<i64>)> {
        let table = self.store.table();
        let (name, job) = table.job_entry(name)?;
        Some((name.clone(), job.at, job.last))
    }

    /// Counts the runs of a job that wait or run.
    pub(crate) fn open_runs(&self, name: &str) -> usize {
        self.store.table().runs(name).filter(|run| !run.has_ended()).count()
    }

    /// Returns the jobs whose names sort after one, at most `limit`.
    pub(crate) fn jobs(&self, after: Option<&str>, limit: usize) -> Vec<JobStatus> {
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
        table.jobs_after(after).take(limit).map(status).collect()
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
