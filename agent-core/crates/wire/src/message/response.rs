//! Replies (§4): `success` with a command's own exit status, or `failed` with a stable retcode.

use crate::{InvalidParams, Params, Retcode};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt::Display;

/// The message of every reply that is a success.
pub const NORMAL: &str = "Normal termination";

/// Whether a request succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resp {
    /// It did; for a command, it ran and ended by itself, whatever its exit status.
    Success,
    /// It did not.
    Failed,
}

impl Resp {
    /// Reads how a reply, or the event of a task's end, ended: `resp` and `retcode`.
    ///
    /// # Errors
    /// When one is missing, or is not as §4 describes.
    pub fn with_retcode(params: &Params<'_>) -> Result<(Self, u16), InvalidParams> {
        let resp = params
            .one_of("resp", &[("success", Self::Success), ("failed", Self::Failed)])?
            .ok_or_else(|| InvalidParams("resp is missing".to_owned()))?;
        let retcode = params
            .whole("retcode", "", 0..=u64::from(u16::MAX))?
            .and_then(|number| u16::try_from(number).ok())
            .ok_or_else(|| InvalidParams("retcode is missing".to_owned()))?;
        Ok((resp, retcode))
    }
}

/// The content of a reply.
#[derive(Clone, Debug)]
pub enum Data {
    /// A command's output, or its base64.
    Text(String),
    /// Any JSON value, written unchanged.
    Json(Box<RawValue>),
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

/// The resources that a command and the children it waited for used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Usage {
    /// Seconds of processor time in user mode.
    pub user: f64,
    /// Seconds of processor time in the kernel.
    pub sys: f64,
    /// Seconds from its beginning to its end.
    pub wall: f64,
    /// The largest resident size of one of its processes, in KiB.
    pub max_rss_kib: u64,
}

impl Usage {
    fn parse(map: &Map<String, Value>) -> Option<Self> {
        // It is for people and graphs: an unreadable one is ignored.
        let usage = map.get("usage")?.as_object()?;
        let seconds = |name| usage.get(name).and_then(Value::as_f64);
        Some(Self {
            user: seconds("user")?,
            sys: seconds("sys")?,
            wall: seconds("wall")?,
            max_rss_kib: usage.get("max_rss_kib")?.as_u64()?,
        })
    }
}

/// One reply. Fields that do not apply are left out on the wire, except for `id`, which is `null`
/// if the message had none.
#[derive(Clone, Debug, Serialize)]
pub struct Response {
    /// The request's id.
    pub id: Option<String>,
    /// Success or failed.
    pub resp: Resp,
    /// A [`Retcode`]'s number, or a command's exit status (0–255), or 0.
    pub retcode: u16,
    /// For people.
    pub message: String,
    /// Output or facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Whether the facts are those that the request knows (§8); they are left out then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// `base64` if `data` is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
    /// Bytes left out of the middle of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// The standard error, when the request wanted it separate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// `base64` if `stderr` is base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_encoding: Option<&'static str>,
    /// Bytes left out of the middle of `stderr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_dropped: Option<u64>,
    /// The signal that killed the command (3032).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// The resources that the command used, if one ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl Response {
    /// The message of an accepted task (§6).
    pub const ACCEPTED: &'static str = "Accepted";

    /// Returns a success without data; `retcode` is 0 or a command's exit status.
    pub fn success(id: &str, retcode: u16) -> Self {
        Self::bare(Some(id), Resp::Success, retcode, NORMAL.to_owned())
    }

    /// Returns a failure; the message is the retcode's phrase, then `detail`.
    pub fn failed(id: Option<&str>, retcode: Retcode, detail: impl Display) -> Self {
        Self::bare(id, Resp::Failed, retcode.number(), format!("{}: {detail}", retcode.phrase()))
    }

    /// Returns the same reply with a JSON value in it.
    #[must_use]
    pub fn with_json(mut self, data: Box<RawValue>) -> Self {
        self.data = Some(Data::Json(data));
        self
    }

    /// Appends the reply as one line, like [`super::line`]; compiled here once, for speed.
    pub fn line(&self, out: &mut Vec<u8>) {
        super::line(self, out);
    }

    /// Returns the same reply with another message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    fn bare(id: Option<&str>, resp: Resp, retcode: u16, message: String) -> Self {
        Self {
            id: id.map(str::to_owned),
            resp,
            retcode,
            message,
            data: None,
            unchanged: false,
            encoding: None,
            dropped: None,
            stderr: None,
            stderr_encoding: None,
            stderr_dropped: None,
            signal: None,
            usage: None,
        }
    }

    /// Reads a reply; unknown fields are ignored.
    ///
    /// # Errors
    /// When a field is not as §4 describes.
    pub fn parse(map: &Map<String, Value>) -> Result<Self, InvalidParams> {
        let params = Params::new(map);
        let base64 = |name| params.one_of(name, &[("base64", "base64")]);
        let (resp, retcode) = Resp::with_retcode(&params)?;
        let data = match map.get("data") {
            None => None,
            Some(Value::String(text)) => Some(Data::Text(text.clone())),
            Some(value) => RawValue::from_string(value.to_string()).ok().map(Data::Json),
        };
        Ok(Self {
            id: params.text("id")?.map(str::to_owned),
            resp,
            retcode,
            message: params.text("message")?.unwrap_or_default().to_owned(),
            data,
            unchanged: params.flag("unchanged", false)?,
            encoding: base64("encoding")?,
            dropped: params.whole("dropped", "", 0..=u64::MAX)?,
            stderr: params.text("stderr")?.map(str::to_owned),
            stderr_encoding: base64("stderr_encoding")?,
            stderr_dropped: params.whole("stderr_dropped", "", 0..=u64::MAX)?,
            signal: params
                .whole("signal", "", 1..=64)?
                .and_then(|number| i32::try_from(number).ok()),
            usage: Usage::parse(map),
        })
    }
}
