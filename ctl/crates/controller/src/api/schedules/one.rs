//! One schedule: its fields, versions, hosts and results.

use super::super::document::problems::problems;
use super::super::extract::{Carried, Parameters, Segments};
use super::super::problem::ApiError;
use super::super::rule::{Given, Subject};
use super::super::service::Api;
use super::super::{page, times};
use super::body;
use crate::audit;
use crate::auth::Principal;
use crate::schedules::{HostStanding, standings, standings_of_host};
use crate::store::{Removal, ScheduleChange};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{
    HostSchedule, HostSchedules, NewestQuery, PageQuery, Schedule, ScheduleEntry, ScheduleHistory,
    ScheduleHost, ScheduleHostList, ScheduleHostsQuery, ScheduleList, ScheduleResult,
    ScheduleResults, ScheduleState, ScheduleVersion, path,
};
use fleet::schedule::Definition;
use fleet::schedule::standing::Standing;
use fleet::{Action, role};
use std::sync::Arc;

problems! {
    /// The problems of one schedule.
    OneSchedule: NotFound
}

problems! {
    /// The problems of the schedules of a host.
    OfOneHost: UnknownHost
}

problems! {
    /// The problems of a change of a schedule.
    Changing: NotFound, Conflict, TooLarge
}

/// Lists the schedules.
#[utoipa::path(
    get,
    path = path::SCHEDULES,
    params(PageQuery),
    responses((status = 200, description = "A page, ordered by name", body = ScheduleList))
)]
pub(in crate::api) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<ScheduleList>, ApiError> {
    let limit = page::limit(query.limit)?;
    let mut rows = api.store.schedules(&query.after.unwrap_or_default(), limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.name.clone());
    let mut schedules = Vec::with_capacity(rows.len());
    for row in rows {
        let counts = api.store.schedule_counts(&row.name).await?;
        schedules.push(body::shown(row, &counts)?);
    }
    Ok(Json(ScheduleList { schedules, next }))
}

/// Shows a schedule.
#[utoipa::path(
    get,
    path = path::SCHEDULE,
    params(path::SchedulePath),
    responses((status = 200, description = "The schedule", body = Schedule), OneSchedule)
)]
pub(in crate::api) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<Json<Schedule>, ApiError> {
    shown(&api, &name).await.map(Json)
}

/// Reads the fields of a schedule.
pub(in crate::api) fn read_put(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let entry: ScheduleEntry = given.body()?;
    let name = given.segment("schedule").unwrap_or_default().to_owned();
    let definition = body::definition(&entry, Some(&name), 1)?;
    if let Some(principal) = given.principal {
        body::check(&definition, principal)?;
    }
    let subject = Subject::new(given, Action::SchedulesManage)
        .with("schedule", &name)
        .with("selector", definition.selector().to_string())
        .with("cmd", &definition.job().bash.cmd)
        .with("revision", definition.revision());
    given.carried.insert(Arc::new(definition));
    Ok(subject)
}

/// Creates a schedule or changes it. The caller becomes its author: their roles must allow its
/// command on each host, now and at each later push.
#[utoipa::path(
    put,
    path = path::SCHEDULE,
    params(path::SchedulePath),
    request_body = ScheduleEntry,
    responses((status = 200, description = "The schedule", body = Schedule), Changing)
)]
pub(in crate::api) async fn put(
    principal: Principal,
    State(api): State<Api>,
    Carried(definition): Carried<Arc<Definition>>,
) -> Result<Json<Schedule>, ApiError> {
    let change = ScheduleChange {
        put: vec![body::stored(&definition)],
        remove: Removal::Nothing,
        adopt: true,
        expected: None,
        by: principal.name().to_owned(),
        now: audit::now(),
    };
    api.store.change_schedules(change).await?;
    shown(&api, definition.name()).await.map(Json)
}

/// Reads a request to remove a schedule.
pub(in crate::api) fn read_remove(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let subject = Subject::new(given, Action::SchedulesManage);
    Ok(subject.with_segment(given, "schedule").with("remove", true))
}

/// Removes a schedule. Hosts that are connected lose its job now, others when they connect.
#[utoipa::path(
    delete,
    path = path::SCHEDULE,
    params(path::SchedulePath),
    responses((status = 204, description = "Removed"), Changing)
)]
pub(in crate::api) async fn remove(
    principal: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let change = ScheduleChange {
        put: Vec::new(),
        remove: Removal::One(name),
        adopt: false,
        expected: None,
        by: principal.name().to_owned(),
        now: audit::now(),
    };
    api.store.change_schedules(change).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists how a schedule stands on the hosts that it selects, and on those that still have it.
#[utoipa::path(
    get,
    path = path::SCHEDULE_HOSTS,
    params(path::SchedulePath, ScheduleHostsQuery),
    responses(
        (status = 200, description = "A page, ordered by id", body = ScheduleHostList),
        OneSchedule
    )
)]
pub(in crate::api) async fn hosts(
    principal: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Parameters(query): Parameters<ScheduleHostsQuery>,
) -> Result<Json<ScheduleHostList>, ApiError> {
    let limit = page::limit(query.limit)?;
    let only = query.state.map(standing);
    let after = query.after.unwrap_or_default();
    let reach = principal.reach(Action::HostsRead);
    let sees = |id: &str, labels: &fleet::Labels| reach.covers(role::Host { id, labels });
    let (hosts, next) = standings(&api.schedules, &name, only, &after, limit, sees).await?;
    if hosts.is_empty() && next.is_none() && after.is_empty() && only.is_none() {
        known(&api, &name).await?;
    }
    let hosts = hosts.into_iter().map(host).collect();
    Ok(Json(ScheduleHostList { hosts, next }))
}

