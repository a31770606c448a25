//! `/runs/{id}/hosts/{host}/follow`: what a command prints, as it prints it, drawn like every other
//! output. It is the API's stream of the target, whose text becomes HTML on its way; ids are the
//! API's, so a browser that comes back goes on where it was.

use super::output;
use crate::ansi;
use crate::api::Failure;
use crate::form::Form;
use crate::session::Session;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use controller_api::{EVENT_STREAM, LAST_EVENT_ID, OutputPart, Target, path};
use http_body::Frame;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The most bytes of one part that are drawn; a browser shows no more at once.
const PART: usize = 24 << 10;

/// The longest event of the API that is taken: a part of 256 KiB in base64 and JSON.
const MAX_EVENT: usize = 2 << 20;

pub(super) async fn events(
    session: Session,
    Path((run, host)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let path = path::run_target_output(&run, &host);
    // A page that was hidden comes back by itself: then the address has what it knows.
    let query = Form::of_query(query.as_deref());
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let last = last.or(query.some("after"));
    let response = session.api.stream(&path, last).await?;
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let body = Body::new(Drawn { body: response.into_body(), text: Vec::new() });
    let headers = [(header::CONTENT_TYPE, EVENT_STREAM), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, [("x-accel-buffering", "no")], body).into_response())
}

/// The API's stream, drawn.
struct Drawn {
    body: Body,
    /// What has come of an event that is not complete.
    text: Vec<u8>,
}

impl HttpBody for Drawn {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => frame,
                // The browser comes back to where it was.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(None),
            };
            let Ok(data) = frame.into_data() else { continue };
            self.text.extend_from_slice(&data);
            let drawn = drawn(&mut self.text);
            if self.text.len() > MAX_EVENT {
                return Poll::Ready(None);
            }
            if !drawn.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(drawn.into()))));
            }
        }
    }
}

/// Takes the events that are complete, and draws them.
fn drawn(text: &mut Vec<u8>) -> String {
    let mut drawn = String::new();
    let end = text.windows(2).rposition(|two| two == b"\n\n").map_or(0, |at| at + 2);
    let events = String::from_utf8_lossy(&text[..end]).into_owned();
    text.drain(..end);
    for event in events.split_terminator("\n\n") {
        let field =
            |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let part = match (field("event"), field("data")) {
            (Some("output"), Some(data)) => serde_json::from_str::<OutputPart>(data).ok(),
            _ => None,
        };
        match part {
            Some(part) => {
                let id = field("id").unwrap_or_default();
                let _ = write!(drawn, "id: {id}\nevent: output\n{}\n", lines(&part));
            }
            // The page is looked at again, or loaded again when it has the whole output.
            None if field("event") == Some("target") => {
                let target = field("data").and_then(|data| serde_json::from_str(data).ok());
                let ended = target.is_some_and(|target: Target| target.state.is_end());
                let state = if ended { "ended" } else { "changed" };
                let _ = write!(drawn, "event: target\ndata: {state}\n\n");
            }
            None => {
                let _ = write!(drawn, "{event}\n\n");
            }
        }
    }
    drawn
}

/// Returns a part as HTML, each of its lines a line of the event.
fn lines(part: &OutputPart) -> String {
    let text = output::part(part.text.as_deref(), part.base64.as_deref());
    let shown = ansi::output(&text, PART);
    let mut html = shown.head.to_string();
    if shown.omitted > 0 {
        let _ = write!(html, "\n… {} bytes are left out here …\n{}", shown.omitted, shown.tail);
    }
    let mut data = String::new();
    for line in html.split('\n') {
        let _ = writeln!(data, "data: {line}");
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_drawn_when_they_are_complete() {
        let part =
            r#"{"stream":"stdout","offset":0,"next":9,"text":"\u001b[31m<b>\u001b[0m\ny\n"}"#;
        let mut text =
            format!("retry: 1000\n\nid: 9.0\nevent: output\ndata: {part}\n").into_bytes();
        assert_eq!(drawn(&mut text), "retry: 1000\n\n");
        text.extend_from_slice(b"\n: still here\n\nevent: tar");
        assert_eq!(
            drawn(&mut text),
            "id: 9.0\nevent: output\ndata: <span class=\"t1 \">&lt;b&gt;</span>\ndata: y\n\
             data: \n\n: still here\n\n"
        );
        let target = r#"{"run":"r","host":"h","stage":1,"state":"failed","change":7}"#;
        text.extend_from_slice(format!("get\ndata: {target}\n\n").as_bytes());
        assert_eq!(drawn(&mut text), "event: target\ndata: ended\n\n");
        assert!(text.is_empty());
    }
}
