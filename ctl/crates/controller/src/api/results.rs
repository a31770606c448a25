//! The stored results: a host's in order, or one task's, with a wait for it.

use super::document::problems::problems;
use super::extract::{Parameters, Segments};
use super::problem::ApiError;
use super::service::{Api, json_in};
use crate::auth::Principal;
use crate::store::{MAX_PAGE_BYTES, ResultHead, ResultRow};
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    DEFAULT_RESULTS, HostTask, HostTaskList, MAX_RESULTS, MAX_WAIT_SECONDS, NewestQuery,
    ResultPage, ResultQuery, ResultsQuery, StoredResult, TaskResult, path,
};
use serde_json::value::RawValue;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::timeout;

problems! {
    /// The problem of one task's result.
    OneResult: NoResult
}

/// Lists a host's results, oldest first.
///
/// The controller stores them itself, so the host need not be connected. A page that holds no
/// result is the end so far.
#[utoipa::path(
    get,
    path = path::RESULTS,
    params(path::HostPath, ResultsQuery),
    responses((status = 200, description = "A page", body = ResultPage))
)]
pub(super) async fn page(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
    Parameters(query): Parameters<ResultsQuery>,
) -> Result<Response, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_RESULTS);
    if !(1..=MAX_RESULTS).contains(&limit) {
        return Err(ApiError::InvalidRequest(format!("limit must be from 1 to {MAX_RESULTS}")));
    }
    // Before they are read, or many clients could have pages read that there is no memory for.
    let share = api.memory.reserve(MAX_PAGE_BYTES).await?;
    let rows = api.store.results(&host, query.after, limit).await?;
    let results = rows.into_iter().map(stored_result).collect::<Result<Vec<_>, _>>()?;
    let next = results.last().map(|last| last.sequence);
    let page = serde_json::to_string(&ResultPage { results, next }).expect("JSON goes to memory");
    Ok(json_in(share, page))
}

/// Lists a host's ended tasks, newest first, without their output.
#[utoipa::path(
    get,
    path = path::HOST_TASKS,
    params(path::HostPath, NewestQuery),
    responses((status = 200, description = "A page", body = HostTaskList))
)]
pub(super) async fn newest(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
    Parameters(query): Parameters<NewestQuery>,
) -> Result<Response, ApiError> {
    let limit = super::page::limit(query.limit)?;
    let before = query.before.unwrap_or(i64::MAX);
    let mut rows = api.store.newest_results(&host, before, limit + 1).await?;
    let next = super::page::next(&mut rows, limit, |head| head.row.sequence);
    let tasks = rows.into_iter().map(|ResultHead { row, bytes }| {
        let StoredResult { sequence, received, task, result } = stored_result(row)?;
        Ok(HostTask { sequence, received, task, bytes, result })
    });
    let tasks = tasks.collect::<Result<Vec<_>, ApiError>>()?;
    let list = serde_json::to_string(&HostTaskList { tasks, next }).expect("JSON goes to memory");
    api.respond(list).await
}

/// Shows the newest result of a task, now or within the wait.
#[utoipa::path(
    get,
    path = path::RESULT,
    params(path::TaskPath, ResultQuery),
    responses(
        (status = 200, description = "The agent's event, verbatim", body = TaskResult),
        OneResult
    )
)]
pub(super) async fn one(
    _: Principal,
    State(api): State<Api>,
    Segments((host, task)): Segments<(String, String)>,
    Parameters(query): Parameters<ResultQuery>,
) -> Result<Response, ApiError> {
    if query.wait > MAX_WAIT_SECONDS {
        let why = format!("wait must be at most {MAX_WAIT_SECONDS} seconds");
        return Err(ApiError::InvalidRequest(why));
    }
    // Before the first look, or a result that is stored in between would be missed.
    let mut watch = api.store.watch_result(&host, &task);
    let mut size = api.store.result_size(&host, &task).await?;
    if size.is_none() {
        let mut stop = api.stop.clone();
        let stored = tokio::select! {
            waited = timeout(Duration::from_secs(query.wait), watch.stored()) => waited.is_ok(),
            () = stop.requested() => return Err(ApiError::Stopping),
        };
        if stored {
            size = api.store.result_size(&host, &task).await?;
        }
    }
    let Some(size) = size else { return Err(ApiError::NoResult { task }) };
    // Before it is read, as for a page.
    let share = api.memory.reserve(size).await?;
    let event = api.store.result(&host, &task).await?;
    event.map(|event| json_in(share, event)).ok_or(ApiError::NoResult { task })
}

fn stored_result(row: ResultRow) -> Result<StoredResult, ApiError> {
    let ResultRow { sequence, received, task, event } = row;
    let since = Duration::from_millis(u64::try_from(received).unwrap_or_default());
    let received = UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH);
    let received = humantime::format_rfc3339_millis(received).to_string();
    let result = RawValue::from_string(event).map_err(|error| {
        log::error!("the stored result {sequence} is not JSON: {error}");
        ApiError::Internal
    })?;
    Ok(StoredResult { sequence, received, task, result })
}
