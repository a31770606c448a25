//! The fields of `async.status`, `async.ack` and `async.output` (§6); `async.cancel` is [`Cancel`](super::Cancel),
//! `async.bash` is [`Bash`](super::Bash), `async.list` has none.

use super::MAX_ID;
use crate::{InvalidParams, Params};

/// A request about one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskId(pub String);

impl TaskId {
    /// Reads `task`, the id that `async.bash` was given.
    ///
    /// # Errors
    /// When it is no id.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        match params.short_text("task", MAX_ID)? {
            Some(task) => Ok(Self(task.to_owned())),
            None => Err(InvalidParams("task is missing".to_owned())),
        }
    }
}

/// `async.output`: what a task has printed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFrom {
    /// Which task.
    pub task: TaskId,
    /// Bytes already known; 0 when absent.
    pub offset: u64,
}

impl OutputFrom {
    /// Reads `task` and `offset`.
    ///
    /// # Errors
    /// When one of them is not as §6 has it.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            task: TaskId::parse(params)?,
            offset: params.whole("offset", " of bytes", 0..=u64::MAX)?.unwrap_or(0),
        })
    }
}
