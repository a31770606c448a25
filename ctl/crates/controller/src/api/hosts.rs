//! The hosts: what the database knows of them, together with the channels that are open now.

use super::document::problems::problems;
use super::extract::{Carried, Parameters, Segments};
use super::host_body::{connected, shown};
use super::page;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use crate::agents;
use crate::audit;
use crate::auth::Principal;
use crate::store::{
    HostQuery, HostRow, LabelChange as Change, StateName, StoreError, plain_labels,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{
    Host, HostList, HostState, HostsQuery, LabelChange, Reason, SettleChoice, Settlement, path,
};
use fleet::identity::Choice;
use fleet::role::{self, Reach};
use fleet::{Action, LabelKey, LabelValue, Selector};

problems! {
    /// The problems of one host.
    OneHost: UnknownHost
}

problems! {
    /// The problems of a change of a host.
    Changing: UnknownHost, Conflict, TooLarge
}

/// Rows that one request looks at: a selector that matches few hosts gets a short page, and the
/// client goes on from there.
const MAX_SCANNED: usize = 20_000;

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
    let selector = query.selector.as_deref().map(Selector::parse).transpose();
    let selector = selector.map_err(|error| ApiError::InvalidRequest(error.to_string()))?;
    let wanted = Wanted {
        reach: principal.reach(Action::HostsRead),
        selector,
        state: query.state.map(state_name),
        connected: query.connected,
        limit,
    };
    let after = query.after.unwrap_or_default();
    let (rows, next) = if query.connected == Some(true) {
        wanted.connected_page(&api, after).await?
    } else {
        wanted.page(&api, after).await?
    };
    let hosts = rows.iter().map(|row| shown(&api.registry, row)).collect();
    let list = HostList { hosts, next };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// The hosts of a page.
struct Wanted<'a> {
    reach: Reach<'a>,
    selector: Option<Selector>,
    state: Option<StateName>,
    connected: Option<bool>,
    limit: usize,
}

impl Wanted<'_> {
    /// Reads a page from the database; returns the next page's `after` too.
    async fn page(
        &self,
        api: &Api,
        mut after: String,
    ) -> Result<(Vec<HostRow>, Option<String>), ApiError> {
        let mut found: Vec<HostRow> = Vec::new();
        let mut scanned = 0;
        loop {
            let query = HostQuery {
                selector: self.selector.clone(),
                state: self.state,
                after: after.clone(),
                limit: self.limit + 1,
            };
            let rows = api.store.hosts(query).await?;
            scanned += rows.len();
            let last = rows.len() <= self.limit;
            if let Some(row) = rows.last() {
                after.clone_from(&row.identity.id);
            }
            found.extend(rows.into_iter().filter(|row| self.covers(api, row)));
            if found.len() > self.limit {
                let next = page::next(&mut found, self.limit, |row| row.identity.id.clone());
                return Ok((found, next));
            }
            if last || scanned >= MAX_SCANNED {
                return Ok((found, (!last).then_some(after)));
            }
        }
    }

    /// Reads the page of hosts that are connected now.
    async fn connected_page(
        &self,
        api: &Api,
        after: String,
    ) -> Result<(Vec<HostRow>, Option<String>), ApiError> {
        let ids = api.registry.all().into_iter().map(|session| session.host.clone());
        let mut found = Vec::new();
        let mut last = after.clone();
        for (scanned, id) in ids.filter(|id| *id > after).enumerate() {
            if found.len() == self.limit || scanned == MAX_SCANNED {
                return Ok((found, Some(last)));
            }
            if let Some(row) = api.store.host(&id).await?
                && self.matches(&row)
                && self.covers(api, &row)
            {
                found.push(row);
            }
            last = id;
        }
        Ok((found, None))
    }

    fn matches(&self, row: &HostRow) -> bool {
        let state = self.state.is_none_or(|state| state == StateName::of(&row.identity.state));
        let selected = |selector: &Selector| selector.matches(&row.identity.id, &plain_labels(row));
        state && self.selector.as_ref().is_none_or(selected)
    }

    /// Returns whether the caller may see a host, and it is or is not connected as asked.
    fn covers(&self, api: &Api, row: &HostRow) -> bool {
        let id = &row.identity.id;
        self.connected.is_none_or(|wanted| connected(&api.registry, id) == wanted)
            && match &self.reach {
                Reach::Everything => true,
                reach => reach.covers(role::Host { id, labels: &plain_labels(row) }),
            }
    }
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
    Ok(Json(shown(&api.registry, &row)))
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
    let invalid = |error: fleet::LabelError| ApiError::InvalidRequest(error.to_string());
    let mut checked = Change::default();
    for (key, value) in &change.set {
        let (key, value) = (LabelKey::new(key), LabelValue::new(value));
        checked.set.insert(key.map_err(invalid)?, value.map_err(invalid)?);
    }
    for key in &change.remove {
        checked.remove.push(LabelKey::new(key).map_err(invalid)?);
    }
    given.carried.insert(checked);
    Ok(Subject::new(given, Action::HostsLabel)
        .with("set", &change.set)
        .with("remove", &change.remove))
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

const fn state_name(state: HostState) -> StateName {
    match state {
        HostState::Active => StateName::Active,
        HostState::Pending => StateName::Pending,
        HostState::Quarantined => StateName::Quarantined,
        HostState::Banned => StateName::Banned,
    }
}
