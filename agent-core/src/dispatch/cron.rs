//! `cron.*`: requests about jobs (§7).

use super::failure::Routed;
use super::order::Named;
use super::reply;
use super::route::Call;
use super::tasks::status_of;
use super::ticket::IdKind;
use crate::clock::Seconds;
use crate::schedule::{self, JobListing, Scheduler};
use agent_wire::message::{Bash, CronHistory, CronList, CronSet, JobDefinition, Response};
use agent_wire::reply::{JobPlan, JobStatus, SkippedRun, StartedRun};

/// `cron.set`.
pub(super) fn set(call: &mut Call<'_>) -> Routed {
    let job = schedule::resolve(CronSet::parse(call.params())?)?;
    let bash = Bash::clone(&job.bash);
    let replies = &call.caller.replies;
    let about = vec![Named::Job(job.name.clone())];
    let kind = IdKind::Request;
    call.later_if_admitted(kind, about, bash, replies, move |id, _, services, _| async move {
        let set = services.scheduler.set(job).await?;
        let next = set.next.into_iter().map(|at| Seconds(at).to_string()).collect();
        reply::with_data(&id, &JobPlan { schedule: set.canonical, warnings: set.warnings, next })
    })
}

/// `cron.remove`.
pub(super) fn remove(call: &mut Call<'_>) -> Routed {
    let name = CronSet::name(call.params())?;
    let about = vec![Named::Job(name.clone())];
    call.later(IdKind::Request, about, move |id, services, _| async move {
        services.scheduler.remove(&name).await?;
        Ok(Response::success(&id, 0))
    })
}

/// `cron.run`.
pub(super) fn run(call: &mut Call<'_>) -> Routed {
    let name = CronSet::name(call.params())?;
    // The caller knows the id of the run already, and the next request may name it.
    let run = Scheduler::requested_run(&name, call.id());
    let about = vec![Named::Job(name.clone()), Named::Task(run)];
    call.later(IdKind::Request, about, move |id, services, _| async move {
        let task = services.scheduler.run(&name, &id).await?;
        reply::with_data(&id, &StartedRun { task: task.into() })
    })
}

/// `cron.list`.
pub(super) fn list(call: &Call<'_>) -> Routed {
    let CronList { after, prefix, limit } = CronList::parse(call.params())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let jobs = call.services().scheduler.list(after.as_deref(), &prefix, limit);
    reply::with_data(call.id(), &jobs.iter().map(job_status).collect::<Vec<_>>()).map(Some)
}

/// `cron.history`.
pub(super) fn history(call: &mut Call<'_>) -> Routed {
    let CronHistory { name, limit } = CronHistory::parse(call.params())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    call.now_or_later(Named::Job(name.clone()), move |id, services| {
        let runs = services.scheduler.history(&name, limit)?;
        reply::with_data(id, &runs.iter().map(status_of).collect::<Vec<_>>())
    })
}

fn job_status(listed: &JobListing) -> JobStatus<'_> {
    let JobListing { definition, canonical, zone, file, next, open, last, skipped } = listed;
    let JobDefinition { name, bash, options, .. } = definition;
    JobStatus {
        name: name.as_str().into(),
        schedule: canonical.into(),
        timezone: zone.as_ref().map(Into::into),
        user: bash.user.as_ref().map(|user| user.to_string().into()),
        cmd: bash.cmd.as_str().into(),
        enabled: options.enabled,
        overlap: options.overlap,
        missed: options.missed,
        jitter: options.jitter,
        calendar: options.calendar.as_ref().map(Into::into),
        revision: options.revision.as_ref().map(Into::into),
        file: file.as_deref().map(Into::into),
        next: next.iter().map(|at| Seconds(*at).to_string()).collect(),
        running: *open,
        last: last.as_ref().map(status_of),
        skipped: skipped
            .as_ref()
            .map(|(at, why)| SkippedRun { due: Seconds(*at).to_string(), message: why.into() }),
    }
}
