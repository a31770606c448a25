//! The results that the controller keeps: of one host in order, or of one task, waited for.

use super::problem::ApiError;
use super::router::{Api, json};
use crate::store::Stored;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::timeout;

/// Results in one answer, unless the client says.
const DEFAULT_LIMIT: usize = 100;

/// The most results in one answer.
const MAX_LIMIT: usize = 1000;

/// The longest wait for a result, in seconds.
const MAX_WAIT: u64 = 60;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Span {
    /// The sequence number of the last result that is known.
    #[serde(default)]
    after: i64,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patience {
    /// Seconds.
    #[serde(default)]
    wait: u64,
}

#[derive(Serialize)]
struct Page {
    results: Vec<View>,
}

/// A result as clients see it.
#[derive(Serialize)]
struct View {
    sequence: i64,
    /// RFC 3339, UTC.
    received: String,
    task: String,
    /// The agent's event.
    result: Box<RawValue>,
}

/// `GET …/results`: those behind a sequence number, oldest first. Fewer than asked for when they are
/// large; none when there are no more.
pub(super) async fn page(
    State(api): State<Api>,
    Path(host): Path<String>,
    span: Result<Query<Span>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(span) = span.map_err(|error| ApiError::BadRequest(error.body_text()))?;
    let limit = span.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::BadRequest(format!("limit must be from 1 to {MAX_LIMIT}")));
    }
    let stored = api.store.page(host, span.after, limit).await?;
    let results = stored.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(json(serde_json::to_string(&Page { results }).expect("results have string keys and go to memory")))
}

/// `GET …/results/{task}`: the event, now or within the wait.
pub(super) async fn one(
    State(api): State<Api>,
    Path((host, task)): Path<(String, String)>,
    patience: Result<Query<Patience>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(patience) = patience.map_err(|error| ApiError::BadRequest(error.body_text()))?;
    if patience.wait > MAX_WAIT {
        return Err(ApiError::BadRequest(format!("wait must be at most {MAX_WAIT} seconds")));
    }
    let find = || api.store.event(host.clone(), task.clone());
    // Before the first look: a result that comes between is heard of.
    let mut watch = api.store.watch(&host, &task);
    let mut event = find().await?;
    if event.is_none() && timeout(Duration::from_secs(patience.wait), watch.stored()).await.is_ok() {
        event = find().await?;
    }
    event.map(json).ok_or(ApiError::NoResult(host, task))
}

fn view(stored: Stored) -> Result<View, ApiError> {
    let Stored { sequence, received, task, event } = stored;
    let since = Duration::from_millis(u64::try_from(received).unwrap_or_default());
    let received = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    let result = RawValue::from_string(event).map_err(|error| {
        log::error!("the stored result {sequence} is no JSON: {error}");
        ApiError::Unreadable
    })?;
    Ok(View { sequence, received: humantime::format_rfc3339_millis(received).to_string(), task, result })
}
