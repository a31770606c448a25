//! How a schedule stands on each host, and what was found changed there.

use super::show::Head;
use super::standing::{self, STATES};
use super::{address, with_query};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, host_page, html};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use controller_api::{ScheduleHost, ScheduleHostList, ScheduleHostsQuery, path};

/// Hosts on one page.
const PAGE: usize = 50;

pub(super) async fn show(
    session: Session,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    let state = standing::state(form.get("state"));
    let only = state.map_or("", |_| form.get("state")).to_owned();
    let after = form.some("after").map(str::to_owned);
    let asked = ScheduleHostsQuery { state, limit: Some(PAGE), after: after.clone() };
    let found: ScheduleHostList = session.api.query(&path::schedule_hosts(&name), &asked).await?;
    let own = address(&name) + "/hosts";
    html(&Hosts {
        frame: session.frame(format!("Hosts of {name}")),
        head: Head::read(&session, &name, "hosts").await?,
        first: after.map(|_| with_query(&own, &[("state", &only)])),
        next: found.next.map(|next| with_query(&own, &[("state", &only), ("after", &next)])),
        rows: found.hosts.into_iter().map(Row::of).collect(),
        address: own,
        states: STATES.map(|(name, word)| (name, word, name == only)).to_vec(),
        only,
    })
}

#[derive(Template)]
#[template(path = "schedules/hosts.html")]
struct Hosts {
    frame: Frame,
    head: Head,
    address: String,
    /// Name, word, whether only these are shown.
    states: Vec<(&'static str, &'static str, bool)>,
    /// The state of all that are shown; empty for any.
    only: String,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
}

struct Row {
    host: String,
    address: String,
    kind: &'static str,
    word: &'static str,
    why: String,
    since: Option<Moment>,
    connected: bool,
    seen: Option<Moment>,
    drift: String,
    drifted: Option<Moment>,
}

impl Row {
    fn of(found: ScheduleHost) -> Self {
        let (kind, word) = standing::shown(found.state);
        let moment = |time: Option<String>| time.as_deref().and_then(Moment::of);
        Self {
            address: host_page(&found.host),
            host: found.host,
            kind,
            word,
            why: found.why.unwrap_or_default(),
            since: moment(found.since),
            connected: found.connected,
            seen: moment(found.last_seen),
            drift: found.drift.unwrap_or_default(),
            drifted: moment(found.drift_at),
        }
    }
}
