//! What a command printed: its head and its tail in a page, the whole as a file of text.

use crate::ansi;
use crate::api::Failure;
use crate::markup::Markup;
use crate::session::Session;
use crate::units;
use axum::extract::{Path, RawQuery};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use controller_api::{ProblemKind, TargetResult, path};
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The most bytes of an output that a page shows.
const PART: usize = 16 << 10;

/// The most bytes of a group's output that a page shows: there are several.
const GROUP: usize = 2 << 10;

/// The result of a request, as its agent delivered it.
#[derive(Deserialize)]
pub(super) struct Outcome {
    #[serde(default)]
    pub(super) retcode: u16,
    pub(super) message: Option<String>,
    data: Option<Value>,
    encoding: Option<String>,
    #[serde(default)]
    dropped: u64,
    stderr: Option<String>,
    stderr_encoding: Option<String>,
    #[serde(default)]
    stderr_dropped: u64,
    pub(super) usage: Option<Usage>,
    pub(super) started: Option<String>,
    pub(super) ended: Option<String>,
    pub(super) signal: Option<u16>,
}

/// What a command used.
#[derive(Deserialize)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) user: f64,
    #[serde(default)]
    pub(super) sys: f64,
    #[serde(default)]
    pub(super) wall: f64,
    #[serde(default)]
    pub(super) max_rss_kib: u64,
}

impl Outcome {
    /// Reads a result.
    pub(super) fn of(result: &TargetResult) -> Option<Self> {
        serde_json::from_str(result.result.as_ref()?.get()).ok()
    }

    /// Returns the output, JSON laid out for people.
    fn stdout(&self) -> Cow<'_, str> {
        match &self.data {
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(Value::String(text)) => text_of(text, self.encoding.is_some()),
            Some(value) => Cow::Owned(serde_json::to_string_pretty(value).unwrap_or_default()),
        }
    }

    fn stderr(&self) -> Cow<'_, str> {
        text_of(self.stderr.as_deref().unwrap_or_default(), self.stderr_encoding.is_some())
    }

    /// Returns the output for a page, and the standard error that was asked for apart.
    pub(super) fn shown(&self) -> (Shown, Option<Shown>) {
        let stderr = self.stderr.is_some().then(|| Shown::of(&self.stderr(), self.stderr_dropped));
        (Shown::of(&self.stdout(), self.dropped), stderr)
    }

    /// Returns a stream as the bytes that the command printed, as far as the agent kept them.
    fn bytes(&self, stderr: bool) -> Vec<u8> {
        let (text, encoded) = match (stderr, &self.data) {
            (true, _) => (self.stderr.as_deref(), self.stderr_encoding.is_some()),
            (false, Some(Value::String(text))) => (Some(text.as_str()), self.encoding.is_some()),
            (false, _) => return self.stdout().into_owned().into_bytes(),
        };
        let text = text.unwrap_or_default();
        match STANDARD.decode(text) {
            Ok(bytes) if encoded => bytes,
            _ => text.as_bytes().to_vec(),
        }
    }
}

/// An output in a page: all of it, or its head and tail.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) head: Markup,
    pub(crate) tail: Markup,
    /// What is between them, in words.
    pub(crate) between: Option<String>,
    pub(crate) empty: bool,
}

impl Shown {
    fn of(text: &str, dropped: u64) -> Self {
        if dropped == 0 {
            return Self::drawn(text, PART);
        }
        // The agent kept the head and the tail, of the same size, one behind the other.
        let half = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at));
        let (head, tail) = text.split_at(half.unwrap_or_default());
        let (head, tail) = (ansi::output(head, PART / 2), ansi::output(tail, PART / 2));
        let hidden = (head.omitted + tail.omitted) as u64;
        let lost = format!("the host did not keep {} of it", units::bytes(dropped));
        let between = match hidden {
            0 => lost,
            hidden => format!("{} more; {lost}", units::bytes(hidden)),
        };
        // Where a half is too long itself, its outer end is shown.
        let tail = if tail.omitted > 0 { tail.tail } else { tail.head };
        Self { head: head.head, tail, between: Some(between), empty: false }
    }

    /// Returns the head of a group's output.
    pub(super) fn of_head(text: &str, truncated: bool) -> Self {
        let shown = Self::drawn(text, GROUP);
        let more = truncated.then(|| "there is more".to_owned());
        Self { between: shown.between.or(more), ..shown }
    }

    fn drawn(text: &str, most: usize) -> Self {
        let ansi::Output { head, omitted, tail } = ansi::output(text, most);
        let between = (omitted > 0).then(|| format!("{} more", units::bytes(omitted as u64)));
        Self { head, tail, between, empty: text.is_empty() }
    }
}

/// Returns the head of an output as text: a byte that belongs to no text as `\xNN`.
pub(super) fn text(head: &str, base64: bool) -> String {
    // Four characters are three bytes; the head may end between them.
    let whole = if base64 { head.get(..head.len() / 4 * 4).unwrap_or_default() } else { head };
    text_of(whole, base64).into_owned()
}

fn text_of(text: &str, base64: bool) -> Cow<'_, str> {
    if !base64 {
        return Cow::Borrowed(text);
    }
    let Ok(bytes) = STANDARD.decode(text) else { return Cow::Borrowed(text) };
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    Cow::Owned(shown)
}

/// Returns the part of an output that a stream has brought, as text.
pub(super) fn part(text: Option<&str>, base64: Option<&str>) -> String {
    match (text, base64) {
        (Some(text), _) => text.to_owned(),
        (None, Some(encoded)) => text_of(encoded, true).into_owned(),
        (None, None) => String::new(),
    }
}

/// Sends the whole output as text.
pub(super) async fn whole(
    session: Session,
    Path((run, host)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let result: TargetResult = session.api.get(&path::run_target(&run, &host)).await?;
    let outcome = Outcome::of(&result).ok_or_else(|| {
        let why = "there is no output yet: the command has not ended on this host";
        Failure::new(ProblemKind::NotFound, why)
    })?;
    let bytes = outcome.bytes(query.as_deref() == Some("stream=stderr"));
    // A browser that shows it takes it for nothing but text.
    let kind = match std::str::from_utf8(&bytes) {
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    };
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(json: &str) -> Outcome {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_output_that_the_host_has_cut_shows_both_ends() {
        let kept = format!("{}{}", "head\n".repeat(10), "tail\n".repeat(10));
        let cut = Shown::of(&kept, 5000);
        assert!(cut.head.to_string().starts_with("head\n"));
        assert!(cut.tail.to_string().ends_with("tail\n"));
        assert_eq!(cut.between.as_deref(), Some("the host did not keep 4.8 KiB of it"));
        let line = "x".repeat(16 << 20);
        let long = Shown::of(&line, 1);
        assert!(long.head.len() + long.tail.len() <= PART);
        assert!(Shown::of("", 0).empty);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_by_their_numbers_and_sent_as_they_are() {
        let found = outcome(r#"{"retcode":0,"data":"b2sK/wA=","encoding":"base64"}"#);
        assert_eq!(found.stdout(), "ok\n\\xff\0");
        assert_eq!(found.bytes(false), b"ok\n\xff\0");
        assert_eq!(text("b2sK/wAx", true), "ok\n\\xff\u{0}1");
        let facts = outcome(r#"{"retcode":0,"data":{"id":"debian"}}"#);
        assert_eq!(facts.stdout(), "{\n  \"id\": \"debian\"\n}");
    }
}
