//! What a command of a run prints on one host, as server-sent events while it runs. The result, which
//! `targets` shows, has the output once the command has ended.
//!
//! The agent does not learn when a command prints: the command's supervisor writes the output to
//! files, which outlive the agent. So while a client follows, and only then, the controller asks the
//! agent for what is new: at once after a part that was not empty, else after a pause that grows.

use super::document::problems::problems;
use super::extract::{Parameters, Proof, Segments};
use super::problem::ApiError;
use super::pulled::{self, Source};
use super::run_events::{HEARTBEAT, RECHECK, RETRY, event, problem};
use super::service::Api;
use super::streams::Place;
use super::{reach, run_body};
use crate::agents::{AgentRequest, Session};
use crate::auth::Principal;
use crate::store::{RunChange, TargetRow};
use agent_wire::message::line;
use agent_wire::reply::TaskOutput;
use axum::extract::State;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use controller_api::{LAST_EVENT_ID, OutputPart, OutputStream, TargetOutputQuery, path};
use fleet::Action;
use fleet::run::{TargetState, task_id};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

problems! {
    /// The problems of a target's output.
    Following: NotFound, TooManyStreams
}

/// The first pause after a part that was empty; it doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before the agent is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How long an agent may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Bytes that an answer and the event made of it may take: base64 in JSON, twice.
const ANSWER_BYTES: usize = 1 << 20;

/// Follows what a command prints on one host of a run.
///
/// The media type is `text/event-stream`. The event `output` has a part as its data; its id says how
/// much the client knows then, and a client that was disconnected sends the last one in the header
/// `Last-Event-ID`, or as `after`. The event `target` has the target, whenever its state has
/// changed. The stream ends with the target, whose result has the output then, also the last part
/// that no event had; a client that comes back after that gets 204. A request that is no command
/// has no output before it ends. A host that is offline is waited for. A stream on which nothing
/// happens has a comment every 15 s. It ends when the operator logs out or is not allowed to read
/// the host's results anymore.
#[utoipa::path(
    get,
    path = path::RUN_TARGET_OUTPUT,
    params(path::TargetPath, TargetOutputQuery),
    responses(
        (
            status = 200,
            description = "The events",
            content((
                "text/event-stream",
                example = "id: 3.0\nevent: output\ndata: {\"stream\":\"stdout\",\"offset\":0,\
                           \"next\":3,\"text\":\"ok\\n\"}\n\n"
            ))
        ),
        (status = 204, description = "The target has ended: its result has the output"),
        Following
    )
)]
pub(super) async fn follow(
    principal: Principal,
    State(api): State<Api>,
    Segments((run, host)): Segments<(String, String)>,
    Parameters(query): Parameters<TargetOutputQuery>,
    headers: HeaderMap,
    proof: Proof,
) -> Result<Response, ApiError> {
    let given = headers.get(LAST_EVENT_ID);
    let known = match given.and_then(|id| id.to_str().ok()).or(query.after.as_deref()) {
        Some(text) => Known::parse(text)?,
        None => Known::default(),
    };
    // Before the first look, or a change in between would be missed.
    let changes = api.store.run_changes();
    let row = target(&api, &run, &host).await?;
    if given.is_some() && row.state.end().is_some() {
        let mut nothing = Response::default();
        *nothing.status_mut() = StatusCode::NO_CONTENT;
        return Ok(nothing);
    }
    let request = run_body::stored_request(&super::plans::find(&api, &run).await?)?;
    let separate = request.fields().get("stderr").and_then(Value::as_str) == Some("separate");
    let place = api.streams.enter(principal.name())?;
    let stream = Follow {
        prints: request.is_task(),
        separate,
        run,
        host,
        known,
        told: None,
        changes,
        pause: PAUSE,
        proof,
        checked: Instant::now(),
        api,
        first: true,
        over: false,
        _place: place,
    };
    Ok(pulled::events(stream))
}

async fn target(api: &Api, run: &str, host: &str) -> Result<TargetRow, ApiError> {
    let found = api.store.target(run, host).await?;
    found.ok_or_else(|| super::targets::missing(run, host))
}

/// How much of each stream the client knows, in bytes. It is an event's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known {
    stdout: u64,
    stderr: u64,
}

impl Known {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let read = |text: &str| text.parse().ok();
        let known = text.trim().split_once('.').and_then(|(stdout, stderr)| {
            Some(Self { stdout: read(stdout)?, stderr: read(stderr)? })
        });
        known.ok_or_else(|| {
            ApiError::InvalidRequest(format!("{LAST_EVENT_ID} must be the id of an event"))
        })
    }

    const fn of(&mut self, stream: OutputStream) -> &mut u64 {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }
}

/// A stream, between two chunks.
struct Follow {
    run: String,
    host: String,
    /// Whether the request is a command, which prints while it runs.
    prints: bool,
    /// Whether its standard error is apart.
    separate: bool,
    known: Known,
    /// The target's last change that the client has got.
    told: Option<i64>,
    changes: Receiver<Arc<[RunChange]>>,
    pause: Duration,
    api: Api,
    proof: Proof,
    /// When the client was last known to be allowed.
    checked: Instant,
    /// Nothing was told yet.
    first: bool,
    over: bool,
    _place: Place,
}

