//! A run's changes as server-sent events, as they happen. `changes` says which, and their order.
//!
//! `target` tells a target, `run` the run with its equation. An event's id is the cursor of
//! `changes`: a client that was cut off goes on with the header `Last-Event-ID`.

use super::changes::{Changes, Follower};
use super::document::problems::problems;
use super::extract::{Parameters, Proof, Segments};
use super::page;
use super::plans::find;
use super::problem::ApiError;
use super::pulled::{self, Source};
use super::service::Api;
use super::streams::Place;
use super::{reach, run_body};
use crate::auth::Principal;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use controller_api::{EventStreamQuery, LAST_EVENT_ID, path};
use fleet::Action;
use fleet::run::RunState;
use hyper::body::Bytes;
use serde::Serialize;
use std::fmt::{Display, Write as _};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

problems! {
    /// The problems of a run's events.
    Following: NotFound, TooManyStreams
}

/// Targets in one chunk of a stream.
const CHUNK: usize = 500;

/// A silent stream says that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Changes that happen within this time go in one chunk.
const GATHER: Duration = Duration::from_millis(100);

/// The longest time for which a client is told more without another look at whether it may be.
pub(super) const RECHECK: Duration = Duration::from_secs(1);

/// How long a browser waits until it comes back, in milliseconds.
pub(super) const RETRY: u32 = 1000;

/// Tells a run's changes as they happen.
///
/// The media type is `text/event-stream`. The event `target` has a target as its data, `run` the
/// run; their ids are the numbers of changes, the cursor of `GET runs/{run}/changes` too. A client
/// that was disconnected sends the last id in the header `Last-Event-ID`, or as `after`, and misses
/// nothing. The stream ends with the run; a client that comes back after that gets 204. A stream
/// on which nothing happens has a comment every 15 s. It ends when the operator logs out or is not
/// allowed to read runs anymore.
///
/// Hosts whose results the operator's roles do not reach are left out.
#[utoipa::path(
    get,
    path = path::RUN_EVENTS,
    params(path::RunPath, EventStreamQuery),
    responses(
        (
            status = 200,
            description = "The events",
            content(("text/event-stream", example = "id: 4711\nevent: run\ndata: {…}\n\n"))
        ),
        (status = 204, description = "The run has ended, and the client knows everything"),
        Following
    )
)]
pub(super) async fn follow(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Parameters(query): Parameters<EventStreamQuery>,
    headers: HeaderMap,
    proof: Proof,
) -> Result<Response, ApiError> {
    let (after, resumes) = match headers.get(LAST_EVENT_ID) {
        Some(given) => (last_event(given.as_bytes())?, true),
        None => (page::change(query.after)?, false),
    };
    let row = find(&api, &id).await?;
    if resumes && row.state == RunState::Ended && row.change <= after {
        let mut nothing = Response::default();
        *nothing.status_mut() = StatusCode::NO_CONTENT;
        return Ok(nothing);
    }
    let place = api.streams.enter(principal.name())?;
    let stream = EventStream {
        follower: Follower::new(api.clone(), id, after),
        told: None,
        api,
        principal,
        proof,
        checked: Instant::now(),
        looked: None,
        first: true,
        over: false,
        _place: place,
    };
    Ok(pulled::events(stream))
}

fn last_event(id: &[u8]) -> Result<i64, ApiError> {
    let number = std::str::from_utf8(id).ok().and_then(|text| text.trim().parse().ok());
    number.filter(|number| *number >= 0).ok_or_else(|| {
        ApiError::InvalidRequest(format!("{LAST_EVENT_ID} must be the id of an event"))
    })
}

/// A stream, between two chunks.
struct EventStream {
    follower: Follower,
    /// The run's last change that the client has got.
    told: Option<i64>,
    api: Api,
    principal: Principal,
    proof: Proof,
    /// When the client was last known to be allowed.
    checked: Instant,
    /// When the database was last looked at, and had no more.
    looked: Option<Instant>,
    /// Nothing was told yet.
    first: bool,
    over: bool,
    _place: Place,
}

impl Source for EventStream {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        match self.step().await {
            Ok(text) => Some(text.into()),
            Err(error) => {
                self.over = true;
                Some(problem(&error).into())
            }
        }
    }
}

impl EventStream {
    /// Waits for something to tell.
    async fn step(&mut self) -> Result<String, ApiError> {
        let mut stop = self.api.stop.clone();
        let heartbeat = Instant::now() + HEARTBEAT;
        loop {
            if let Some(looked) = self.looked {
                tokio::select! {
                    gathered = self.follower.gather(looked + GATHER) => gathered?,
                    () = stop.requested() => return Err(ApiError::Stopping),
                }
            }
            if let Some(text) = self.look().await? {
                return Ok(text);
            }
            tokio::select! {
                changed = self.follower.changed() => changed?,
                () = sleep_until(heartbeat) => {
                    self.check().await?;
                    return Ok(": still here\n\n".to_owned());
                }
                () = stop.requested() => return Err(ApiError::Stopping),
            }
        }
    }

    /// Looks for something to tell.
    async fn look(&mut self) -> Result<Option<String>, ApiError> {
        let changes = self.follower.look(CHUNK).await?;
        // A client that is behind gets the rest at once.
        self.looked = changes.whole.then(Instant::now);
        let last = changes.last();
        let news = self.told.is_none_or(|told| told < changes.run.change);
        if changes.targets.is_empty() && !news && !last {
            return Ok(None);
        }
        if self.checked.elapsed() > RECHECK {
            self.check().await?;
        }
        let text = self.text(changes).await?;
        self.over = last;
        Ok(Some(text))
    }

    /// Checks that the client may still follow the run.
    async fn check(&mut self) -> Result<(), ApiError> {
        let principal = self.proof.again(&self.api).await?;
        principal.may(Action::RunsRead).map_err(ApiError::Forbidden)?;
        self.principal = principal;
        self.checked = Instant::now();
        Ok(())
    }

    async fn text(&mut self, changes: Changes) -> Result<String, ApiError> {
        let Changes { run: row, targets, next, whole } = changes;
        let mut text = String::new();
        if std::mem::take(&mut self.first) {
            let _ = write!(text, "retry: {RETRY}\n\n");
        }
        for target in reach::targets(&self.api, &self.principal, targets).await? {
            let target = run_body::target(target);
            event(&mut text, "target", Some(target.change), &target);
        }
        // While the client is behind, the run's state is ahead of the targets that it knows; its id
        // would be, too.
        if whole || self.told.is_none() {
            let run = super::runs::shown(&self.api, &row).await?;
            event(&mut text, "run", whole.then(|| run_body::number(next)), &run);
            self.told = Some(row.change);
        }
        Ok(text)
    }
}

/// Adds an event. JSON has no line break in it.
pub(super) fn event<T: Serialize>(
    text: &mut String,
    name: &str,
    id: Option<impl Display>,
    data: &T,
) {
    let data = serde_json::to_string(data).expect("texts go to memory");
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {name}\ndata: {data}\n\n");
}

/// Tells why the stream ends before the run. It has no id, so the client comes back to where it was.
pub(super) fn problem(error: &ApiError) -> String {
    let mut text = String::new();
    event(&mut text, "problem", None::<u64>, &error.problem());
    text
}
