//! A change of many hosts: one request, judged for each host, and one event.

use super::document::problems::problems;
use super::extract::Carried;
use super::hosts::checked_labels;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::selected::{self, Filter, Wanted};
use super::service::{Api, Told};
use crate::audit;
use crate::auth::Principal;
use crate::store::{HostRow, LabelChange, Store, StoreError, plain_labels};
use axum::extract::State;
use axum::response::Response;
use controller_api::{HostsChange, HostsChanged, MAX_CHANGED_HOSTS, NotChanged, path};
use fleet::Action;
use fleet::role::{self, Reach};
use serde_json::Map;
use std::sync::Arc;
use tokio::task::JoinSet;

problems! {
    /// The problems of a change of many hosts.
    Changing: Conflict, TooLarge
}

/// Hosts that are changed at once: the store commits their changes together.
const AT_ONCE: usize = 256;

/// Hosts that an answer names, and failures that it tells.
const MAX_NAMED: usize = 20;

/// Hosts that an event names.
const MAX_LISTED: usize = 20;

/// A change, read.
#[derive(Clone)]
pub(super) struct Asked {
    change: HostsChange,
    what: What,
}

#[derive(Clone)]
enum What {
    Label(LabelChange),
    Remove,
}

impl What {
    const fn action(&self) -> Action {
        match self {
            Self::Label(_) => Action::HostsLabel,
            Self::Remove => Action::HostsRemove,
        }
    }
}

/// Reads a change of many hosts.
pub(super) fn read(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let change: HostsChange = given.body()?;
    let invalid = |why: &str| Err(ApiError::InvalidRequest(why.to_owned()));
    let what = match (&change.labels, change.remove) {
        (Some(labels), false) => What::Label(checked_labels(labels)?),
        (None, true) => What::Remove,
        _ => return invalid("a change has labels, or remove, and not both"),
    };
    let by_filter = change.selector.is_some();
    match &change.hosts {
        Some(hosts) if hosts.len() > MAX_CHANGED_HOSTS => {
            let why = format!("one change concerns at most {MAX_CHANGED_HOSTS} hosts");
            return Err(ApiError::InvalidRequest(why));
        }
        Some(_) if by_filter => return invalid("a change has hosts, or a selector, and not both"),
        Some(_) if change.q.is_some() || change.state.is_some() || change.connected.is_some() => {
            return invalid("q, state and connected go with a selector; it may be empty");
        }
        None if !by_filter => {
            return invalid("a change has hosts, or a selector, which may be empty");
        }
        Some(_) | None => {}
    }
    let mut subject = Subject::new(given, what.action());
    subject.only_reads = change.preview;
    subject = match (&change.hosts, &change.selector) {
        (Some(hosts), _) => {
            let first: Vec<&String> = hosts.iter().take(MAX_LISTED).collect();
            subject.with("count", hosts.len()).with("first", first)
        }
        (None, selector) => subject.with("selector", selector).with("expect", change.expect),
    };
    for (name, value) in [("q", change.q.clone()), ("state", change.state.map(|s| s.name().into()))]
    {
        if let Some(value) = value {
            subject = subject.with(name, value);
        }
    }
    if let Some(connected) = change.connected {
        subject = subject.with("connected", connected);
    }
    if let Some(labels) = &change.labels {
        subject = subject.with("set", &labels.set).with("remove", &labels.remove);
    }
    given.carried.insert(Asked { change, what });
    Ok(subject)
}

