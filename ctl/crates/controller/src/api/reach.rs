//! Which targets of a run an operator may see: those on hosts whose results their roles let them
//! read; of a plan, those on hosts that they may look at.

use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use crate::store::{TargetRow, plain_labels};
use fleet::Action;
use fleet::role::{self, Reach};

/// Returns whether an operator may see the results of each host.
pub(super) fn sees_all(principal: &Principal) -> bool {
    matches!(principal.reach(Action::ResultsRead), Reach::Everything)
}

/// Leaves out the entries on hosts that the operator's roles do not let them see; `host` names an
/// entry's host. A host that was removed has no labels anymore.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn visible<R>(
    api: &Api,
    principal: &Principal,
    action: Action,
    rows: Vec<R>,
    host: impl Fn(&R) -> &str,
) -> Result<Vec<R>, ApiError> {
    let reach = match principal.reach(action) {
        Reach::Everything => return Ok(rows),
        Reach::Nothing => return Ok(Vec::new()),
        reach @ Reach::Selected(_) => reach,
    };
    let ids = rows.iter().map(|row| host(row).to_owned()).collect();
    let stored = api.store.hosts_named(ids).await?;
    let is_seen = |row: &R| {
        let id = host(row);
        let labels = stored.get(id).map(plain_labels).unwrap_or_default();
        reach.covers(role::Host { id, labels: &labels })
    };
    Ok(rows.into_iter().filter(is_seen).collect())
}

/// Leaves out the targets on hosts that the operator may not see.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn targets(
    api: &Api,
    principal: &Principal,
    rows: Vec<TargetRow>,
) -> Result<Vec<TargetRow>, ApiError> {
    visible(api, principal, Action::ResultsRead, rows, |row| &row.host).await
}
