//! The fields of `async.status`, `async.cancel`, `async.output`, `async.list` and `async.ack` (§6); `async.bash` is
//! [`Bash`](super::Bash).

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
        // `target` as in `sync.cancel`, for those who write both.
        match params.short_text("task", MAX_ID)?.or(params.short_text("target", MAX_ID)?) {
            Some(task) => Ok(Self(task.to_owned())),
            None => Err(InvalidParams("task is missing".to_owned())),
        }
    }
}

/// `async.ack`: a result has been stored and need not be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The task whose result it is.
    pub task: TaskId,
    /// The request's own id, when it has one and so wants an answer: `{"id","method","task"}`. The bare form,
    /// `{"method","id"}`, is itself an answer to `async.result` and gets none.
    pub id: Option<String>,
}

impl Ack {
    /// The method's name on the wire.
    pub const METHOD: &'static str = "async.ack";

    /// Reads either form.
    ///
    /// # Errors
    /// When it names no task.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let id = params.short_text("id", MAX_ID)?;
        match params.short_text("task", MAX_ID)? {
            Some(task) => Ok(Self { task: TaskId(task.to_owned()), id: id.map(str::to_owned) }),
            None => match id {
                Some(task) => Ok(Self { task: TaskId(task.to_owned()), id: None }),
                None => Err(InvalidParams("id is missing: that of the task".to_owned())),
            },
        }
    }
}

/// Tasks that one `async.list` tells when it does not say how many.
pub const DEFAULT_LIST: u64 = 1000;

/// `async.list`: the tasks that the agent knows, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskList {
    /// Only those taken after this one; `None` begins with the oldest.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u64,
}

impl TaskList {
    /// Reads `after` and `limit`.
    ///
    /// # Errors
    /// When one of them is not as §6 has it.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            after: params.short_text("after", MAX_ID)?.map(str::to_owned),
            limit: params.whole("limit", " of tasks", 1..=10 * DEFAULT_LIST)?.unwrap_or(DEFAULT_LIST),
        })
    }
}

/// `async.output`: what a task has printed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFrom {
    /// Which task.
    pub task: TaskId,
    /// Bytes already known; 0 when absent.
    pub offset: u64,
    /// Of the standard error that was asked for apart.
    pub stderr: bool,
}

impl OutputFrom {
    /// Reads `task`, `offset` and `stream`.
    ///
    /// # Errors
    /// When one of them is not as §6 has it.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            task: TaskId::parse(params)?,
            offset: params.whole("offset", " of bytes", 0..=u64::MAX)?.unwrap_or(0),
            stderr: params.one_of("stream", &[("stdout", false), ("stderr", true)])?.unwrap_or(false),
        })
    }
}
