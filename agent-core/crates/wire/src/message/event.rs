//! Messages that are not replies: output as it comes, and results until they are acknowledged
//! (§5–§7).

use super::Response;
use crate::{InvalidParams, Params};
use serde::Serialize;
use serde_json::{Map, Value};

/// A part of a running command's output (`"resp":"output"`), if the request has `stream`.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// The request's id.
    pub id: String,
    resp: &'static str,
    /// Text, or base64 when `encoding` says so.
    pub data: String,
    /// `base64` if `data` is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// `stderr` for a part of the separate standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<&'static str>,
}

impl Output {
    /// Creates a frame of a request; `stderr` is for the separate standard error.
    pub fn new(id: &str, data: String, encoding: Option<&'static str>, stderr: bool) -> Self {
        let stream = stderr.then_some("stderr");
        Self { id: id.to_owned(), resp: "output", data, encoding, stream }
    }
}

/// The kind of result that an event delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `async.result` (§6).
    Task,
    /// `cron.result` (§7).
    Cron,
}

impl EventKind {
    /// Returns the event's method on the wire.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Task => "async.result",
            Self::Cron => "cron.result",
        }
    }
}

/// The result of a task or of a job's run, redelivered until it is acknowledged.
#[derive(Clone, Debug)]
pub struct Event {
    /// Task or job's run.
    pub kind: EventKind,
    /// The outcome; its id is the task's.
    pub outcome: Response,
    /// When it started: RFC 3339, UTC; `None` for a task that never began.
    pub started: Option<String>,
    /// When it ended: RFC 3339, UTC.
    pub ended: String,
    /// The job's name, for a run.
    pub name: Option<String>,
    /// When the run was due: RFC 3339, UTC; `None` for a run by `cron.run`.
    pub due: Option<String>,
}

impl Event {
    /// Reads an event; returns `None` for another message.
    ///
    /// # Errors
    /// When a field of an event is not as §6 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Option<Self>, InvalidParams> {
        let params = Params::new(map);
        let kind = match params.text("method")? {
            Some("async.result") => EventKind::Task,
            Some("cron.result") => EventKind::Cron,
            _ => return Ok(None),
        };
        Ok(Some(Self {
            kind,
            outcome: Response::parse(map)?,
            started: params.text("started")?.map(str::to_owned),
            ended: params.required_text("ended")?.to_owned(),
            name: params.text("name")?.map(str::to_owned),
            due: params.text("due")?.map(str::to_owned),
        }))
    }
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            method: &'static str,
            id: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            name: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            due: &'a Option<String>,
            resp: super::Resp,
            retcode: u16,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: &'a Option<super::Data>,
            #[serde(skip_serializing_if = "Option::is_none")]
            encoding: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            dropped: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stderr: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stderr_encoding: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stderr_dropped: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            signal: Option<i32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            usage: Option<super::Usage>,
            #[serde(skip_serializing_if = "Option::is_none")]
            started: &'a Option<String>,
            ended: &'a str,
        }
        Written {
            method: self.kind.method(),
            id: &self.outcome.id,
            name: &self.name,
            due: &self.due,
            resp: self.outcome.resp,
            retcode: self.outcome.retcode,
            message: &self.outcome.message,
            data: &self.outcome.data,
            encoding: self.outcome.encoding,
            dropped: self.outcome.dropped,
            stderr: &self.outcome.stderr,
            stderr_encoding: self.outcome.stderr_encoding,
            stderr_dropped: self.outcome.stderr_dropped,
            signal: self.outcome.signal,
            usage: self.outcome.usage,
            started: &self.started,
            ended: &self.ended,
        }
        .serialize(serializer)
    }
}
