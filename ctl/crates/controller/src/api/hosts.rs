//! The hosts: what the database knows of them, together with the channels that are open now.

use super::clones::clones_elsewhere;
use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::host_body::shown;
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::selected::{Filter, Wanted};
use super::service::Api;
use crate::agents;
use crate::audit;
use crate::auth::Principal;
use crate::store::{LabelChange as Change, StoreError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{
    Host, HostList, HostsQuery, LabelChange, Reason, SettleChoice, Settlement, path,
};
use fleet::identity::Choice;
use fleet::{Action, LabelKey, LabelValue};

problems! {
    /// The problems of one host.
    OneHost: UnknownHost
}

problems! {
    /// The problems of a change of a host.
    Changing: UnknownHost, Conflict, TooLarge
}

/// The most bytes of an operator's reason.
const MAX_REASON: usize = 500;

/// Lists hosts.
#[utoipa::path(
    get,
    path = path::HOSTS,
    params(HostsQuery),
    responses((
        status = 200,
        description = "A page, ordered by id. It may be short, or empty, and yet have a next one",
        body = HostList
    ))
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<HostsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    let filter = Filter {
        selector: query.selector.as_deref(),
        q: query.q.as_deref(),
        state: query.state,
        connected: query.connected,
    };
    let wanted = Wanted::new(&principal.reach(Action::HostsRead), &filter)?;
    let (rows, next) = wanted.page(&api, query.after.unwrap_or_default(), limit).await?;
    let hosts = rows.iter().map(|row| shown(&api.registry, row)).collect();
    let list = HostList { hosts, next };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// Shows a host.
#[utoipa::path(
    get,
    path = path::HOST,
    params(path::HostPath),
    responses((status = 200, description = "The host", body = Host), OneHost)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<Host>, ApiError> {
    let row = api.store.host(&id).await?.ok_or(ApiError::UnknownHost(id))?;
    let mut host = shown(&api.registry, &row);
    host.clones.extend(clones_elsewhere(&api, &host.id).await);
    Ok(Json(host))
}

/// Reads a request to remove a host.
pub(super) fn read_remove(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::HostsRemove))
}

/// Removes a host, which may join again. Its channel is closed; its results stay.
#[utoipa::path(
    delete,
    path = path::HOST,
    params(path::HostPath),
    responses((status = 204, description = "Removed"), OneHost)
)]
pub(super) async fn remove(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, ApiError> {
    api.store.remove(&id, audit::now()).await.map_err(of_host(&id))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads a change of a host's labels.
pub(super) fn read_labels(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let change: LabelChange = given.body()?;
    given.carried.insert(checked_labels(&change)?);
    Ok(Subject::new(given, Action::HostsLabel)
        .with("set", &change.set)
        .with("remove", &change.remove))
}

/// Reads labels.
///
/// # Errors
/// When one cannot be a label.
pub(super) fn checked_labels(change: &LabelChange) -> Result<Change, ApiError> {
    let invalid = |error: fleet::LabelError| ApiError::InvalidRequest(error.to_string());
    let mut checked = Change::default();
    for (key, value) in &change.set {
        let (key, value) = (LabelKey::new(key), LabelValue::new(value));
        checked.set.insert(key.map_err(invalid)?, value.map_err(invalid)?);
    }
    for key in &change.remove {
        checked.remove.push(LabelKey::new(key).map_err(invalid)?);
    }
    Ok(checked)
}

/// Sets and removes labels of a host.
#[utoipa::path(
    put,
    path = path::HOST_LABELS,
    params(path::HostPath),
    request_body = LabelChange,
    responses((status = 200, description = "The host", body = Host), Changing)
)]
pub(super) async fn label(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(change): Carried<Change>,
) -> Result<Json<Host>, ApiError> {
    let row = api.store.set_labels(&id, change).await.map_err(of_host(&id))?;
    Ok(Json(shown(&api.registry, &row)))
}

/// Reads an approval.
pub(super) fn read_approve(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::HostsApprove))
}

/// Approves a host that waits for it.
#[utoipa::path(
    post,
    path = path::HOST_APPROVE,
    params(path::HostPath),
    responses((status = 200, description = "The host", body = Host), Changing)
)]
pub(super) async fn approve(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<Host>, ApiError> {
    let row = api.store.approve(&id, audit::now()).await.map_err(of_host(&id))?;
    Ok(Json(shown(&api.registry, &row)))
}

/// Reads a request to quarantine a host.
pub(super) fn read_quarantine(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    read_reason(given, Action::HostsQuarantine)
}

/// Quarantines a host: it stays connected and visible, and gets no request.
#[utoipa::path(
    post,
    path = path::HOST_QUARANTINE,
    params(path::HostPath),
    request_body = Option<Reason>,
    responses((status = 200, description = "The host", body = Host), Changing)
)]
pub(super) async fn quarantine(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(reason): Carried<Reason>,
) -> Result<Json<Host>, ApiError> {
    let reason = reason.reason.unwrap_or_else(|| format!("by {}", principal.name()));
    let row = api.store.quarantine(&id, &reason, audit::now()).await.map_err(of_host(&id))?;
    Ok(Json(shown(&api.registry, &row)))
}

/// Reads the end of a quarantine.
pub(super) fn read_settle(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let settlement: Settlement = given.body()?;
    Ok(Subject::new(given, Action::HostsQuarantine).with("choice", settlement.choice))
}

/// Ends a host's quarantine.
#[utoipa::path(
    post,
    path = path::HOST_SETTLE,
    params(path::HostPath),
    request_body = Settlement,
    responses((status = 200, description = "The host", body = Host), Changing)
)]
pub(super) async fn settle(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Carried(settlement): Carried<Settlement>,
) -> Result<Json<Host>, ApiError> {
    let choice = match settlement.choice {
        SettleChoice::Keep => Choice::Keep,
        SettleChoice::Restored => Choice::Restored,
        SettleChoice::EnrollAgain => Choice::EnrollAgain,
    };
    let settled = api.store.settle(&id, choice, audit::now()).await;
    let (row, settled) = settled.map_err(of_host(&id))?;
    agents::settled(&api.registry, &row.identity, settled).await;
    Ok(Json(shown(&api.registry, &row)))
}

/// Reads a request to ban a host.
pub(super) fn read_ban(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    read_reason(given, Action::HostsBan)
}

/// Bans a host: its channel is closed, and its keys are refused for ever.
#[utoipa::path(
    post,
    path = path::HOST_BAN,
    params(path::HostPath),
    request_body = Option<Reason>,
    responses((status = 200, description = "The host", body = Host), Changing)
)]
pub(super) async fn ban(
    _: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
) -> Result<Json<Host>, ApiError> {
    let row = api.store.ban(&id, audit::now()).await.map_err(of_host(&id))?;
    Ok(Json(shown(&api.registry, &row)))
}

fn read_reason(given: &mut Given<'_>, action: Action) -> Result<Subject, ApiError> {
    let reason: Reason = given.optional_body()?;
    let text = reason.reason.as_deref().unwrap_or_default();
    if text.len() > MAX_REASON || text.contains(char::is_control) {
        let why = format!("a reason is one line of at most {MAX_REASON} bytes");
        return Err(ApiError::InvalidRequest(why));
    }
    Ok(Subject::new(given, action).with("reason", &reason.reason))
}

/// For `map_err`: a host that does not exist is a problem of its own kind.
fn of_host(id: &str) -> impl FnOnce(StoreError) -> ApiError {
    let id = id.to_owned();
    move |error| match error {
        StoreError::NotFound(_) => ApiError::UnknownHost(id),
        other => other.into(),
    }
}
