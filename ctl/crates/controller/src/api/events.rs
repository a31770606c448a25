//! The audit log, for operators with `audit.read`.

use super::document::problems::problems;
use super::extract::Parameters;
use super::page;
use super::problem::ApiError;
use super::service::Api;
use super::times;
use crate::auth::Principal;
use crate::store::{EventQuery, EventRow};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    Event, EventList, EventOutcome, EventsQuery, EventsVerified, MAX_WAIT_SECONDS, path,
};
use fleet::audit::Outcome;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

problems! {
    /// The problems of a page of events.
    Listing: StoreUnavailable
}

/// Lists events, oldest first unless asked otherwise, and waits for the next one where there is none
/// yet.
#[utoipa::path(
    get,
    path = path::EVENTS,
    params(EventsQuery),
    responses((status = 200, description = "A page, in the order that was asked for", body = EventList), Listing)
)]
pub(super) async fn list(
    _: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<EventsQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    if query.wait > MAX_WAIT_SECONDS {
        let why = format!("wait must be at most {MAX_WAIT_SECONDS} seconds");
        return Err(ApiError::InvalidRequest(why));
    }
    let after = i64::try_from(query.after)
        .map_err(|_| ApiError::InvalidRequest(format!("after must be at most {}", i64::MAX)))?;
    let (since, until) = page::times(query.since.as_deref(), query.until.as_deref())?;
    let wanted = EventQuery {
        after: (after > 0).then_some(after),
        newest_first: query.newest,
        limit: limit + 1,
        since,
        until,
        actor: query.actor,
        action: query.action,
        host: query.host,
    };
    let deadline = Instant::now() + Duration::from_secs(query.wait);
    let mut newest = api.store.newest_event();
    let mut stop = api.stop.clone();
    let mut rows = loop {
        newest.mark_unchanged();
        let rows = api.store.events(wanted.clone()).await?;
        if !rows.is_empty() || query.wait == 0 {
            break rows;
        }
        tokio::select! {
            changed = timeout_at(deadline, newest.changed()) => match changed {
                Ok(Ok(())) => {}
                // The wait is over, or the store is closed.
                Ok(Err(_)) | Err(_) => break rows,
            },
            () = stop.requested() => return Err(ApiError::Stopping),
        }
    };
    let next = page::next(&mut rows, limit, |row| row.sequence);
    let next = next.and_then(|sequence| u64::try_from(sequence).ok());
    let list = EventList { events: rows.into_iter().map(shown).collect(), next };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

/// Reads the whole audit log and checks that nobody has changed it.
#[utoipa::path(
    get,
    path = path::EVENTS_VERIFY,
    responses((status = 200, description = "What was found", body = EventsVerified), Listing)
)]
pub(super) async fn verify(
    _: Principal,
    State(api): State<Api>,
) -> Result<Json<EventsVerified>, ApiError> {
    let found = api.store.verify_events().await?;
    let first = found.anchor.sequence.saturating_add(1);
    let any = found.head.sequence >= first;
    let number = |number: i64| u64::try_from(number).ok().filter(|_| any);
    Ok(Json(EventsVerified {
        intact: found.fault.is_none(),
        lines: found.lines,
        first: number(first),
        last: number(found.head.sequence),
        digest: any.then(|| found.head.digest.to_string()),
        fault: found.fault,
    }))
}

fn shown(row: EventRow) -> Event {
    let (outcome, outcome_detail, ended) = match row.end {
        None => (EventOutcome::Begun, Map::new(), None),
        Some(end) => (
            match end.outcome {
                Outcome::Succeeded => EventOutcome::Succeeded,
                Outcome::Refused => EventOutcome::Refused,
                Outcome::Failed => EventOutcome::Failed,
                Outcome::Unknown => EventOutcome::Unknown,
            },
            object(end.detail.as_deref()),
            Some(times::text(end.at)),
        ),
    };
    Event {
        sequence: u64::try_from(row.sequence).unwrap_or_default(),
        time: times::text(row.at),
        actor: row.event.actor,
        source: row.event.source.and_then(|source| source.parse().ok()),
        action: row.event.action,
        hosts: row.event.hosts,
        detail: object(row.event.detail.as_deref()),
        outcome,
        outcome_detail,
        ended,
        digest: row.digest.to_string(),
    }
}

fn object(text: Option<&str>) -> Map<String, Value> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
