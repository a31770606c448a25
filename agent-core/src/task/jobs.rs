//! The scheduled jobs in the store: set, unset, skipped, and told about. When they are due is the scheduler's.

use super::record::{Job, Record, Skipped};
use super::table::Scheduled;
use super::tasks::{Status, Tasks, status};
use crate::Error;
use std::sync::Arc;

/// One job, as of a moment.
#[derive(Debug)]
pub(crate) struct JobStatus {
    pub(crate) name: Arc<str>,
    pub(crate) job: Scheduled,
    /// Its runs that wait or run.
    pub(crate) open: usize,
    /// Its last run that has ended.
    pub(crate) last: Option<Status>,
}

impl Tasks {
    /// Sets jobs, all or none: they are durable when this comes back.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`].
    pub(crate) async fn set_jobs(&self, jobs: Vec<Job>) -> Result<(), Error> {
        self.store.record(jobs.into_iter().map(Record::Job).collect()).await
    }

    /// Removes jobs; their runs go on and are told about as before.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn unset_jobs(&self, names: Vec<String>) -> Result<(), Error> {
        self.store.record(names.into_iter().map(Record::Unjob).collect()).await
    }

    /// A run that was due will not be.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn skip(&self, skipped: Skipped) -> Result<(), Error> {
        self.store.record(vec![Record::Skipped(skipped)]).await
    }

    /// The clock has been set to `now`, in milliseconds: what was due before is no job's any more, and what was started
    /// for a later instant does not count.
    ///
    /// # Errors
    /// [`Error::Journal`].
    pub(crate) async fn begin_anew(&self, now: u64) -> Result<(), Error> {
        self.store.record(vec![Record::Clock(now)]).await
    }

    /// Whether there is a job of which this holds: when it was set (milliseconds), and its last instant (seconds).
    pub(crate) fn any_job(&self, holds: impl Fn(u64, Option<i64>) -> bool) -> bool {
        self.store.table().jobs_after(None).any(|(_, job)| holds(job.at, job.last))
    }

    /// Whether there is a task of this id.
    pub(crate) fn is_known(&self, id: &str) -> bool {
        self.store.table().find(id).is_some()
    }

    /// Looks at a job.
    pub(crate) fn job<T>(&self, name: &str, look: impl FnOnce(&Scheduled) -> T) -> Option<T> {
        self.store.table().job(name).map(look)
    }

    /// A job's name as the store keeps it, when it was set (milliseconds), and its last instant (seconds).
    pub(crate) fn planned(&self, name: &str) -> Option<(Arc<str>, u64, Option<i64>)> {
        let table = self.store.table();
        let (name, job) = table.job_entry(name)?;
        Some((name.clone(), job.at, job.last))
    }

    /// Runs of a job that wait, and that run.
    pub(crate) fn open_runs(&self, name: &str) -> usize {
        self.store.table().runs(name).filter(|run| !run.is_over()).count()
    }

    /// Jobs by name, at most `limit`, those after one.
    pub(crate) fn jobs(&self, after: Option<&str>, limit: usize) -> Vec<JobStatus> {
        let table = self.store.table();
        let told = |(name, job): (&Arc<str>, &Scheduled)| {
            let runs = || table.runs(name);
            JobStatus {
                name: name.clone(),
                job: job.clone(),
                open: runs().filter(|run| !run.is_over()).count(),
                last: runs().rfind(|run| run.is_over()).map(status),
            }
        };
        table.jobs_after(after).take(limit).map(told).collect()
    }

    /// Names of jobs and the crontabs they are from, in order, those after one.
    pub(crate) fn job_names(&self, after: Option<&str>, limit: usize) -> Vec<(Arc<str>, Option<Arc<str>>)> {
        let table = self.store.table();
        table.jobs_after(after).take(limit).map(|(name, job)| (name.clone(), job.file.clone())).collect()
    }

    /// A job's runs, newest first.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    pub(crate) fn runs(&self, name: &str, limit: usize) -> Result<Vec<Status>, Error> {
        let table = self.store.table();
        match table.job(name) {
            Some(_) => Ok(table.runs(name).rev().take(limit).map(status).collect()),
            None => Err(Error::NoSuchJob(name.to_owned())),
        }
    }
}