impl Source for Follow {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let mut stop = self.api.stop.clone();
        let step = tokio::select! {
            step = self.step() => step,
            () = stop.requested() => Err(ApiError::Stopping),
        };
        let mut text = String::new();
        if std::mem::take(&mut self.first) {
            let _ = write!(text, "retry: {RETRY}\n\n");
        }
        text.push_str(&step.unwrap_or_else(|error| {
            self.over = true;
            problem(&error)
        }));
        Some(text.into())
    }
}

impl Follow {
    /// Waits for something to tell.
    async fn step(&mut self) -> Result<String, ApiError> {
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            if self.checked.elapsed() > RECHECK {
                self.check().await?;
            }
            let row = target(&self.api, &self.run, &self.host).await?;
            let runs = row.state == TargetState::Running;
            if self.told != Some(row.change) {
                self.told = Some(row.change);
                self.over = row.state.end().is_some();
                let mut text = String::new();
                event(&mut text, "target", None::<u64>, &run_body::target(row));
                return Ok(text);
            }
            let session =
                if runs && self.prints { self.api.registry.find(&self.host) } else { None };
            let mut asks = false;
            if let Some(session) = session {
                asks = true;
                let _share = self.api.memory.reserve(ANSWER_BYTES).await?;
                if let Some(text) = self.output(&session).await {
                    self.pause = PAUSE;
                    return Ok(text);
                }
            }
            // A host that is offline has its own pause: nothing else says that it is back.
            let again = Instant::now() + if asks { self.pause } else { MAX_PAUSE };
            self.pause = (self.pause * 2).min(MAX_PAUSE);
            let until = if runs && self.prints { again.min(heartbeat) } else { heartbeat };
            match timeout_at(until, self.changed()).await {
                Ok(changed) => changed?,
                Err(_) if until == heartbeat => {
                    self.check().await?;
                    return Ok(": still here\n\n".to_owned());
                }
                Err(_) => {}
            }
        }
    }

    /// Asks the agent for the next part of each stream; `None` where there is no part.
    async fn output(&mut self, session: &Arc<Session>) -> Option<String> {
        let mut text = String::new();
        let streams = [OutputStream::Stdout, OutputStream::Stderr];
        for stream in &streams[..if self.separate { 2 } else { 1 }] {
            let known = *self.known.of(*stream);
            let Some(part) = ask(session, &self.run, known, *stream).await else { continue };
            if part.next <= known {
                continue;
            }
            *self.known.of(*stream) = part.next;
            let TaskOutput { offset, next, text: shown, base64, .. } = part;
            let part = OutputPart { stream: *stream, offset, next, text: shown, base64 };
            let id = format!("{}.{}", self.known.stdout, self.known.stderr);
            event(&mut text, "output", Some(id), &part);
        }
        (!text.is_empty()).then_some(text)
    }

    /// Waits until something of the run has changed.
    async fn changed(&mut self) -> Result<(), ApiError> {
        loop {
            match self.changes.recv().await {
                Ok(changes) if changes.iter().any(|change| *change.run == *self.run) => {
                    return Ok(());
                }
                Ok(_) => {}
                // What was missed may have been about the target.
                Err(RecvError::Lagged(_)) => return Ok(()),
                Err(RecvError::Closed) => return Err(ApiError::Stopping),
            }
        }
    }

    /// Checks that the client may still read the host's results.
    async fn check(&mut self) -> Result<(), ApiError> {
        let principal = self.proof.again(&self.api).await?;
        principal.may(Action::ResultsRead).map_err(ApiError::Forbidden)?;
        let row = target(&self.api, &self.run, &self.host).await?;
        if reach::targets(&self.api, &principal, vec![row]).await?.is_empty() {
            let denied = fleet::role::Denied::Host(Action::ResultsRead);
            return Err(ApiError::Forbidden(denied));
        }
        self.checked = Instant::now();
        Ok(())
    }
}

/// What an agent replies.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    data: Option<TaskOutput>,
}

/// Asks an agent for output from an offset on. `None` where it has none: the task may have ended, or
/// the channel may be gone, and a change says so.
async fn ask(
    session: &Arc<Session>,
    run: &str,
    offset: u64,
    stream: OutputStream,
) -> Option<TaskOutput> {
    let id = Uuid::new_v4().to_string();
    let fields: [(&str, Value); 5] = [
        ("id", id.as_str().into()),
        ("method", "async.output".into()),
        ("task", task_id(run).into()),
        ("offset", offset.into()),
        ("stream", stream.name().into()),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    let mut text = Vec::new();
    line(&fields.collect::<Map<_, _>>(), &mut text);
    let pending = session.ask(AgentRequest { id, client_chose_id: false, line: text }).ok()?;
    let reply = pending.within(ANSWER).await.ok()?;
    serde_json::from_str::<Reply>(&reply).ok()?.data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_says_how_much_of_each_stream_is_known() {
        let known = Known::parse("17.4").unwrap();
        assert_eq!(known, Known { stdout: 17, stderr: 4 });
        for text in ["", "17", "1.", ".1", "-1.0", "1.2.3", "x.y"] {
            assert!(Known::parse(text).is_err(), "{text}");
        }
    }
}
