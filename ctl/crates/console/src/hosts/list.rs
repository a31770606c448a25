//! The list of hosts: a search, a selector, and a page of what they find.

use super::columns;
use super::filter::{Filter, Status};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, host_page, html, html_with};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{Departure, Fleet, Host, HostCount, HostList, LabelSource, path};
use fleet::Action;

/// Hosts of a page.
const PAGE: usize = 50;

/// Labels that a row shows.
const LABELS: usize = 3;

#[derive(Template)]
#[template(path = "hosts/list.html")]
struct List {
    frame: Frame,
    filter: Filter,
    /// The columns, as the field has them.
    columns_text: String,
    statuses: Vec<(&'static str, &'static str, bool)>,
    /// How many hosts there are in all.
    all: String,
    /// How many match, if the filter leaves any out.
    matching: String,
    /// The same for a button.
    is_matching_one: bool,
    columns: Vec<Head>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    /// What is wrong with the selector or the text.
    problem: Option<String>,
    fleet_is_empty: bool,
    may_label: bool,
    may_run: bool,
    may_remove: bool,
    may_join: bool,
}

struct Head {
    name: String,
    problem: Option<String>,
}

struct Row {
    id: String,
    path: String,
    kind: &'static str,
    word: &'static str,
    /// Why the host is in this state.
    reason: String,
    /// Why it is away.
    away: &'static str,
    seen: Option<Moment>,
    cells: Vec<String>,
    labels: Vec<String>,
    more_labels: usize,
}

impl List {
    fn may_change(&self) -> bool {
        self.may_label || self.may_run || self.may_remove
    }
}

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    let filter = Filter::of(&form);
    let after = form.some("after");
    let fleet: Fleet = session.api.get(path::FLEET).await?;
    let list: Result<HostList, Failure> =
        session.api.query(path::HOSTS, &filter.page(PAGE, after)).await;
    let (list, problem) = match list {
        Ok(list) => (list, None),
        Err(failure) if failure.status == StatusCode::BAD_REQUEST => {
            (HostList { hosts: Vec::new(), next: None }, Some(failure.sentence()))
        }
        Err(failure) => return Err(failure),
    };
    let matching = if !filter.is_any() || problem.is_some() {
        HostCount { hosts: fleet.hosts.all, more: fleet.hosts.more }
    } else if after.is_none() && list.next.is_none() {
        // The page has all of them.
        HostCount { hosts: list.hosts.len() as u64, more: false }
    } else {
        session.api.query(path::FLEET_COUNT, &filter.count()).await?
    };
    let columns_text =
        if filter.columns.is_empty() { columns::DEFAULT } else { filter.columns.as_str() };
    let columns = columns::read(&session, columns_text, &list.hosts).await;
    let row = |host: &Host| Row {
        cells: columns.iter().map(|column| column.value(host)).collect(),
        ..row(host, columns_text)
    };
    let page = List {
        frame: session.frame("Hosts"),
        columns_text: columns_text.to_owned(),
        statuses: statuses(&filter),
        all: at_least(fleet.hosts.all, fleet.hosts.more),
        matching: at_least(matching.hosts, matching.more),
        is_matching_one: matching.hosts == 1 && !matching.more,
        rows: list.hosts.iter().map(row).collect(),
        columns: columns
            .into_iter()
            .map(|column| Head { name: column.name, problem: column.problem })
            .collect(),
        first: after.map(|_| filter.list("")),
        next: list.next.as_deref().map(|next| filter.list(next)),
        fleet_is_empty: fleet.hosts.all == 0,
        may_label: session.may(Action::HostsLabel),
        may_run: session.may(Action::CommandsRun),
        may_remove: session.may(Action::HostsRemove),
        may_join: session.may(Action::TokensManage),
        problem,
        filter,
    };
    match page.problem {
        Some(_) => html_with(StatusCode::BAD_REQUEST, &page),
        None => html(&page),
    }
}

/// Returns a number that may be too low.
pub(super) fn at_least(number: u64, more: bool) -> String {
    format!("{}{}", units::count(number), if more { "+" } else { "" })
}

fn statuses(filter: &Filter) -> Vec<(&'static str, &'static str, bool)> {
    let known = Status::ALL.into_iter();
    known.map(|one| (one.name(), one.word(), filter.status == Some(one))).collect()
}

/// Returns a host's row without the chosen columns, whose labels are not shown again.
fn row(host: &Host, columns: &str) -> Row {
    let status = Status::of(host.state, host.connected);
    let given: Vec<String> = host
        .labels
        .iter()
        .filter(|(key, label)| {
            label.source != LabelSource::Fact && !columns.split(',').any(|name| name.trim() == *key)
        })
        .map(|(key, label)| match label.value.as_str() {
            "" => key.clone(),
            value => format!("{key}={value}"),
        })
        .collect();
    let seen = if host.connected { &host.connected_at } else { &host.last_seen };
    Row {
        path: host_page(&host.id),
        id: host.id.clone(),
        kind: status.kind(),
        word: status.word(),
        reason: host.state_reason.clone().unwrap_or_default(),
        away: host.departure.map_or("", Departure::words),
        seen: seen.as_deref().and_then(Moment::of),
        cells: Vec::new(),
        more_labels: given.len().saturating_sub(LABELS),
        labels: given.into_iter().take(LABELS).collect(),
    }
}
