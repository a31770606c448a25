//! The audit log, newest first: who did what, from where, on which hosts, and how it ended.

use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, Page, Section, host_page, html};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::Router;
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::get;
use controller_api::{Event, EventList, EventOutcome, EventsQuery, EventsVerified, path};
use fleet::Action;
use serde_json::{Map, Value};

/// Events on one page.
const PAGE: usize = 50;

/// Hosts that a line names; the others are counted.
const NAMED: usize = 3;

/// Hosts that the details of an event name.
const LISTED: usize = 50;

/// The most characters of a value in the details.
const MAX_VALUE: usize = 1000;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Controller",
            name: "Audit",
            icon: "audit",
            path: "/audit",
            also: &[],
            needs: Some(Action::AuditRead),
        }),
        routes: Router::new().route("/audit", get(list)).route("/audit/verify", get(verify)),
        notices: &[],
    }
}

async fn list(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let filter = Filter::of(&Form::of_query(query.as_deref()));
    let (events, next, problem) =
        match session.api.query::<EventList>(path::EVENTS, &filter.query()).await {
            Ok(list) => (list.events, list.next, None),
            Err(failure) if failure.status.as_u16() == 400 => {
                (Vec::new(), None, Some(failure.sentence()))
            }
            Err(failure) => return Err(failure),
        };
    html(&Audit {
        frame: session.frame("Audit log"),
        first: (filter.after > 0).then(|| filter.address(0)),
        next: next.map(|after| filter.address(after)),
        filtered: filter.is_any(),
        actions: Action::ALL.map(Action::name).to_vec(),
        events: events.into_iter().map(Line::of).collect(),
        filter,
        problem,
    })
}

async fn verify(session: Session) -> Result<Response, Failure> {
    let found: EventsVerified = session.api.get(path::EVENTS_VERIFY).await?;
    html(&Verified {
        frame: session.frame("Verify the audit log"),
        intact: found.intact,
        lines: units::count(found.lines),
        first: found.first.map(units::count),
        last: found.last.map(units::count),
        digest: found.digest,
        fault: found.fault,
    })
}

/// Which events are shown, as the page's address says it.
#[derive(Debug, Default)]
struct Filter {
    actor: String,
    action: String,
    host: String,
    /// Times as the browser's field gives them: UTC, without a zone.
    since: String,
    until: String,
    after: u64,
}

impl Filter {
    fn of(form: &Form) -> Self {
        let text = |name| form.some(name).unwrap_or_default().to_owned();
        Self {
            actor: text("actor"),
            action: text("action"),
            host: text("host"),
            since: text("since"),
            until: text("until"),
            after: form.get("after").parse().unwrap_or_default(),
        }
    }

    fn is_any(&self) -> bool {
        [&self.actor, &self.action, &self.host, &self.since, &self.until]
            .into_iter()
            .any(|text| !text.is_empty())
    }

    fn query(&self) -> EventsQuery {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        EventsQuery {
            after: self.after,
            newest: true,
            limit: Some(PAGE),
            actor: some(&self.actor),
            action: some(&self.action),
            host: some(&self.host),
            since: some(&self.since).map(|text| field_time(&text)),
            until: some(&self.until).map(|text| field_time(&text)),
            wait: 0,
        }
    }

    /// Returns the address of the page that begins below an event; 0 for the first.
    fn address(&self, after: u64) -> String {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for (name, value) in [
            ("actor", &self.actor),
            ("action", &self.action),
            ("host", &self.host),
            ("since", &self.since),
            ("until", &self.until),
        ] {
            if !value.is_empty() {
                fields.push((name, value));
            }
        }
        let after = after.to_string();
        if after != "0" {
            fields.push(("after", &after));
        }
        let query = serde_urlencoded::to_string(&fields).unwrap_or_default();
        if query.is_empty() { "/audit".to_owned() } else { format!("/audit?{query}") }
    }
}

#[derive(Template)]
#[template(path = "audit/audit.html")]
struct Audit {
    frame: Frame,
    filter: Filter,
    filtered: bool,
    actions: Vec<&'static str>,
    events: Vec<Line>,
    problem: Option<String>,
    first: Option<String>,
    next: Option<String>,
}

/// An event in the list.
struct Line {
    sequence: String,
    time: Option<Moment>,
    actor: String,
    action: String,
    source: String,
    hosts: Vec<Named>,
    /// How many hosts are not named.
    more: usize,
    kind: &'static str,
    outcome: &'static str,
    message: Option<String>,
    details: Vec<(String, String)>,
}

struct Named {
    id: String,
    address: String,
}

impl Line {
    fn of(event: Event) -> Self {
        let (kind, outcome) = match event.outcome {
            EventOutcome::Begun => ("running", "in progress"),
            EventOutcome::Succeeded => ("done", "succeeded"),
            EventOutcome::Refused => ("bad", "refused"),
            EventOutcome::Failed => ("bad", "failed"),
            EventOutcome::Unknown => ("idle", "unknown"),
        };
        let mut details = vec![("began".to_owned(), event.time.clone())];
        details.extend(event.ended.map(|ended| ("ended".to_owned(), ended)));
        let message = event.outcome_detail.get("message").and_then(Value::as_str).map(shortened);
        details.extend(members(&event.detail));
        details.extend(members(&event.outcome_detail));
        if event.hosts.len() > NAMED {
            let mut named = event.hosts[..event.hosts.len().min(LISTED)].join(", ");
            if event.hosts.len() > LISTED {
                named.push_str(&format!(" and {} more", event.hosts.len() - LISTED));
            }
            details.push(("hosts".to_owned(), named));
        }
        details.push(("digest".to_owned(), event.digest));
        let named = event.hosts.iter().take(NAMED);
        Self {
            sequence: units::count(event.sequence),
            time: Moment::of(&event.time),
            actor: event.actor,
            action: event.action,
            source: event.source.map(|source| source.to_string()).unwrap_or_default(),
            more: event.hosts.len().saturating_sub(NAMED),
            hosts: named.map(|id| Named { id: id.clone(), address: host_page(id) }).collect(),
            kind,
            outcome,
            message,
            details,
        }
    }
}

/// Returns the time of a browser's field, which has no zone and may have no seconds, as UTC.
fn field_time(text: &str) -> String {
    match text.len() {
        16 => format!("{text}:00Z"),
        _ if text.ends_with('Z') => text.to_owned(),
        _ => format!("{text}Z"),
    }
}

/// Writes the members of an object that say something.
fn members(object: &Map<String, Value>) -> impl Iterator<Item = (String, String)> {
    let written = object.iter().map(|(name, value)| (name.clone(), units::words(value)));
    written.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, shortened(&text)))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{} … ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "audit/verify.html")]
struct Verified {
    frame: Frame,
    intact: bool,
    lines: String,
    first: Option<String>,
    last: Option<String>,
    digest: Option<String>,
    fault: Option<String>,
}
