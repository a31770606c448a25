//! The audit log as far as it concerns a host, newest first.

use super::head::{self, Head, Tab};
use crate::api::Failure;
use crate::form::Form;
use crate::markup::Markup;
use crate::page::html;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use controller_api::{Event, EventList, EventOutcome, EventsQuery, path};
use serde_json::Value;

/// Events in one page.
const PAGE: usize = 50;

#[derive(Template)]
#[template(path = "host/events.html")]
struct Events {
    head: Head,
    events: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    frame: crate::page::Frame,
}

struct Row {
    at: Markup,
    actor: String,
    source: String,
    action: String,
    what: String,
    kind: &'static str,
    word: &'static str,
    others: usize,
}

pub(super) async fn show(
    session: Session,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let (head, _) = head::read(&session, &id, Tab::Events).await?;
    let after = query.get("after").parse().unwrap_or_default();
    let asked = EventsQuery {
        after,
        newest: true,
        limit: Some(PAGE),
        host: Some(id),
        ..EventsQuery::default()
    };
    let list: EventList = session.api.query(path::EVENTS, &asked).await?;
    let at = format!("{}/events", head.path);
    html(&Events {
        events: list.events.iter().map(row).collect(),
        first: (after > 0).then(|| at.clone()),
        next: list.next.map(|next| format!("{at}?after={next}")),
        frame: head.frame.clone(),
        head,
    })
}

fn row(event: &Event) -> Row {
    let (kind, word) = match event.outcome {
        EventOutcome::Begun => ("running", "Begun"),
        EventOutcome::Succeeded => ("done", "Done"),
        EventOutcome::Refused => ("stopped", "Refused"),
        EventOutcome::Failed => ("bad", "Failed"),
        EventOutcome::Unknown => ("idle", "Unknown"),
    };
    let mut what = Vec::new();
    for (name, value) in &event.detail {
        if matches!(name.as_str(), "by" | "request" | "host" | "id") {
            continue;
        }
        let value = units::words(value);
        if !value.is_empty() {
            what.push(format!("{name} {value}"));
        }
    }
    if let Some(message) = event.outcome_detail.get("message").and_then(Value::as_str) {
        what.push(message.to_owned());
    }
    Row {
        at: super::time(&event.time),
        actor: event.actor.clone(),
        source: event.source.map(|source| source.to_string()).unwrap_or_default(),
        action: event.action.clone(),
        what: what.join(" · ").chars().take(300).collect(),
        kind,
        word,
        others: event.hosts.len().saturating_sub(1),
    }
}
