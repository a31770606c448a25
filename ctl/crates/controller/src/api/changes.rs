//! The changes of a run's targets: in pages, and as events while they happen. Both have one cursor,
//! the number of the last change, so a client that has read the pages goes on with the events and
//! misses nothing.
//!
//! A target that changes twice in a row shows its newest state once. The run's row is read before
//! its targets, so the client never hears of the run what it has not heard of its targets.

use super::document::problems::problems;
use super::extract::{Parameters, Segments};
use super::page;
use super::plans::missing;
use super::problem::ApiError;
use super::service::Api;
use super::{reach, run_body};
use crate::auth::Principal;
use crate::store::{RunChange, RunRow, TargetRow};
use axum::extract::State;
use axum::response::Response;
use controller_api::{ChangeList, ChangesQuery, MAX_GATHER_MILLIS, MAX_WAIT_SECONDS, path};
use fleet::run::RunState;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout_at};

problems! {
    /// The problem of a run's changes.
    OneRun: NotFound
}

/// Follows a run from one of its changes on.
pub(super) struct Follower {
    api: Api,
    run: String,
    /// The last change that the client has got.
    after: i64,
    changes: Receiver<Arc<[RunChange]>>,
}

/// What has changed since the last page.
pub(super) struct Changes {
    /// The run, as it was before the targets were read.
    pub(super) run: RunRow,
    /// The targets, in the order of their last changes.
    pub(super) targets: Vec<TargetRow>,
    /// The last change that the page tells.
    pub(super) next: i64,
    /// Whether the page goes up to the run's state.
    pub(super) whole: bool,
}

impl Changes {
    /// Returns whether nothing is to come after it.
    pub(super) fn last(&self) -> bool {
        self.whole && self.run.state == RunState::Ended
    }
}

impl Follower {
    /// Begins behind a change.
    pub(super) fn new(api: Api, run: String, after: i64) -> Self {
        // Before the first look, or a change in between would be missed.
        let changes = api.store.run_changes();
        Self { api, run, after, changes }
    }

    /// Reads up to `limit` targets that have changed since the last call.
    ///
    /// # Errors
    /// When there is no such run, or the database cannot be read.
    pub(super) async fn look(&mut self, limit: usize) -> Result<Changes, ApiError> {
        let run = self.api.store.run(&self.run).await?.ok_or_else(|| missing(&self.run))?;
        let targets = self.api.store.changes(&self.run, self.after, limit).await?;
        let whole = targets.len() < limit;
        if let Some(last) = targets.last() {
            self.after = last.change;
        }
        if whole {
            self.after = self.after.max(run.change);
        }
        Ok(Changes { run, targets, next: self.after, whole })
    }

    /// Waits until the time, or until the run has ended, so that many changes come together and an
    /// end at once.
    ///
    /// # Errors
    /// When there is no such run, or the database cannot be read.
    pub(super) async fn gather(&mut self, until: Instant) -> Result<(), ApiError> {
        while let Ok(changed) = timeout_at(until, self.changed()).await {
            changed?;
            let run = self.api.store.run(&self.run).await?.ok_or_else(|| missing(&self.run))?;
            if run.state == RunState::Ended {
                break;
            }
        }
        Ok(())
    }

    /// Goes back behind a change.
    const fn rewind(&mut self, after: i64) {
        self.after = after;
    }

    /// Waits until something of the run has changed, which may be known already.
    ///
    /// # Errors
    /// When the store is closed.
    pub(super) async fn changed(&mut self) -> Result<(), ApiError> {
        loop {
            match self.changes.recv().await {
                Ok(changes) => {
                    let news =
                        |change: &RunChange| *change.run == *self.run && change.change > self.after;
                    if changes.iter().any(news) {
                        return Ok(());
                    }
                }
                // What was missed may have been about the run.
                Err(RecvError::Lagged(_)) => return Ok(()),
                Err(RecvError::Closed) => return Err(ApiError::Stopping),
            }
        }
    }
}

/// Lists the targets of a run that have changed, in the order of their last changes, and waits for
/// the next change where there is none yet.
///
/// A client that follows a run asks with `gather` too: it then gets many changes in a few pages, and
/// the end of the run at once.
///
/// `next` is the cursor of the events too: `GET runs/{run}/events?after=NEXT` goes on from there.
/// Hosts whose results the operator's roles do not reach are left out.
#[utoipa::path(
    get,
    path = path::RUN_CHANGES,
    params(path::RunPath, ChangesQuery),
    responses((status = 200, description = "A page", body = ChangeList), OneRun)
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Segments(id): Segments<String>,
    Parameters(query): Parameters<ChangesQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(query.limit)?;
    if query.wait > MAX_WAIT_SECONDS {
        let why = format!("wait must be at most {MAX_WAIT_SECONDS} seconds");
        return Err(ApiError::InvalidRequest(why));
    }
    if query.gather > MAX_GATHER_MILLIS {
        let why = format!("gather must be at most {MAX_GATHER_MILLIS} milliseconds");
        return Err(ApiError::InvalidRequest(why));
    }
    let after = page::change(query.after)?;
    let deadline = Instant::now() + Duration::from_secs(query.wait);
    let mut follower = Follower::new(api.clone(), id, after);
    let mut stop = api.stop.clone();
    let mut changes = loop {
        let changes = follower.look(limit).await?;
        let news = !changes.targets.is_empty() || changes.next > after;
        if news || changes.last() || query.wait == 0 {
            break changes;
        }
        tokio::select! {
            changed = timeout_at(deadline, follower.changed()) => match changed {
                Ok(changed) => changed?,
                Err(_) => break changes,
            },
            () = stop.requested() => return Err(ApiError::Stopping),
        }
    };
    if query.gather > 0 && changes.whole && !changes.last() {
        let until = Instant::now() + Duration::from_millis(query.gather);
        tokio::select! {
            gathered = follower.gather(until) => gathered?,
            () = stop.requested() => return Err(ApiError::Stopping),
        }
        follower.rewind(after);
        changes = follower.look(limit).await?;
    }
    let (next, last) = (run_body::number(changes.next), changes.last());
    let targets = reach::targets(&api, &principal, changes.targets).await?;
    let run = super::runs::shown(&api, &changes.run).await?;
    let targets = targets.into_iter().map(run_body::target).collect();
    let list = ChangeList { run, targets, next, last };
    api.respond(serde_json::to_string(&list).expect("texts go to memory")).await
}
