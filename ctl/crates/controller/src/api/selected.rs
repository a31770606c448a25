//! Which hosts a request means: those that match its filter and that the caller's roles reach.
//!
//! The database judges all but whether a host is connected. Each request looks at a bounded number
//! of hosts for that.

use super::page;
use super::problem::ApiError;
use super::service::Api;
use crate::agents::Registry;
use crate::store::{HostQuery, HostRow, StateName};
use controller_api::HostState;
use fleet::Selector;
use fleet::role::Reach;

/// Hosts whose ids alone are looked at for one request.
const MAX_IDS: usize = 200_000;

/// Ids that are read at once.
const IDS: usize = 5000;

/// Connected hosts that are few enough to be looked up, instead of looking for them among all.
const FEW: usize = 2000;

/// Hosts that are named in one selector.
const NAMED: usize = 100;

/// The most bytes of a text that is searched for.
const MAX_SEARCH: usize = 128;

/// The hosts that a request means.
pub(super) struct Wanted {
    query: HostQuery,
    connected: Option<bool>,
}

/// What a request says of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter<'a> {
    pub(super) selector: Option<&'a str>,
    pub(super) q: Option<&'a str>,
    pub(super) state: Option<HostState>,
    pub(super) connected: Option<bool>,
}

/// Some ids.
pub(super) struct Ids {
    pub(super) ids: Vec<String>,
    /// Whether there may be more.
    pub(super) more: bool,
}

impl Wanted {
    /// Reads a filter.
    ///
    /// # Errors
    /// When it cannot be right.
    pub(super) fn new(reach: &Reach<'_>, filter: &Filter<'_>) -> Result<Self, ApiError> {
        let selector = filter.selector.map(Selector::parse).transpose();
        let selector = selector.map_err(|error| ApiError::InvalidRequest(error.to_string()))?;
        let search = filter.q.map(str::trim).filter(|text| !text.is_empty());
        if search.is_some_and(|text| text.len() > MAX_SEARCH || text.contains(char::is_control)) {
            let why = format!("q must be one line of at most {MAX_SEARCH} bytes");
            return Err(ApiError::InvalidRequest(why));
        }
        let query = HostQuery {
            reach: reach.selectors(),
            selector,
            state: filter.state.map(state_name),
            search: search.map(str::to_owned),
            ..HostQuery::default()
        };
        Ok(Self { query, connected: filter.connected })
    }

    /// Reads a page; returns the next page's `after` too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn page(
        &self,
        api: &Api,
        after: String,
        limit: usize,
    ) -> Result<(Vec<HostRow>, Option<String>), ApiError> {
        if self.connected.is_some() {
            let (mut ids, next) = self.connected_ids(api, after, limit + 1).await?;
            let full = page::next(&mut ids, limit, Clone::clone);
            return Ok((named(api, &ids).await?, full.or(next)));
        }
        let query = HostQuery { after, limit: limit + 1, ..self.query.clone() };
        let mut found = api.store.hosts(query).await?;
        let next = page::next(&mut found, limit, |row| row.identity.id.clone());
        Ok((found, next))
    }

    /// Reads ids, at most `most`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn ids(&self, api: &Api, most: usize) -> Result<Ids, ApiError> {
        let (mut ids, next) = if self.connected.is_some() {
            self.connected_ids(api, String::new(), most + 1).await?
        } else {
            let query = HostQuery { limit: most + 1, ..self.query.clone() };
            (api.store.host_ids(query).await?, None)
        };
        let more = ids.len() > most || next.is_some();
        ids.truncate(most);
        Ok(Ids { ids, more })
    }

    /// Counts the hosts, exactly up to `most`; returns whether there may be more, too.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn count(&self, api: &Api, most: usize) -> Result<(u64, bool), ApiError> {
        if self.connected.is_some() {
            let found = self.ids(api, most).await?;
            return Ok((found.ids.len() as u64, found.more));
        }
        let query = HostQuery { limit: most + 1, ..self.query.clone() };
        let (found, most) = (api.store.count_hosts(query).await?, most as u64);
        Ok((found.min(most), found > most))
    }

    /// Returns at most `most` ids of those that are or are not connected, and where to go on if not
    /// all hosts were looked at.
    async fn connected_ids(
        &self,
        api: &Api,
        mut after: String,
        most: usize,
    ) -> Result<(Vec<String>, Option<String>), ApiError> {
        if self.connected == Some(true) && api.registry.count_everywhere() <= FEW {
            return Ok((self.few_connected(api, &after, most).await?, None));
        }
        let (mut found, mut scanned) = (Vec::new(), 0);
        // Where most hosts are as wanted, the first ids are enough.
        let mut limit = IDS.min(2 * most);
        loop {
            let query = HostQuery { after: after.clone(), limit, ..self.query.clone() };
            let ids = api.store.host_ids(query).await?;
            scanned += ids.len();
            let last = ids.len() < limit;
            limit = IDS;
            if let Some(id) = ids.last() {
                after.clone_from(id);
            }
            let wanted =
                |id: &String| self.connected.is_none_or(|is| serves(&api.registry, id) == is);
            found.extend(ids.into_iter().filter(wanted).take(most - found.len()));
            if found.len() == most || last {
                return Ok((found, None));
            }
            if scanned >= MAX_IDS {
                return Ok((found, Some(after)));
            }
        }
    }

    /// Returns at most `most` ids of the connected hosts, which are few.
    async fn few_connected(
        &self,
        api: &Api,
        after: &str,
        most: usize,
    ) -> Result<Vec<String>, ApiError> {
        let all = api.registry.connected_hosts();
        let connected: Vec<String> =
            all.iter().filter(|id| &***id > after).map(|id| id.to_string()).collect();
        let mut found = Vec::new();
        for some in connected.chunks(NAMED) {
            let selector = Selector::of_hosts(some.iter().cloned());
            let also = self.query.selector.as_ref();
            let selector = also.map_or_else(|| selector.clone(), |also| selector.and(also));
            let query = HostQuery { selector: Some(selector), limit: NAMED, ..self.query.clone() };
            found.extend(api.store.host_ids(query).await?.into_iter().take(most - found.len()));
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }
}

/// Returns whether a host has a channel that is not a clone's.
pub(super) fn serves(registry: &Registry, host: &str) -> bool {
    registry.is_connected(host)
}

/// Reads the hosts with these ids. One that is gone is left out.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn named(api: &Api, ids: &[String]) -> Result<Vec<HostRow>, ApiError> {
    let mut rows = Vec::with_capacity(ids.len());
    for some in ids.chunks(NAMED) {
        let selector = Some(Selector::of_hosts(some.iter().cloned()));
        let query = HostQuery { selector, limit: NAMED, ..HostQuery::default() };
        rows.extend(api.store.hosts(query).await?);
    }
    Ok(rows)
}

const fn state_name(state: HostState) -> StateName {
    match state {
        HostState::Active => StateName::Active,
        HostState::Pending => StateName::Pending,
        HostState::Quarantined => StateName::Quarantined,
        HostState::Banned => StateName::Banned,
    }
}
