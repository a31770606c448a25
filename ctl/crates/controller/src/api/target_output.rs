//! What a command of a run prints on one host, as server-sent events while it runs. The result, which
//! `targets` shows, has the output once the command has ended.
//!
//! While a client follows, and only then, `printing` asks the agent for more.

use super::document::problems::problems;
use super::extract::{Parameters, Proof, Segments};
use super::printing::{Known, Printing};
use super::problem::ApiError;
use super::pulled::{self, Source};
use super::run_events::{HEARTBEAT, RECHECK, RETRY, event, problem};
use super::service::Api;
use super::streams::Place;
use super::{reach, run_body};
use crate::auth::Principal;
use crate::store::{RunChange, TargetRow};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use controller_api::{LAST_EVENT_ID, TargetOutputQuery, path};
use fleet::Action;
use fleet::run::{TargetState, task_id};
use hyper::body::Bytes;
use serde_json::Value;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

problems! {
    /// The problems of a target's output.
    Following: NotFound, TooManyStreams
}

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
        printing: request.is_task().then(|| Printing::new(task_id(&run), separate, known)),
        run,
        host,
        told: None,
        changes,
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

/// A stream, between two chunks.
struct Follow {
    run: String,
    host: String,
    /// The output of the request while it runs, if it is a command.
    printing: Option<Printing>,
    /// The target's last change that the client has got.
    told: Option<i64>,
    changes: Receiver<Arc<[RunChange]>>,
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
            let printed = async {
                match &mut self.printing {
                    Some(printing) if runs => printing.next(&self.api, &self.host).await,
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                part = printed => {
                    let (part, id) = part?;
                    let mut text = String::new();
                    event(&mut text, "output", Some(id), &part);
                    return Ok(text);
                }
                changed = changed(&mut self.changes, &self.run) => changed?,
                () = sleep_until(heartbeat) => {
                    self.check().await?;
                    return Ok(": still here\n\n".to_owned());
                }
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

/// Waits until something of a run has changed.
async fn changed(changes: &mut Receiver<Arc<[RunChange]>>, run: &str) -> Result<(), ApiError> {
    loop {
        match changes.recv().await {
            Ok(changes) if changes.iter().any(|change| *change.run == *run) => return Ok(()),
            Ok(_) => {}
            // A missed change may have been about the target.
            Err(RecvError::Lagged(_)) => return Ok(()),
            Err(RecvError::Closed) => return Err(ApiError::Stopping),
        }
    }
}
