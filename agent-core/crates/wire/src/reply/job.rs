//! `cron.set`, `cron.run` and `cron.list`: jobs (§7). `cron.history` lists [`TaskStatus`]es.

use super::TaskStatus;
use crate::message::{Missed, Overlap};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `cron.set`: the schedule as the agent understood it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobPlan {
    /// The schedule in canonical form.
    pub schedule: String,
    /// Warnings: parts that may not mean what their author intended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The next times it is due.
    pub next: Vec<String>,
}

/// `cron.run`: the run that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedRun<'a> {
    /// Its task's id.
    pub task: Cow<'a, str>,
}

/// One job of `cron.list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus<'a> {
    /// The job's name.
    pub name: Cow<'a, str>,
    /// The schedule in canonical form.
    pub schedule: Cow<'a, str>,
    /// The IANA name of its time zone; absent where the schedule can no longer be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Cow<'a, str>>,
    /// The user it runs as; absent for the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Cow<'a, str>>,
    /// The command.
    #[serde(default)]
    pub cmd: Cow<'a, str>,
    /// Whether it runs when it is due.
    pub enabled: bool,
    /// What happens when it is due while a run is not over.
    #[serde(default)]
    pub overlap: Overlap,
    /// What happens to runs that were due while the agent was down.
    #[serde(default)]
    pub missed: Missed,
    /// The most seconds that a start is put off.
    #[serde(default)]
    pub jitter: u64,
    /// The path of the calendar for `C`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<Cow<'a, str>>,
    /// The revision that `cron.set` gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Cow<'a, str>>,
    /// The crontab file that defines it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<Cow<'a, str>>,
    /// The next times it is due.
    pub next: Vec<String>,
    /// How many of its runs are not over.
    #[serde(default)]
    pub running: usize,
    /// Its last run that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<TaskStatus<'a>>,
    /// The last run that was due and did not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkippedRun<'a>>,
}

/// A run that was due and was rejected or skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedRun<'a> {
    /// When it was due.
    pub due: String,
    /// Why it did not start.
    pub message: Cow<'a, str>,
}
