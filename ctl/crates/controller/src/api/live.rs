//! What changes, as it changes: one stream for a page that stays open, however much is on it.
//!
//! An event tells kinds only, at most once a second; the page then reads what it shows. The store
//! tells what has changed on disk, the registry who has come and gone. Every line of the audit log
//! wakes the stream, and it looks again whether its operator is still allowed: a log-out ends it, and
//! roles that have changed count as a change of everything.

use super::document::problems::problems;
use super::extract::{Parameters, Proof};
use super::problem::ApiError;
use super::pulled::{self, Source};
use super::roles;
use super::service::Api;
use super::streams::Place;
use crate::agents::Notice;
use crate::auth::Principal;
use crate::store::{RunChange, StandingChange};
use axum::extract::State;
use axum::response::Response;
use controller_api::{Grant, LiveChange, LiveKind, LiveQuery, path};
use fleet::Action;
use hyper::body::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

problems! {
    /// The problem of following what changes.
    Following: TooManyStreams
}

/// The least time between two events.
const PAUSE: Duration = Duration::from_secs(1);

/// A silent stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a browser waits until it comes back, in milliseconds.
const RETRY: u32 = 1000;

/// Tells what changes, as it changes.
///
/// The media type is `text/event-stream`. The event `changed` tells the kinds of which something has
/// changed that the operator may read, at most once a second; what it is, a client reads by itself.
/// A stream on which nothing happens has a comment every 15 s. It ends when the operator logs out.
/// A client that was cut off has missed what happened meanwhile: it reads everything once.
#[utoipa::path(
    get,
    path = path::LIVE,
    params(LiveQuery),
    responses(
        (
            status = 200,
            description = "The events; the data of `changed` is a LiveChange",
            content((
                "text/event-stream",
                example = "event: changed\ndata: {\"kinds\":[\"hosts\"]}\n\n"
            ))
        ),
        Following
    )
)]
pub(super) async fn follow(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<LiveQuery>,
    proof: Proof,
) -> Result<Response, ApiError> {
    let wanted = kinds(query.kinds.as_deref())?;
    let place = api.streams.enter(principal.name())?;
    let live = Live {
        sources: Sources::of(&api),
        wanted,
        run: query.run,
        host: query.host,
        changed: BTreeSet::new(),
        rights: roles::grants(principal.grants())?,
        proof,
        api,
        told: None,
        over: false,
        _place: place,
    };
    Ok(pulled::events(live))
}

fn kinds(names: Option<&str>) -> Result<BTreeSet<LiveKind>, ApiError> {
    let Some(names) = names else { return Ok(LiveKind::ALL.into()) };
    let kind = |name: &str| {
        LiveKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let all = LiveKind::ALL.map(LiveKind::name).join(", ");
            ApiError::InvalidRequest(format!("kinds: each must be one of {all}"))
        })
    };
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(kind).collect()
}

/// Returns what an operator must be allowed to hear of a kind.
const fn action(kind: LiveKind) -> Action {
    match kind {
        LiveKind::Hosts => Action::HostsRead,
        LiveKind::Runs => Action::RunsRead,
        LiveKind::Schedules => Action::SchedulesRead,
        LiveKind::Facts => Action::FactsRead,
        LiveKind::Tokens => Action::TokensRead,
        LiveKind::People => Action::OperatorsRead,
        LiveKind::Events => Action::AuditRead,
    }
}

/// Those who tell of changes.
struct Sources {
    notices: broadcast::Receiver<Notice>,
    standings: broadcast::Receiver<Arc<[StandingChange]>>,
    relabeled: broadcast::Receiver<Arc<[String]>>,
    runs: broadcast::Receiver<Arc<[RunChange]>>,
    budgets: watch::Receiver<()>,
    schedules: watch::Receiver<i64>,
    facts: broadcast::Receiver<Arc<[String]>>,
    events: watch::Receiver<i64>,
}

impl Sources {
    fn of(api: &Api) -> Self {
        Self {
            notices: api.registry.notices(),
            standings: api.store.standings(),
            relabeled: api.store.relabeled(),
            runs: api.store.run_changes(),
            budgets: api.store.budget_changes(),
            schedules: api.store.schedule_generation(),
            facts: api.store.new_facts(),
            events: api.store.newest_event(),
        }
    }