/// Sets and removes labels of many hosts, or removes the hosts.
///
/// Hosts on which the caller's roles do not allow it stay as they are and are counted. A change that
/// concerns more than 10,000 hosts is refused, and so is one that concerns another number of hosts
/// than `expect` says.
#[utoipa::path(
    post,
    path = path::FLEET_CHANGE,
    request_body = HostsChange,
    responses(
        (status = 200, description = "What it came to, or would", body = HostsChanged),
        Changing
    )
)]
pub(super) async fn change(
    principal: Principal,
    State(api): State<Api>,
    Carried(asked): Carried<Asked>,
) -> Result<Response, ApiError> {
    let Asked { change, what } = asked;
    let (hosts, not_allowed) = concerned(&api, &principal, &change, what.action()).await?;
    let mut changed = HostsChanged {
        hosts: hosts.len() as u64,
        not_allowed,
        first: hosts.iter().take(MAX_NAMED).cloned().collect(),
        ..HostsChanged::default()
    };
    if !change.preview {
        if let Some(expected) = change.expect.filter(|expected| *expected != changed.hosts) {
            return Err(ApiError::Conflict(format!(
                "the change concerns {} hosts by now, not {expected}: look at it again",
                changed.hosts
            )));
        }
        apply(&api.store, &hosts, &what, &mut changed).await;
    }
    let mut told = Map::new();
    told.insert("changed".to_owned(), changed.changed.into());
    told.insert("not_allowed".to_owned(), changed.not_allowed.into());
    let mut response =
        api.respond(serde_json::to_string(&changed).expect("texts go to memory")).await?;
    response.extensions_mut().insert(Told(told));
    Ok(response)
}

/// Returns the hosts that a change concerns, and how many more match that the caller may see.
async fn concerned(
    api: &Api,
    principal: &Principal,
    change: &HostsChange,
    action: Action,
) -> Result<(Vec<String>, u64), ApiError> {
    let seen = principal.reach(Action::HostsRead);
    let ids = match &change.hosts {
        Some(hosts) => {
            let mut ids = hosts.clone();
            ids.sort_unstable();
            ids.dedup();
            ids
        }
        None => {
            let filter = Filter {
                selector: change.selector.as_deref(),
                q: change.q.as_deref(),
                state: change.state,
                connected: change.connected,
            };
            let found = Wanted::new(&seen, &filter)?.ids(api, MAX_CHANGED_HOSTS).await?;
            if found.more {
                return Err(ApiError::Conflict(format!(
                    "more than {MAX_CHANGED_HOSTS} hosts match; narrow the selector"
                )));
            }
            found.ids
        }
    };
    let all = principal.may_everywhere(action, None);
    if all && change.hosts.is_none() {
        return Ok((ids, 0));
    }
    let (mut hosts, mut not_allowed) = (Vec::new(), 0);
    for row in selected::named(api, &ids).await? {
        let allowed = all || may(principal, action, &row);
        match allowed {
            true => hosts.push(row.identity.id),
            false if sees(&seen, &row) => not_allowed += 1,
            false => {}
        }
    }
    Ok((hosts, not_allowed))
}

fn may(principal: &Principal, action: Action, row: &HostRow) -> bool {
    principal.may_on(action, &row.identity.id, &plain_labels(row), None).is_ok()
}

fn sees(reach: &Reach<'_>, row: &HostRow) -> bool {
    reach.covers(role::Host { id: &row.identity.id, labels: &plain_labels(row) })
}

/// Changes the hosts, some at once.
async fn apply(store: &Arc<dyn Store>, hosts: &[String], what: &What, changed: &mut HostsChanged) {
    for some in hosts.chunks(AT_ONCE) {
        let mut running = JoinSet::new();
        for host in some {
            let (store, host, what) = (Arc::clone(store), host.clone(), what.clone());
            running.spawn(async move {
                let done = one(&*store, &host, what).await;
                (host, done)
            });
        }
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok((_, Ok(()))) => changed.changed += 1,
                Ok((host, Err(error))) if changed.failed.len() < MAX_NAMED => {
                    changed.failed.push(NotChanged { host, why: error.to_string() });
                }
                Ok((_, Err(_))) => {}
                Err(error) => log::error!("a change of a host failed: {error}"),
            }
        }
    }
    changed.failed.sort_by(|a, b| a.host.cmp(&b.host));
}

async fn one(store: &dyn Store, host: &str, what: What) -> Result<(), StoreError> {
    match what {
        What::Label(labels) => store.set_labels(host, labels).await.map(|_| ()),
        What::Remove => store.remove(host, audit::now()).await,
    }
}
