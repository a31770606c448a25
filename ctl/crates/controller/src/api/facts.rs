//! Facts of one host: now, at a time, their changes, and a question to the host itself.
//!
//! `search` has the questions to the facts of all hosts, `named` those that an index answers.

mod named;
mod search;

// With utoipa's descriptions of the handlers: the operations belong to this group.
pub(super) use named::{
    __path_certificates, __path_packages, __path_services, certificates, packages, services,
};
pub(super) use search::{__path_count, __path_diff, __path_find, count, diff, find, read_find};

use super::document::problems::problems;
use super::extract::{Parameters, Segments};
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use super::times;
use crate::auth::Principal;
use crate::facts::NotRefreshed;
use crate::store::{FactRow, milliseconds};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    Fact, FactChanges, FactChangesQuery, FactFailure, FactQuery, FactRefresh, FactSchema,
    FactState, HostChanges, HostChangesQuery, HostFacts, path,
};
use fleet::facts::{is_schema_call, method_name, schema_call};
use fleet::{Action, UnixMillis};
use serde::Deserialize;
use serde_json::value::RawValue;

problems! {
    /// The problems of one host's facts.
    OfOneHost: UnknownHost
}

problems! {
    /// The problems of one fact.
    OfOneFact: UnknownHost, NotFound
}

problems! {
    /// The problems of a refresh.
    Refreshing:
        TooLarge,
        UnknownHost,
        HostNotConnected,
        HostNotActive,
        HostBusy,
        HostDisconnected,
        HostTimedOut,
        InvalidReply,
        Conflict,
}

/// Lists a host's facts, without their contents.
#[utoipa::path(
    get,
    path = path::HOST_FACTS,
    params(path::HostPath, FactQuery),
    responses((status = 200, description = "The facts", body = HostFacts), OfOneHost)
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
    Parameters(query): Parameters<FactQuery>,
) -> Result<Json<HostFacts>, ApiError> {
    let at = query.at.as_deref().map(time).transpose()?;
    let rows = api.store.host_facts(&host, at).await?;
    if rows.is_empty() && api.store.host(&host).await?.is_none() {
        return Err(ApiError::UnknownHost(host));
    }
    let asked = api.store.known_facts(&host).await?.asked;
    let facts = rows.iter().filter(|row| !is_schema_call(&row.method)).map(state).collect();
    Ok(Json(HostFacts { host, asked: asked.map(times::text), facts }))
}

/// Shows one fact of a host.
///
/// Without `at` it is the newest answer, with the values that always differ; with `at` it is the
/// document of that time, which is without them.
#[utoipa::path(
    get,
    path = path::HOST_FACT,
    params(path::FactPath, FactQuery),
    responses((status = 200, description = "The fact", body = Fact), OfOneFact)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments((host, method)): Segments<(String, String)>,
    Parameters(query): Parameters<FactQuery>,
) -> Result<Response, ApiError> {
    let method = method_of(&method)?;
    let at = query.at.as_deref().map(time).transpose()?;
    let Some((row, text)) = api.store.fact(&host, &method, at).await? else {
        return Err(nothing_known(&api, host, &method, at).await);
    };
    let answered = text.as_ref().and_then(|text| text.whole_at).map(times::text);
    let data = text.map(|text| RawValue::from_string(text.text)).transpose().map_err(|error| {
        log::error!("{host}: the stored facts of {method} are not JSON: {error}");
        ApiError::Internal
    })?;
    let fact = Fact { host, state: state(&row), answered, data };
    api.respond(serde_json::to_string(&fact).expect("JSON goes to memory")).await
}

/// Returns why there is no such fact.
async fn nothing_known(api: &Api, host: String, method: &str, at: Option<UnixMillis>) -> ApiError {
    match api.store.host(&host).await {
        Ok(Some(_)) => ApiError::NotFound(match at {
            None => format!(
                "host \"{host}\" was not asked for {method}; --facts-methods says for what hosts \
                 are asked"
            ),
            Some(at) => {
                format!("nothing is known of {method} of host \"{host}\" at {}", times::text(at))
            }
        }),
        Ok(None) => ApiError::UnknownHost(host),
        Err(error) => error.into(),
    }
}

/// Lists the changes of a fact, newest first.
#[utoipa::path(
    get,
    path = path::HOST_FACT_CHANGES,
    params(path::FactPath, FactChangesQuery),
    responses((status = 200, description = "A page", body = FactChanges), OfOneFact)
)]
pub(super) async fn changes(
    _: Principal,
    State(api): State<Api>,
    Segments((host, method)): Segments<(String, String)>,
    Parameters(query): Parameters<FactChangesQuery>,
) -> Result<Json<FactChanges>, ApiError> {
    let limit = page::limit(query.limit)?;
    let method = method_of(&method)?;
    let before = query.after.unwrap_or(UnixMillis::MAX);
    let mut rows = api.store.fact_changes(&host, &method, before, limit + 1).await?;
    if rows.is_empty() && query.after.is_none() {
        return Err(nothing_known(&api, host, &method, None).await);
    }
    let next = page::next(&mut rows, limit, |row| row.since);
    Ok(Json(FactChanges { changes: rows.iter().map(state).collect(), next }))
}

