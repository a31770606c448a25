//! The fields of `async.status`, `async.cancel`, `async.output`, `async.list` and `async.ack` (§6);
//! `async.bash` is [`Bash`](super::Bash) and [`NotAfter`].

use super::MAX_ID;
use crate::{InvalidParams, Params};
use std::time::SystemTime;

/// The most bytes of a time.
const MAX_TIME: usize = 64;

/// A request about one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskId(pub String);

impl TaskId {
    /// Reads `task`, the id of the task's `async.bash`.
    ///
    /// # Errors
    /// When it is not an id.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        // `target`, as in `sync.cancel`, is accepted too.
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
    /// The request's own id, if it has one and so wants a reply: `{"id","method","task"}`. The bare
    /// form, `{"method","id"}`, acknowledges without a reply.
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
                None => Err(InvalidParams("id is missing: the id of the task".to_owned())),
            },
        }
    }
}

/// The `limit` of an `async.list` that has none.
pub const DEFAULT_LIST: u64 = 1000;

/// `async.list`: the tasks that the agent knows, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskList {
    /// Lists only tasks accepted after this one; `None` begins with the oldest.
    pub after: Option<String>,
    /// The most tasks in the reply.
    pub limit: u64,
}

impl TaskList {
    /// Reads `after` and `limit`.
    ///
    /// # Errors
    /// When one of them is not as §6 describes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            after: params.short_text("after", MAX_ID)?.map(str::to_owned),
            limit: params
                .whole("limit", " of tasks", 1..=10 * DEFAULT_LIST)?
                .unwrap_or(DEFAULT_LIST),
        })
    }
}

/// The most bytes of output in one part.
const MAX_PART: u64 = 256 << 10;

/// The fewest bytes that a part may be limited to.
const MIN_PART: u64 = 1 << 10;

/// The longest wait of an `async.output`, in seconds.
pub const MAX_OUTPUT_WAIT: u64 = 60;

/// `async.output`: a task's output so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFrom {
    /// The task.
    pub task: TaskId,
    /// The bytes already known; 0 when absent.
    pub offset: u64,
    /// Whether the separate standard error is wanted.
    pub stderr: bool,
    /// The most bytes of output in the reply.
    pub limit: u64,
    /// The most seconds to wait while the task runs and has printed nothing behind `offset`.
    pub wait: u64,
}

impl OutputFrom {
    /// Reads `task`, `offset`, `stream`, `limit` and `wait`.
    ///
    /// # Errors
    /// When one of them is not as §6 describes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            task: TaskId::parse(params)?,
            offset: params.whole("offset", " of bytes", 0..=u64::MAX)?.unwrap_or(0),
            stderr: params
                .one_of("stream", &[("stdout", false), ("stderr", true)])?
                .unwrap_or(false),
            limit: params.whole("limit", " of bytes", MIN_PART..=MAX_PART)?.unwrap_or(MAX_PART),
            wait: params.whole("wait", " of seconds", 0..=MAX_OUTPUT_WAIT)?.unwrap_or(0),
        })
    }
}

/// `not_after` of `async.bash`: an agent that does not know the task accepts it until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAfter(pub SystemTime);

impl NotAfter {
    /// Reads `not_after`, RFC 3339 in UTC; `None` if it is absent.
    ///
    /// # Errors
    /// When it is not such a time.
    pub fn parse(params: Params<'_>) -> Result<Option<Self>, InvalidParams> {
        let Some(text) = params.short_text("not_after", MAX_TIME)? else { return Ok(None) };
        match humantime::parse_rfc3339(text) {
            Ok(time) => Ok(Some(Self(time))),
            Err(_) => Err(InvalidParams(format!(
                "not_after must be a time such as 2026-11-22T20:37:00Z, not \"{}\"",
                crate::json::quote(text)
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn not_after_is_a_time_in_utc() {
        let parse = |value| {
            let fields = json!({ "not_after": value });
            NotAfter::parse(Params::new(fields.as_object().unwrap()))
        };
        let at = |millis| Ok(Some(NotAfter(UNIX_EPOCH + Duration::from_millis(millis))));
        assert_eq!(parse(json!(null)), Ok(None));
        assert_eq!(parse(json!("1970-01-01T00:00:01Z")), at(1000));
        assert_eq!(parse(json!("2026-09-21T14:13:20.123Z")), at(1_790_000_000_123));
        for other in
            ["", "tomorrow", "2026-11-22", "2026-11-22T20:37:00", "2026-11-22T20:37:00+01:00"]
        {
            let error = parse(json!(other)).unwrap_err();
            assert!(error.0.starts_with("not_after"), "{error}");
        }
        assert!(parse(json!(1_790_000_000)).is_err());
    }
}
