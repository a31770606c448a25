//! `cron.*`: requests about scheduled jobs (§7).

use super::reply;
use super::task::{View, view};
use crate::schedule::{Listed, Scheduler, told};
use agent_wire::message::{CronHistory, CronList, CronSet, Missed, Overlap, Response, Schedule};
use serde::Serialize;

/// `cron.set`.
pub(super) async fn set(id: &str, set: CronSet, scheduler: &Scheduler) -> Response {
    #[derive(Serialize)]
    struct View {
        schedule: String,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
        next: Vec<String>,
    }
    match scheduler.set(set).await {
        Ok(set) => {
            let next = set.next.into_iter().map(told).collect();
            reply::with_data(id, &View { schedule: set.canonical, warnings: set.warnings, next })
        }
        Err(error) => reply::failed(id, &error),
    }
}

/// `cron.remove`.
pub(super) async fn remove(id: &str, name: &str, scheduler: &Scheduler) -> Response {
    match scheduler.remove(name).await {
        Ok(()) => Response::success(id, 0),
        Err(error) => reply::failed(id, &error),
    }
}

/// `cron.run`.
pub(super) async fn run(id: &str, name: &str, scheduler: &Scheduler) -> Response {
    #[derive(Serialize)]
    struct View {
        task: String,
    }
    match scheduler.run(name, id).await {
        Ok(task) => reply::with_data(id, &View { task }),
        Err(error) => reply::failed(id, &error),
    }
}

/// `cron.list`.
pub(super) fn list(id: &str, asked: &CronList, scheduler: &Scheduler) -> Response {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    let jobs = scheduler.list(asked.after.as_deref(), limit);
    reply::with_data(id, &jobs.iter().filter_map(JobView::of).collect::<Vec<_>>())
}

/// `cron.history`.
pub(super) fn history(id: &str, asked: &CronHistory, scheduler: &Scheduler) -> Response {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    match scheduler.history(&asked.name, limit) {
        Ok(runs) => reply::with_data(id, &runs.iter().map(view).collect::<Vec<_>>()),
        Err(error) => reply::failed(id, &error),
    }
}

/// A job as `cron.list` tells it.
#[derive(Serialize)]
struct JobView<'a> {
    name: &'a str,
    schedule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    cmd: &'a str,
    enabled: bool,
    overlap: &'static str,
    missed: &'static str,
    jitter: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    calendar: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    next: Vec<String>,
    running: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<View<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkippedView<'a>>,
}

#[derive(Serialize)]
struct SkippedView<'a> {
    due: String,
    message: &'a str,
}

impl<'a> JobView<'a> {
    fn of(listed: &'a Listed) -> Option<Self> {
        let Listed { set, canonical, zone, file, next, open, last, skipped } = listed;
        let Schedule::Fields { bash, .. } = &set.schedule else { return None };
        Some(Self {
            name: &set.name,
            schedule: canonical,
            timezone: zone.as_deref(),
            user: bash.user.as_deref(),
            cmd: &bash.cmd,
            enabled: set.enabled,
            overlap: match set.overlap {
                Overlap::Skip => "skip",
                Overlap::Queue => "queue",
                Overlap::Allow => "allow",
            },
            missed: match set.missed {
                Missed::Skip => "skip",
                Missed::Once => "once",
            },
            jitter: set.jitter,
            calendar: set.calendar.as_deref(),
            file: file.as_deref(),
            next: next.iter().map(|at| told(*at)).collect(),
            running: *open,
            last: last.as_ref().map(view),
            skipped: skipped.as_ref().map(|(at, why)| SkippedView { due: told(*at), message: why }),
        })
    }
}