/// Lists the changes of all facts of a host, newest first.
#[utoipa::path(
    get,
    path = path::HOST_CHANGES,
    params(path::HostPath, HostChangesQuery),
    responses((status = 200, description = "A page", body = HostChanges), OfOneHost)
)]
pub(super) async fn changes_of_host(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
    Parameters(query): Parameters<HostChangesQuery>,
) -> Result<Json<HostChanges>, ApiError> {
    let limit = page::limit(query.limit)?;
    let after = query.after.as_deref().map(place).transpose()?;
    let mut rows = api.store.host_changes(&host, after, limit + 1).await?;
    if rows.is_empty() && api.store.host(&host).await?.is_none() {
        return Err(ApiError::UnknownHost(host));
    }
    let next = page::next(&mut rows, limit, |row| format!("{}.{}", row.since, row.method));
    Ok(Json(HostChanges { changes: rows.iter().map(state).collect(), next }))
}

/// Reads where a page of changes begins.
fn place(text: &str) -> Result<(UnixMillis, String), ApiError> {
    let place = text
        .split_once('.')
        .and_then(|(since, method)| Some((since.parse::<UnixMillis>().ok()?, method.to_owned())));
    place.ok_or_else(|| {
        ApiError::InvalidRequest(format!("{text:?} is no \"next\" of a page of changes"))
    })
}

/// Shows how the host's own provider describes its answer.
#[utoipa::path(
    get,
    path = path::HOST_FACT_SCHEMA,
    params(path::FactPath),
    responses((status = 200, description = "The schema", body = FactSchema), OfOneFact)
)]
pub(super) async fn schema(
    _: Principal,
    State(api): State<Api>,
    Segments((host, method)): Segments<(String, String)>,
) -> Result<Response, ApiError> {
    #[derive(Deserialize)]
    struct Answer {
        schema: Option<Box<RawValue>>,
    }
    let method = method_of(&method)?;
    let kept = api.store.fact(&host, &schema_call(&method), None).await?;
    let Some((row, text)) = kept else {
        return Err(nothing_known(&api, host, &method, None).await);
    };
    let answer = text.map(|text| serde_json::from_str::<Answer>(&text.text)).transpose();
    let answer = answer.map_err(|error| {
        log::error!("{host}: the stored schema of {method} cannot be read: {error}");
        ApiError::Internal
    })?;
    let schema = answer.and_then(|answer| answer.schema);
    let schema = FactSchema { method, since: times::text(row.since), schema };
    api.respond(serde_json::to_string(&schema).expect("JSON goes to memory")).await
}

/// Reads a request for a refresh.
pub(super) fn read_refresh(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let action = Some(Action::FactsRead);
    Ok(Subject { action, ..Subject::named(given, "facts.refresh") })
}

/// Asks a host for its facts now, and stores them.
#[utoipa::path(
    post,
    path = path::HOST_FACTS_REFRESH,
    params(path::HostPath),
    responses((status = 200, description = "What the host answered", body = FactRefresh), Refreshing)
)]
pub(super) async fn refresh(
    _: Principal,
    State(api): State<Api>,
    Segments(host): Segments<String>,
) -> Result<Json<FactRefresh>, ApiError> {
    let refreshed = match api.collector.refresh(&host).await {
        Ok(refreshed) => refreshed,
        Err(NotRefreshed::NotConnected) => {
            return Err(super::requests::absent(&api, host).await);
        }
        Err(NotRefreshed::NoReply(why)) => return Err(ApiError::NoReply { host, why }),
        Err(NotRefreshed::Unreadable(why)) => {
            return Err(ApiError::NoReply { host, why: crate::agents::NoReply::Invalid(why) });
        }
        Err(NotRefreshed::Store(error)) => return Err(error.into()),
        Err(NotRefreshed::Busy) => return Err(ApiError::Busy),
    };
    let failed = refreshed.failed.into_iter();
    let failed = failed.map(|(method, problem)| FactFailure { method, problem }).collect();
    let (changed, absent) = (refreshed.changed, refreshed.absent);
    Ok(Json(FactRefresh { host, changed, absent, failed }))
}

/// Returns a fact as the API shows it.
fn state(row: &FactRow) -> FactState {
    let failure = row.failure.as_ref();
    FactState {
        method: row.method.clone(),
        present: row.document.is_some(),
        since: times::text(row.since),
        until: row.until.map(times::text),
        digest: row.document.map(|document| document.digest.to_string()),
        bytes: row.document.map(|document| document.size as u64),
        failed_since: failure.map(|failure| times::text(failure.since)),
        problem: failure.map(|failure| failure.message.clone()),
    }
}

/// Returns a method's whole name.
fn method_of(text: &str) -> Result<String, ApiError> {
    method_name(text).ok_or_else(|| {
        ApiError::InvalidRequest(format!("{text:?} is no provider; use a name as in getinfo.os"))
    })
}

/// Reads a time.
fn time(text: &str) -> Result<UnixMillis, ApiError> {
    let time = humantime::parse_rfc3339_weak(text).map_err(|_| {
        ApiError::InvalidRequest(format!("{text:?} is no time; use 2026-01-31T09:30:00Z"))
    })?;
    Ok(milliseconds(time))
}
