//! The hosts that joined last, and those whose identity several machines use.

use super::clones::all_clones_elsewhere;
use super::document::problems::problems;
use super::extract::Parameters;
use super::host_body::shown;
use super::problem::ApiError;
use super::selected::named;
use super::service::Api;
use crate::auth::Principal;
use crate::store::{HostRow, plain_labels};
use axum::Json;
use axum::extract::State;
use controller_api::{Arrivals, ArrivalsQuery, ClonedHosts, MAX_ARRIVALS, path};
use fleet::role::{Host, Reach};
use fleet::{Action, TokenId};
use std::collections::BTreeSet;

problems! {
    /// The problems of the arrivals: none of their own.
    Listing: Conflict
}

/// Hosts of an answer, unless the client asks for fewer or more.
const DEFAULT: usize = 20;

/// Hosts that are looked at for an operator who may not see every host.
const MAX_LOOKED_AT: usize = 1000;

/// Lists the hosts that joined last, the newest first: those that the caller may see. Of an operator
/// who may not see every host, the last 1,000 are looked at.
#[utoipa::path(
    get,
    path = path::FLEET_ARRIVALS,
    params(ArrivalsQuery),
    responses((status = 200, description = "The hosts", body = Arrivals), Listing)
)]
pub(super) async fn list(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<ArrivalsQuery>,
) -> Result<Json<Arrivals>, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT);
    if !(1..=MAX_ARRIVALS).contains(&limit) {
        let why = format!("limit must be from 1 to {MAX_ARRIVALS}");
        return Err(ApiError::InvalidRequest(why));
    }
    // Whoever pastes the whole token must not find its secret in a log.
    let token = query.token.as_deref().map(TokenId::new).transpose().map_err(|_| {
        ApiError::InvalidRequest("token must be the id of a join token: 12 characters".to_owned())
    })?;
    let reach = principal.reach(Action::HostsRead);
    let most = if reach == Reach::Everything { limit } else { MAX_LOOKED_AT };
    let rows = api.store.newest_hosts(token.as_ref(), most).await?;
    let hosts = rows
        .iter()
        .filter(|row| covers(&reach, row))
        .take(limit)
        .map(|row| shown(&api.registry, row))
        .collect();
    Ok(Json(Arrivals { hosts }))
}

/// Lists the hosts whose identity several connected machines use: those that the caller may see.
/// A clone that is not connected is known by its host's quarantine alone.
#[utoipa::path(
    get,
    path = path::FLEET_CLONES,
    responses((status = 200, description = "The hosts", body = ClonedHosts), Listing)
)]
pub(super) async fn clones(
    principal: Principal,
    State(api): State<Api>,
) -> Result<Json<ClonedHosts>, ApiError> {
    let reach = principal.reach(Action::HostsRead);
    let elsewhere = all_clones_elsewhere(&api).await;
    let mut ids: BTreeSet<String> = api.registry.cloned().into_iter().collect();
    ids.extend(elsewhere.keys().cloned());
    let mut ids: Vec<String> = ids.into_iter().collect();
    let most = if reach == Reach::Everything { MAX_ARRIVALS } else { MAX_LOOKED_AT };
    let mut more = ids.len() > most;
    ids.truncate(most);
    let mut rows = named(&api, &ids).await?;
    rows.retain(|row| covers(&reach, row));
    more |= rows.len() > MAX_ARRIVALS;
    let with_clones = |row: &HostRow| {
        let mut host = shown(&api.registry, row);
        host.clones.extend(elsewhere.get(&host.id).into_iter().flatten().cloned());
        host
    };
    let hosts = rows.iter().take(MAX_ARRIVALS).map(with_clones).collect();
    Ok(Json(ClonedHosts { hosts, more }))
}

fn covers(reach: &Reach<'_>, row: &HostRow) -> bool {
    match reach {
        Reach::Everything => true,
        reach => reach.covers(Host { id: &row.identity.id, labels: &plain_labels(row) }),
    }
}
