//! The fleet as a whole: its numbers, its trend, and how many hosts match.

use super::document::problems::problems;
use super::extract::Parameters;
use super::problem::ApiError;
use super::selected::{Filter, Wanted, serves};
use super::service::Api;
use super::times;
use crate::audit;
use crate::auth::Principal;
use crate::store::{KeptSample, SAMPLE_EVERY};
use crate::trend;
use axum::Json;
use axum::extract::State;
use controller_api::{
    Fleet, FleetCertificates, FleetHosts, HostCount, HostCountQuery, HostState, MAX_COUNTED_HOSTS,
    MAX_TREND_HOURS, Trend, TrendQuery, TrendSample, path,
};
use fleet::role::{Denied, Reach};
use fleet::{Action, DAY};
use std::collections::HashSet;

problems! {
    /// The problems of the fleet's numbers: none of their own.
    Counting: Conflict
}

/// Hosts that are counted for an operator who may not see every host: in all, and of each state but
/// active.
const MAX_COUNTED: usize = 20_000;

const HOUR: i64 = 3600 * 1000;

/// Shows the fleet in numbers: those of the hosts that the caller may see.
#[utoipa::path(
    get,
    path = path::FLEET,
    responses((status = 200, description = "The numbers", body = Fleet), Counting)
)]
pub(super) async fn show(
    principal: Principal,
    State(api): State<Api>,
) -> Result<Json<Fleet>, ApiError> {
    let reach = principal.reach(Action::HostsRead);
    if reach != Reach::Everything {
        let hosts = limited(&api, &reach).await?;
        return Ok(Json(Fleet { hosts, certificates: None }));
    }
    let (counts, online) = (api.store.counts(), trend::online(&*api.store, &api.registry));
    let hosts = FleetHosts {
        all: counts.active + counts.pending + counts.quarantined + counts.banned,
        online,
        away: counts.active - online,
        pending: counts.pending,
        quarantined: counts.quarantined,
        banned: counts.banned,
        more: false,
    };
    let now = audit::now();
    let ending = api.store.certificates_ending(&[now, now + DAY]).await?;
    let (ended, by_tomorrow) = match ending.as_slice() {
        [ended, by_tomorrow] => (*ended, *by_tomorrow),
        _ => (0, 0),
    };
    let within_a_day = by_tomorrow.saturating_sub(ended);
    let certificates = Some(FleetCertificates { ended, within_a_day });
    Ok(Json(Fleet { hosts, certificates }))
}

/// Counts the hosts that some roles reach. Most hosts are active: they are those of all that are not
/// of another state, whose hosts the database finds at once.
async fn limited(api: &Api, reach: &Reach<'_>) -> Result<FleetHosts, ApiError> {
    let mut hosts = FleetHosts::default();
    let mut others = HashSet::new();
    for (state, count) in [
        (HostState::Pending, &mut hosts.pending),
        (HostState::Quarantined, &mut hosts.quarantined),
        (HostState::Banned, &mut hosts.banned),
    ] {
        let filter = Filter { state: Some(state), ..Filter::default() };
        let found = Wanted::new(reach, &filter)?.ids(api, MAX_COUNTED).await?;
        *count = found.ids.len() as u64;
        hosts.more |= found.more;
        others.extend(found.ids);
    }
    let all = Wanted::new(reach, &Filter::default())?.ids(api, MAX_COUNTED).await?;
    hosts.more |= all.more;
    for id in all.ids.iter().filter(|id| !others.contains(*id)) {
        match serves(&api.registry, id) {
            true => hosts.online += 1,
            false => hosts.away += 1,
        }
    }
    hosts.all = hosts.online + hosts.away + hosts.pending + hosts.quarantined + hosts.banned;
    Ok(hosts)
}

/// Shows the fleet over the last hours. Only for operators who may see every host.
#[utoipa::path(
    get,
    path = path::FLEET_TREND,
    params(TrendQuery),
    responses((status = 200, description = "The samples", body = Trend), Counting)
)]
pub(super) async fn trend(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<TrendQuery>,
) -> Result<Json<Trend>, ApiError> {
    if !principal.may_everywhere(Action::HostsRead, None) {
        return Err(ApiError::Forbidden(Denied::Host(Action::HostsRead)));
    }
    let hours = query.hours.unwrap_or(24);
    if !(1..=MAX_TREND_HOURS).contains(&hours) {
        let why = format!("hours must be from 1 to {MAX_TREND_HOURS}");
        return Err(ApiError::InvalidRequest(why));
    }
    let now = audit::now();
    let from = now - i64::from(hours) * HOUR;
    let samples = api.store.samples(from, now).await?;
    Ok(Json(Trend {
        every_seconds: u32::try_from(SAMPLE_EVERY / 1000).unwrap_or(u32::MAX),
        from: times::text(from),
        to: times::text(now),
        samples: samples.into_iter().map(shown).collect(),
    }))
}

fn shown(kept: KeptSample) -> TrendSample {
    let KeptSample { sample, failures } = kept;
    TrendSample {
        at: times::text(sample.at),
        online: sample.online,
        away: sample.away,
        pending: sample.pending,
        quarantined: sample.quarantined,
        failures,
    }
}

/// Counts the hosts that match, exactly up to 10,000.
#[utoipa::path(
    get,
    path = path::FLEET_COUNT,
    params(HostCountQuery),
    responses((status = 200, description = "The number", body = HostCount), Counting)
)]
pub(super) async fn count(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<HostCountQuery>,
) -> Result<Json<HostCount>, ApiError> {
    let up_to = query.up_to.unwrap_or(MAX_COUNTED_HOSTS);
    if !(1..=MAX_COUNTED_HOSTS).contains(&up_to) {
        let why = format!("up_to must be from 1 to {MAX_COUNTED_HOSTS}");
        return Err(ApiError::InvalidRequest(why));
    }
    let filter = Filter {
        selector: query.selector.as_deref(),
        q: query.q.as_deref(),
        state: query.state,
        connected: query.connected,
    };
    let wanted = Wanted::new(&principal.reach(Action::HostsRead), &filter)?;
    let (hosts, more) = wanted.count(&api, up_to).await?;
    Ok(Json(HostCount { hosts, more }))
}
