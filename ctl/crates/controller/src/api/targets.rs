//! The targets of a run: listed, looked at with their results, and grouped by their outputs.

use super::document::problems::problems;
use super::extract::{Parameters, Segments};
use super::page;
use super::plans::find;
use super::problem::ApiError;
use super::service::{Api, json_in};
use super::{reach, run_body};
use crate::auth::Principal;
use crate::store::{MAX_OUTPUT_HOSTS, MAX_PAGE_BYTES, OutputRow, TargetQuery};
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    OutputGroup, OutputList, OutputsQuery, TargetList, TargetResult, TargetsQuery, path,
};
use fleet::run::MAX_STAGES;
use serde_json::value::RawValue;

problems! {
    /// The problem of a run's targets.
    OneRun: NotFound
}

/// Targets that one request looks at, for an operator who may not see all of them.
const MAX_SCANNED: usize = 20_000;

/// Targets that are looked at at once.
const PAGE: usize = 1000;

/// Lists the targets of a run.
///
/// Hosts whose results the operator's roles do not reach are left out.
#[utoipa::path(
    get,
    path = path::RUN_TARGETS,
    params(path::RunPath, TargetsQuery),
    responses(
        (
            status = 200,
            description = "A page, in the order of the run. It may be short, or empty, and yet \
                           have a next one",
            body = TargetList
        ),
        OneRun
    )
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Parameters(query): Parameters<TargetsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    let stage = query.stage.map(|stage| {
        let from_0 = stage.checked_sub(1).and_then(|stage| u16::try_from(stage).ok());
        from_0.filter(|stage| usize::from(*stage) < MAX_STAGES).ok_or_else(|| {
            ApiError::InvalidRequest(format!("stage must be from 1 to {MAX_STAGES}"))
        })
    });
    let wanted = TargetQuery {
        run: id.clone(),
        state: query.state.map(run_body::state_of),
        stage: stage.transpose()?,
        output: query.digest,
        after: query.after.map(page::position).transpose()?,
        limit: limit + 1,
    };
    find(&api, &id).await?;
    let mut rows = api.store.targets(wanted).await?;
    let next = page::next(&mut rows, limit, |row| u64::from(row.position));
    let rows = reach::targets(&api, &principal, rows).await?;
    let list = TargetList { targets: rows.into_iter().map(run_body::target).collect(), next };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// Shows one target of a run, with its result.
#[utoipa::path(
    get,
    path = path::RUN_TARGET,
    params(path::TargetPath),
    responses((status = 200, description = "The target", body = TargetResult), OneRun)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments((run, host)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    // Before the result is read, or many clients could have some read that there is no memory for.
    let share = api.memory.reserve(MAX_PAGE_BYTES).await?;
    let row = api.store.target(&run, &host).await?;
    let row = row.ok_or_else(|| missing(&run, &host))?;
    let result = api.store.target_result(&run, &host).await?;
    let result = result.map(RawValue::from_string).transpose().map_err(|error| {
        log::error!("the stored result of {host} in run {run} is not JSON: {error}");
        ApiError::Internal
    })?;
    let body = TargetResult { target: run_body::target(row), result };
    Ok(json_in(share, serde_json::to_string(&body).expect("JSON goes to memory")))
}

/// The run has no such target.
pub(super) fn missing(run: &str, host: &str) -> ApiError {
    let (run, host) = (agent_wire::json::quote(run), agent_wire::json::quote(host));
    ApiError::NotFound(format!("the run \"{run}\" has no target \"{host}\""))
}

/// Groups the ended targets of a run by their output, the largest group first.
///
/// Hosts whose results the operator's roles do not reach are not counted.
#[utoipa::path(
    get,
    path = path::RUN_OUTPUTS,
    params(path::RunPath, OutputsQuery),
    responses((status = 200, description = "The groups", body = OutputList), OneRun)
)]
pub(super) async fn outputs(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Parameters(query): Parameters<OutputsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    find(&api, &id).await?;
    let mut rows = api.store.outputs(&id, limit + 1).await?;
    let mut more = rows.len() > limit;
    rows.truncate(limit);
    if !reach::sees_all(&principal) {
        more |= limit_to_reach(&api, &principal, &id, &mut rows).await?;
    }
    let list = OutputList { groups: rows.into_iter().map(group).collect(), more };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// Counts in each group only the hosts that the operator may see. Returns whether some were not
/// looked at.
async fn limit_to_reach(
    api: &Api,
    principal: &Principal,
    run: &str,
    rows: &mut Vec<OutputRow>,
) -> Result<bool, ApiError> {
    let (mut scanned, mut more) = (0, false);
    for row in &mut *rows {
        (row.count, row.hosts) = (0, Vec::new());
        let mut after = None;
        while scanned < MAX_SCANNED {
            let query = TargetQuery {
                run: run.to_owned(),
                output: Some(row.digest.clone()),
                after,
                limit: PAGE,
                ..TargetQuery::default()
            };
            let targets = api.store.targets(query).await?;
            scanned += targets.len();
            after = targets.last().map(|target| target.position);
            let last = targets.len() < PAGE;
            let seen = reach::targets(api, principal, targets).await?;
            row.count += seen.len() as u64;
            let room = MAX_OUTPUT_HOSTS.saturating_sub(row.hosts.len());
            row.hosts.extend(seen.into_iter().take(room).map(|target| target.host));
            if last {
                break;
            }
        }
        more |= scanned >= MAX_SCANNED;
    }
    rows.retain(|row| row.count > 0);
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    Ok(more)
}

fn group(row: OutputRow) -> OutputGroup {
    OutputGroup {
        digest: row.digest,
        count: row.count,
        state: run_body::target_state(row.state),
        code: row.code,
        hosts: row.hosts,
        head: row.head,
        truncated: row.truncated,
        base64: row.base64,
    }
}