    /// Waits for a change, and returns its kinds; none for one of another host or run.
    async fn next(
        &mut self,
        run: Option<&str>,
        host: Option<&str>,
    ) -> Result<&'static [LiveKind], ApiError> {
        use LiveKind as Kind;
        let is_host = |id: &str| host.is_none_or(|host| host == id);
        let is_run = |id: &str| run.is_none_or(|run| run == id);
        let is_any = |ids: Arc<[String]>| ids.iter().any(|id| is_host(id));
        let (concerns, kinds): (bool, &[Kind]) = tokio::select! {
            told = self.notices.recv() => (heard(told, |told| is_host(&told.host))?, &[Kind::Hosts]),
            told = self.standings.recv() => {
                let is_any = |told: Arc<[StandingChange]>| told.iter().any(|it| is_host(&it.host));
                (heard(told, is_any)?, &[Kind::Hosts])
            }
            told = self.relabeled.recv() => (heard(told, is_any)?, &[Kind::Hosts]),
            told = self.facts.recv() => (heard(told, is_any)?, &[Kind::Facts]),
            told = self.runs.recv() => {
                let is_any = |told: Arc<[RunChange]>| told.iter().any(|it| is_run(&it.run));
                (heard(told, is_any)?, &[Kind::Runs])
            }
            told = self.budgets.changed() => (told.is_ok(), &[Kind::Runs]),
            told = self.schedules.changed() => (told.is_ok(), &[Kind::Schedules]),
            told = self.events.changed() => {
                (told.is_ok(), &[Kind::Events, Kind::Tokens, Kind::People])
            }
        };
        Ok(if concerns { kinds } else { &[] })
    }
}

/// Returns whether what was told concerns the client. What was missed may be anything.
fn heard<T>(told: Result<T, RecvError>, concerns: impl Fn(T) -> bool) -> Result<bool, ApiError> {
    match told {
        Ok(told) => Ok(concerns(told)),
        Err(RecvError::Lagged(_)) => Ok(true),
        Err(RecvError::Closed) => Err(ApiError::Stopping),
    }
}

/// A stream, between two chunks.
struct Live {
    api: Api,
    sources: Sources,
    wanted: BTreeSet<LiveKind>,
    run: Option<String>,
    host: Option<String>,
    /// What the client has to hear.
    changed: BTreeSet<LiveKind>,
    /// What the operator's roles allowed at the last look.
    rights: Vec<Grant>,
    proof: Proof,
    /// When the client was last told something.
    told: Option<Instant>,
    over: bool,
    _place: Place,
}

impl Source for Live {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        if self.told.is_none() {
            self.told = Some(Instant::now());
            // Whoever asks for no kind has heard everything.
            self.over = self.wanted.is_empty();
            return Some(format!("retry: {RETRY}\n\n").into());
        }
        match self.step().await {
            Ok(text) => Some(text.into()),
            Err(error) => {
                self.over = true;
                let problem = serde_json::to_string(&error.problem()).unwrap_or_default();
                Some(format!("event: problem\ndata: {problem}\n\n").into())
            }
        }
    }
}

impl Live {
    /// Waits for something to tell.
    async fn step(&mut self) -> Result<String, ApiError> {
        let mut stop = self.api.stop.clone();
        let heartbeat = Instant::now() + HEARTBEAT;
        let mut woken = false;
        loop {
            let due = self.told.map_or_else(Instant::now, |told| told + PAUSE);
            tokio::select! {
                kinds = self.sources.next(self.run.as_deref(), self.host.as_deref()) => {
                    let kinds = kinds?;
                    woken |= kinds.contains(&LiveKind::Events);
                    self.changed.extend(kinds.iter().filter(|kind| self.wanted.contains(kind)));
                }
                () = sleep_until(due), if woken || !self.changed.is_empty() => {
                    woken = false;
                    self.told = Some(Instant::now());
                    self.check().await?;
                    if let Some(text) = self.text() {
                        return Ok(text);
                    }
                }
                () = sleep_until(heartbeat) => {
                    self.check().await?;
                    return Ok(self.text().unwrap_or_else(|| ": still here\n\n".to_owned()));
                }
                () = stop.requested() => return Err(ApiError::Stopping),
            }
        }
    }

    /// Checks that the operator is still logged in. Other roles than before change everything.
    async fn check(&mut self) -> Result<(), ApiError> {
        let principal = self.proof.again(&self.api).await?;
        let rights = roles::grants(principal.grants())?;
        if rights == self.rights {
            self.changed.retain(|kind| principal.may(action(*kind)).is_ok());
        } else {
            self.rights = rights;
            self.changed.clone_from(&self.wanted);
        }
        Ok(())
    }

    fn text(&mut self) -> Option<String> {
        if self.changed.is_empty() {
            return None;
        }
        let kinds = std::mem::take(&mut self.changed).into_iter().collect();
        let data = serde_json::to_string(&LiveChange { kinds }).expect("names go to memory");
        Some(format!("event: changed\ndata: {data}\n\n"))
    }
}
