//! `async.status`, `async.list`, `async.cancel` and `cron.history`: a task and its state (§6).

use crate::message::Resp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// It is accepted and has not started.
    Waiting,
    /// Its command runs.
    Running,
    /// It has a result.
    Ended,
    /// A state that this version does not know; an agent never writes it.
    #[serde(other)]
    Unknown,
}

impl TaskState {
    /// Returns the word on the wire.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus<'a> {
    /// The task's id.
    pub task: Cow<'a, str>,
    /// How far it is.
    pub state: TaskState,
    /// When it was due, for a job's run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// When it was accepted; an agent always says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// When its command started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Whether the controller has acknowledged the result, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<bool>,
    /// The result's `resp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resp: Option<Resp>,
    /// The result's `retcode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retcode: Option<u16>,
    /// The result's `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Cow<'a, str>>,
}
