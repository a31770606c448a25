//! `cron.*`: requests about scheduled jobs (§7).

use super::reply;
use super::task::view;
use crate::clock::Seconds;
use crate::schedule::{JobListing, Scheduler};
use agent_wire::message::{CronHistory, CronList, JobDefinition, Response};
use agent_wire::reply::{JobPlan, JobStatus, SkippedRun, StartedRun};

/// `cron.set`.
pub(super) async fn set(id: &str, job: JobDefinition, scheduler: &Scheduler) -> Response {
    match scheduler.set(job).await {
        Ok(set) => {
            let next = set.next.into_iter().map(|at| Seconds(at).to_string()).collect();
            reply::with_data(id, &JobPlan { schedule: set.canonical, warnings: set.warnings, next })
        }
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `cron.remove`.
pub(super) async fn remove(id: &str, name: &str, scheduler: &Scheduler) -> Response {
    match scheduler.remove(name).await {
        Ok(()) => Response::success(id, 0),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `cron.run`.
pub(super) async fn run(id: &str, name: &str, scheduler: &Scheduler) -> Response {
    match scheduler.run(name, id).await {
        Ok(task) => reply::with_data(id, &StartedRun { task: task.into() }),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `cron.list`.
pub(super) fn list(id: &str, asked: &CronList, scheduler: &Scheduler) -> Response {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let jobs = scheduler.list(asked.after.as_deref(), limit);
    reply::with_data(id, &jobs.iter().map(status).collect::<Vec<_>>())
}

/// `cron.history`.
pub(super) fn history(id: &str, asked: &CronHistory, scheduler: &Scheduler) -> Response {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    match scheduler.history(&asked.name, limit) {
        Ok(runs) => reply::with_data(id, &runs.iter().map(view).collect::<Vec<_>>()),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// A job as `cron.list` shows it.
fn status(listed: &JobListing) -> JobStatus<'_> {
    let JobListing { definition, canonical, zone, file, next, open, last, skipped } = listed;
    let JobDefinition { name, bash, options, .. } = definition;
    JobStatus {
        name: name.as_str().into(),
        schedule: canonical.into(),
        timezone: zone.as_ref().map(Into::into),
        user: bash.user.as_ref().map(Into::into),
        cmd: bash.cmd.as_str().into(),
        enabled: options.enabled,
        overlap: options.overlap,
        missed: options.missed,
        jitter: options.jitter,
        calendar: options.calendar.as_ref().map(Into::into),
        file: file.as_deref().map(Into::into),
        next: next.iter().map(|at| Seconds(*at).to_string()).collect(),
        running: *open,
        last: last.as_ref().map(view),
        skipped: skipped.as_ref().map(|(at, why)| SkippedRun { due: Seconds(*at).to_string(), message: why.into() }),
    }
}
