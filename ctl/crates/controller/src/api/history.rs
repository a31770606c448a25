//! The history: what ran where, in pages and as an export.

use super::document::problems::problems;
use super::extract::{Parameters, Proof};
use super::page;
use super::problem::ApiError;
use super::pulled::{self, Source};
use super::service::Api;
use super::streams::Place;
use super::{reach, run_body, times};
use crate::auth::Principal;
use crate::store::{HistoryQuery as Wanted, HistoryRow, MAX_PAGE_BYTES};
use agent_wire::message::line;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use controller_api::{
    ExportEnd, ExportLine, ExportQuery, ExportedLine, HistoryEntry, HistoryList, HistoryQuery,
    NDJSON, TargetState, path,
};
use fleet::Action;
use fleet::run;
use hyper::body::Bytes;
use serde_json::value::RawValue;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

problems! {
    /// The problem of an export.
    Exporting: TooManyStreams
}

/// Entries that an export reads at once.
const PAGE: usize = 500;

/// Bytes of an export that are sent at once, and one entry more.
const CHUNK: usize = 64 << 10;

/// The longest time for which an export goes on without another look at whether it may.
const RECHECK: Duration = Duration::from_secs(1);

/// Lists what ran where and has ended, the newest change first.
///
/// Hosts whose results the operator's roles do not reach are left out.
#[utoipa::path(
    get,
    path = path::HISTORY,
    params(HistoryQuery),
    responses((
        status = 200,
        description = "A page. It may be short, or empty, and yet have a next one",
        body = HistoryList
    ))
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<HistoryQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    let (since, until) = page::times(query.since.as_deref(), query.until.as_deref())?;
    let wanted = Wanted {
        run: query.run,
        host: query.host,
        operator: query.operator,
        since,
        until,
        state: query.state.map(end_state).transpose()?,
        before: query.after.map(page::change).transpose()?,
        limit,
    };
    let page = api.store.history(wanted).await?;
    let rows = visible(&api, &principal, page.entries).await?;
    let list = HistoryList {
        entries: rows.into_iter().map(entry).collect(),
        next: page.next.map(run_body::number),
    };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}

async fn visible(
    api: &Api,
    principal: &Principal,
    rows: Vec<HistoryRow>,
) -> Result<Vec<HistoryRow>, ApiError> {
    reach::visible(api, principal, Action::ResultsRead, rows, |row| &row.target.host).await
}

/// The history holds what has ended.
fn end_state(state: TargetState) -> Result<run::EndState, ApiError> {
    run_body::state_of(state).end().ok_or_else(|| {
        let why = format!("state: the history holds what has ended, not what is {}", state.name());
        ApiError::InvalidRequest(why)
    })
}

fn entry(row: HistoryRow) -> HistoryEntry {
    let HistoryRow { target, operator, method, cmd } = row;
    HistoryEntry {
        change: run_body::number(target.change),
        state: run_body::target_state(target.state),
        run: target.run,
        host: target.host,
        operator,
        method,
        cmd,
        code: target.code,
        why: target.why,
        sent_at: target.sent_at.map(times::text),
        ended_at: target.ended_at.map(times::text),
        digest: target.output,
    }
}

/// Exports the history, the newest change first: one JSON object per line.
///
/// The last line counts the others; an export without it was cut off, and its last line may be a
/// problem that says why. Hosts whose results the operator's roles do not reach are left out.
#[utoipa::path(
    get,
    path = path::HISTORY_EXPORT,
    params(ExportQuery),
    responses(
        (status = 200, description = "The entries, then their number", content(
            (ExportedLine = NDJSON)
        )),
        Exporting
    )
)]
pub(super) async fn export(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<ExportQuery>,
    proof: Proof,
) -> Result<Response, ApiError> {
    let (since, until) = page::times(query.since.as_deref(), query.until.as_deref())?;
    let wanted = Wanted {
        run: query.run,
        host: query.host,
        operator: query.operator,
        since,
        until,
        state: query.state.map(end_state).transpose()?,
        before: None,
        limit: PAGE,
    };
    let place = api.streams.enter(principal.name())?;
    let export = Export {
        api,
        principal,
        proof,
        checked: Instant::now(),
        wanted,
        results: query.results,
        read: VecDeque::new(),
        more: true,
        exported: 0,
        over: false,
        _place: place,
    };
    Ok(Response::builder()
        .header(CONTENT_TYPE, NDJSON)
        .body(pulled::body(export))
        .expect("a status and one fixed header make a response"))
}

/// An export, between two chunks.
struct Export {
    api: Api,
    principal: Principal,
    proof: Proof,
    checked: Instant,
    wanted: Wanted,
    results: bool,
    /// Entries that were read and not sent.
    read: VecDeque<HistoryRow>,
    /// Whether there may be more in the database.
    more: bool,
    exported: u64,
    over: bool,
    _place: Place,
}

impl Source for Export {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let mut lines = Vec::new();
        if let Err(error) = self.fill(&mut lines).await {
            self.over = true;
            line(&error.problem(), &mut lines);
        }
        Some(lines.into())
    }
}

impl Export {
    /// Adds lines up to a chunk's size.
    async fn fill(&mut self, lines: &mut Vec<u8>) -> Result<(), ApiError> {
        let mut stop = self.api.stop.clone();
        tokio::select! {
            filled = self.add(lines) => filled,
            () = stop.requested() => Err(ApiError::Stopping),
        }
    }

    async fn add(&mut self, lines: &mut Vec<u8>) -> Result<(), ApiError> {
        if self.checked.elapsed() > RECHECK {
            let principal = self.proof.again(&self.api).await?;
            principal.may(Action::ResultsRead).map_err(ApiError::Forbidden)?;
            (self.principal, self.checked) = (principal, Instant::now());
        }
        while lines.len() < CHUNK {
            let Some(row) = self.read.pop_front() else {
                if !self.more {
                    self.over = true;
                    line(&ExportEnd { exported: self.exported }, lines);
                    return Ok(());
                }
                self.read().await?;
                continue;
            };
            let result = if self.results { self.result(&row).await? } else { None };
            line(&ExportLine { entry: entry(row), result }, lines);
            self.exported += 1;
        }
        Ok(())
    }

    /// Reads the next entries.
    async fn read(&mut self) -> Result<(), ApiError> {
        let page = self.api.store.history(self.wanted.clone()).await?;
        self.wanted.before = page.next;
        self.more = page.next.is_some();
        self.read = visible(&self.api, &self.principal, page.entries).await?.into();
        Ok(())
    }

    async fn result(&self, row: &HistoryRow) -> Result<Option<Box<RawValue>>, ApiError> {
        let (run, host) = (&row.target.run, &row.target.host);
        // While it is read: the lines themselves are few at a time.
        let _share = self.api.memory.reserve(MAX_PAGE_BYTES).await?;
        let result = self.api.store.target_result(run, host).await?;
        result.map(RawValue::from_string).transpose().map_err(|error| {
            log::error!("the stored result of {host} in run {run} is not JSON: {error}");
            ApiError::Internal
        })
    }
}
