//! Runs: started, listed, looked at, canceled, and planned again.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::page;
use super::plans::{self, find, find_for, told};
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::run_body;
use super::service::{Api, created, json};
use crate::audit;
use crate::auth::Principal;
use crate::planning::{Hosts, Wanted};
use crate::store::{RunQuery, RunRow, StopRun, TargetQuery};
use axum::extract::State;
use axum::response::Response;
use controller_api::{Again, NewPlan, Plan, Run, RunList, RunsQuery, TargetState, path};
use fleet::run::{NotAfter, Options, RunEnd};

problems! {
    /// The problem of one run.
    OneRun: NotFound
}

problems! {
    /// The problems of starting a run.
    Starting: UnknownHost, Conflict, TooManyRuns
}

/// Targets that are looked at at once.
const PAGE: usize = 1000;

/// Plans and applies: exactly the hosts that are meant now are asked.
///
/// Needs the same actions as making a plan.
#[utoipa::path(
    post,
    path = path::RUNS,
    request_body = NewPlan,
    responses((status = 201, description = "The run", body = Run), Starting)
)]
pub(super) async fn create(
    principal: Principal,
    State(api): State<Api>,
    Carried(wanted): Carried<Wanted>,
) -> Result<Response, ApiError> {
    let row = plans::make(&api, &principal, wanted).await?;
    let row = plans::start(&api, &principal, &row, Vec::new()).await?;
    let mut response = created(&shown(&api, &row).await?);
    response.extensions_mut().insert(told(&row));
    Ok(response)
}

/// Shows a run.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn shown(api: &Api, row: &RunRow) -> Result<Run, ApiError> {
    let stages = api.store.stages(&row.id).await?;
    run_body::run(row, &stages)
}

/// Lists runs, newest first.
#[utoipa::path(
    get,
    path = path::RUNS,
    params(RunsQuery),
    responses((
        status = 200,
        description = "A page. It may be short, or empty, and yet have a next one",
        body = RunList
    ))
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<RunsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    let (since, until) = page::times(query.since.as_deref(), query.until.as_deref())?;
    let before = query.after.as_deref().map(str::parse).transpose();
    let before = before
        .map_err(|_| ApiError::InvalidRequest("after must be the next of a page".to_owned()))?;
    let wanted = RunQuery {
        state: query.state.map(run_body::run_state_of),
        operator: query.operator,
        host: query.host,
        since,
        until,
        before,
        limit,
    };
    let page = api.store.runs(wanted).await?;
    let mut runs = Vec::with_capacity(page.runs.len());
    for row in &page.runs {
        runs.push(shown(&api, row).await?);
    }
    let list = RunList { runs, next: page.next.map(|next| next.to_string()) };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// Shows a run: how far it is, as an equation that adds up.
#[utoipa::path(
    get,
    path = path::RUN,
    params(path::RunPath),
    responses((status = 200, description = "The run", body = Run), OneRun)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    let row = find(&api, &id).await?;
    let run = shown(&api, &row).await?;
    api.respond(serde_json::to_string(&run).expect("texts go to memory")).await
}

/// Reads a request to cancel a run.
pub(super) fn read_cancel(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::named(given, "runs.cancel").with_segment(given, "run"))
}

/// Cancels a run: nothing more is sent, and commands that run are canceled on their hosts. A plan
/// cannot be applied anymore. A run that has ended stays as it is.
///
/// Needs the actions that making the plan needs, on each of its hosts.
#[utoipa::path(
    post,
    path = path::RUN_CANCEL,
    params(path::RunPath),
    responses((status = 200, description = "The run", body = Run), OneRun)
)]
pub(super) async fn cancel(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Response, ApiError> {
    let row = find_for(&api, &principal, &id).await?;
    plans::judge(&api, &principal, &row).await?;
    let why = Some(format!("canceled by {}", principal.name()));
    let stop = StopRun { end: RunEnd::Canceled, why, at: audit::now() };
    let row = api.store.stop_run(&id, stop).await?;
    let run = shown(&api, &row).await?;
    let mut response = json(serde_json::to_string(&run).expect("texts go to memory"));
    response.extensions_mut().insert(told(&row));
    Ok(response)
}

/// Reads a request for another plan of a run's targets.
pub(super) fn read_again(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let again: Again = given.optional_body()?;
    if let Some(states) = &again.states
        && (states.is_empty() || !states.iter().all(|state| state.is_end()))
    {
        let why = "states: name at least one state, and only states in which targets have ended";
        return Err(ApiError::InvalidRequest(why.to_owned()));
    }
    let subject = Subject::named(given, "runs.plan").with_segment(given, "run");
    Ok(subject.with("states", &again.states))
}

/// Makes a new plan of a run's targets that have ended without success, or in the given states.
///
/// The request and how it reaches the hosts are the run's; a time after which nothing was to be
/// started is not taken over. Needs the same actions as making a plan.
#[utoipa::path(
    post,
    path = path::RUN_AGAIN,
    params(path::RunPath),
    request_body = Option<Again>,
    responses((status = 201, description = "The plan", body = Plan), OneRun)
)]
pub(super) async fn again(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(again): Carried<Again>,
) -> Result<Response, ApiError> {
    let row = find_for(&api, &principal, &id).await?;
    let request = run_body::stored_request(&row)?;
    principal.may(request.action()).map_err(ApiError::Forbidden)?;
    let hosts = hosts_in(&api, &id, &again).await?;
    if hosts.is_empty() {
        let why = match &again.states {
            Some(states) => {
                let names: Vec<_> = states.iter().map(|state| state.name()).collect();
                format!("no target of the run is {}", names.join(" or "))
            }
            None => "no target of the run has ended without success".to_owned(),
        };
        return Err(ApiError::Conflict(why));
    }
    let mut options = run_body::stored_options(&row)?;
    if let NotAfter::At(_) = options.not_after {
        options.not_after = Options::default().not_after;
    }
    let hosts = Hosts::Again { hosts, selector: row.selector.clone() };
    let row = plans::make(&api, &principal, Wanted { request, options, hosts }).await?;
    plans::planned(&api, &row).await
}

/// Returns the hosts of a run's targets in the states that are meant.
async fn hosts_in(api: &Api, run: &str, again: &Again) -> Result<Vec<String>, ApiError> {
    let failed = || {
        let ended = TargetState::ALL.into_iter().filter(|state| state.is_end());
        ended.filter(|state| *state != TargetState::Succeeded).collect()
    };
    let mut states = again.states.clone().unwrap_or_else(failed);
    states.sort_unstable_by_key(|state| state.name());
    states.dedup();
    let mut found = Vec::new();
    for state in states {
        let mut after = None;
        loop {
            let state = Some(run_body::state_of(state));
            let query = TargetQuery {
                run: run.to_owned(),
                state,
                after,
                limit: PAGE,
                ..TargetQuery::default()
            };
            let rows = api.store.targets(query).await?;
            after = rows.last().map(|row| row.position);
            let last = rows.len() < PAGE;
            found.extend(rows.into_iter().map(|row| (row.position, row.host)));
            if last {
                break;
            }
        }
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, host)| host).collect())
}