/// Lists the schedules that select a host, and those that it still has, and how each stands there.
#[utoipa::path(
    get,
    path = path::HOST_SCHEDULES,
    params(path::HostPath),
    responses((status = 200, description = "The schedules", body = HostSchedules), OfOneHost)
)]
pub(in crate::api) async fn of_host(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<HostSchedules>, ApiError> {
    let row = api.store.host(&id).await?.ok_or(ApiError::UnknownHost(id))?;
    let mut schedules = Vec::new();
    for on_host in standings_of_host(&api.schedules, &row).await? {
        let entry = on_host.entry.as_deref().map(body::entry).transpose()?.unwrap_or_default();
        schedules.push(HostSchedule {
            schedule: on_host.name,
            expression: entry.schedule,
            timezone: entry.timezone,
            enabled: entry.enabled.unwrap_or(true),
            standing: host(on_host.seen),
        });
    }
    Ok(Json(HostSchedules { schedules }))
}

/// Lists the versions of a schedule, also of one that was removed.
#[utoipa::path(
    get,
    path = path::SCHEDULE_HISTORY,
    params(path::SchedulePath, NewestQuery),
    responses((status = 200, description = "A page, newest first", body = ScheduleHistory), OneSchedule)
)]
pub(in crate::api) async fn history(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Parameters(query): Parameters<NewestQuery>,
) -> Result<Json<ScheduleHistory>, ApiError> {
    let limit = page::limit(query.limit)?;
    let before = query.before.unwrap_or(i64::MAX);
    let mut rows = api.store.schedule_versions(&name, before, limit + 1).await?;
    if rows.is_empty() && query.before.is_none() {
        known(&api, &name).await?;
    }
    let next = page::next(&mut rows, limit, |row| row.version);
    let version = |row: crate::store::ScheduleVersion| {
        Ok(ScheduleVersion {
            version: row.version,
            entry: row.entry.as_deref().map(body::entry).transpose()?,
            by: row.by,
            at: times::text(row.at),
        })
    };
    let versions = rows.into_iter().map(version).collect::<Result<_, ApiError>>()?;
    Ok(Json(ScheduleHistory { versions, next }))
}

/// Lists results of a schedule's runs on all hosts.
#[utoipa::path(
    get,
    path = path::SCHEDULE_RESULTS,
    params(path::SchedulePath, NewestQuery),
    responses((status = 200, description = "A page, newest first", body = ScheduleResults))
)]
pub(in crate::api) async fn results(
    principal: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
    Parameters(query): Parameters<NewestQuery>,
) -> Result<Response, ApiError> {
    principal.may(Action::ResultsRead).map_err(ApiError::Forbidden)?;
    let limit = page::limit(query.limit)?;
    let before = query.before.unwrap_or(i64::MAX);
    let mut rows = api.store.schedule_results(&name, before, limit + 1).await?;
    let next = page::next(&mut rows, limit, |row| row.sequence);
    let reach = principal.reach(Action::ResultsRead);
    let mut results = Vec::with_capacity(rows.len());
    for row in rows {
        if reach != role::Reach::Everything {
            let host = api.store.host(&row.host).await?;
            let labels = host.as_ref().map(crate::store::plain_labels).unwrap_or_default();
            if !reach.covers(role::Host { id: &row.host, labels: &labels }) {
                continue;
            }
        }
        let result = serde_json::value::RawValue::from_string(row.event).map_err(|error| {
            log::error!("a stored result cannot be read: {error}");
            ApiError::Internal
        })?;
        results.push(ScheduleResult {
            sequence: row.sequence,
            host: row.host,
            task: row.task,
            received: times::text(row.received),
            result,
        });
    }
    let text = serde_json::to_string(&ScheduleResults { results, next });
    api.respond(text.expect("a body goes to memory")).await
}

async fn shown(api: &Api, name: &str) -> Result<Schedule, ApiError> {
    let row = api.store.schedule(name).await?.ok_or_else(|| missing(name))?;
    let counts = api.store.schedule_counts(name).await?;
    body::shown(row, &counts)
}

async fn known(api: &Api, name: &str) -> Result<(), ApiError> {
    api.store.schedule(name).await?.map(|_| ()).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> ApiError {
    ApiError::NotFound(format!("there is no schedule \"{name}\""))
}

const fn standing(state: ScheduleState) -> Standing {
    match state {
        ScheduleState::Applied => Standing::Applied,
        ScheduleState::Pending => Standing::Pending,
        ScheduleState::Refused => Standing::Refused,
        ScheduleState::NotAllowed => Standing::NotAllowed,
        ScheduleState::Failed => Standing::Failed,
        ScheduleState::Removing => Standing::Removing,
    }
}

fn host(seen: HostStanding) -> ScheduleHost {
    let HostStanding { host, online, last_seen, standing, why, stored } = seen;
    let since = stored.as_ref().map(|stored| times::text(stored.since));
    let drift_at = stored.as_ref().and_then(|stored| stored.drift_at).map(times::text);
    let (revision, drift) = stored.map(|stored| (stored.applied, stored.drift)).unwrap_or_default();
    ScheduleHost {
        host,
        state: match standing {
            Standing::Applied => ScheduleState::Applied,
            Standing::Pending => ScheduleState::Pending,
            Standing::Refused => ScheduleState::Refused,
            Standing::NotAllowed => ScheduleState::NotAllowed,
            Standing::Failed => ScheduleState::Failed,
            Standing::Removing => ScheduleState::Removing,
        },
        why,
        connected: online,
        last_seen: last_seen.map(times::text),
        revision,
        since,
        drift,
        drift_at,
    }
}
