//! The state of a schedule on each host that it selects or that still has it.

use super::Schedules;
use super::catalog;
use crate::store::{
    HostQuery, HostRow, ScheduleHost, ScheduleRow, StateName, Store, StoreError, plain_labels,
};
use fleet::schedule::Definition;
use fleet::schedule::standing::{Outcome, Standing};
use fleet::{HostState, Labels, UnixMillis};
use std::collections::BTreeMap;

/// Hosts that are read at once.
const PAGE: usize = 1000;

/// Pages that are read for one page of the answer: with a filter, it may be short.
const MAX_PAGES: usize = 4;

/// How a schedule stands on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostStanding {
    /// The host.
    pub(crate) host: String,
    /// Whether it is connected.
    pub(crate) online: bool,
    /// When it was last seen.
    pub(crate) last_seen: Option<UnixMillis>,
    /// How the schedule stands.
    pub(crate) standing: Standing,
    /// Why it is not applied.
    pub(crate) why: Option<String>,
    /// What is stored of it.
    pub(crate) stored: Option<ScheduleHost>,
}

/// A schedule on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OnHost {
    /// The schedule's name.
    pub(crate) name: String,
    /// Its fields, as JSON; `None` once it is removed.
    pub(crate) entry: Option<String>,
    /// How it stands.
    pub(crate) seen: HostStanding,
}

/// Returns a page of hosts with an id above `after`, ordered by id, and the id after which the next
/// page begins. With a standing, only hosts with this standing.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn hosts(
    schedules: &Schedules,
    name: &str,
    only: Option<Standing>,
    after: &str,
    limit: usize,
    sees: impl Fn(&str, &Labels) -> bool,
) -> Result<(Vec<HostStanding>, Option<String>), StoreError> {
    let store = &*schedules.0.store;
    let row = store.schedule(name).await?;
    let definition = row.as_ref().and_then(|row| catalog::definition(row).ok());
    let mut found = Vec::new();
    let mut after = after.to_owned();
    // Without a filter, one page is mostly enough.
    let outcome = only.and_then(outcome);
    let mut most = if only.is_none() { PAGE.min(limit + 1) } else { PAGE };
    for _ in 0..MAX_PAGES {
        let page = match outcome {
            Some(outcome) => tried(store, name, definition.as_ref(), outcome, &after, most).await?,
            None => page(store, name, definition.as_ref(), &after, most).await?,
        };
        let is_last = page.len() < most;
        most = PAGE;
        for (host, (row_of_host, stored)) in page {
            after.clone_from(&host);
            let row_of_host = match row_of_host {
                Some(row) => Some((row, true)),
                None => store.host(&host).await?.map(|row| (row, false)),
            };
            let labels = row_of_host.as_ref().map(|(row, _)| plain_labels(row));
            if !sees(&host, &labels.unwrap_or_default()) {
                continue;
            }
            let online = schedules.0.registry.is_connected(&host);
            let seen = standing(row.as_ref(), host, online, row_of_host, stored);
            if only.is_none_or(|only| seen.standing == only) {
                found.push(seen);
            }
            if found.len() > limit {
                found.truncate(limit);
                let next = found.last().map(|seen| seen.host.clone());
                return Ok((found, next));
            }
        }
        if is_last {
            return Ok((found, None));
        }
    }
    Ok((found, Some(after)))
}

/// Returns how each schedule stands on a host: those that select it, and those that it still has,
/// ordered by name.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn of_host(
    schedules: &Schedules,
    host: &HostRow,
) -> Result<Vec<OnHost>, StoreError> {
    let store = &*schedules.0.store;
    let (id, labels) = (&host.identity.id, plain_labels(host));
    let online = schedules.0.registry.is_connected(id);
    let stored = store.schedules_of_host(id).await?;
    let mut stored: BTreeMap<String, ScheduleHost> =
        stored.into_iter().map(|stored| (stored.schedule.clone(), stored)).collect();
    let mut found = BTreeMap::new();
    for row in store.schedule_set().await?.rows {
        let selects = catalog::definition(&row)
            .is_ok_and(|definition| definition.selector().matches(id, &labels));
        let stored = stored.remove(&row.name);
        if selects || stored.is_some() {
            let host = Some((host.clone(), selects));
            let seen = standing(Some(&row), id.clone(), online, host, stored);
            let ScheduleRow { name, entry, .. } = row;
            found.insert(name.clone(), OnHost { name, entry: Some(entry), seen });
        }
    }
    for (name, stored) in stored {
        let host = Some((host.clone(), false));
        let seen = standing(None, id.clone(), online, host, Some(stored));
        found.insert(name.clone(), OnHost { name, entry: None, seen });
    }
    Ok(found.into_values().collect())
}

/// Hosts by id: the host's row if the schedule selects it, and the schedule's stored state there.
type Page = BTreeMap<String, (Option<HostRow>, Option<ScheduleHost>)>;

/// Returns the outcome of the last attempt that a standing follows from, if it is always that one.
const fn outcome(standing: Standing) -> Option<Outcome> {
    match standing {
        Standing::Refused => Some(Outcome::Refused),
        Standing::NotAllowed => Some(Outcome::NotAllowed),
        Standing::Failed => Some(Outcome::Failed),
        Standing::Applied | Standing::Pending | Standing::Removing => None,
    }
}

/// Returns the next hosts on which the last attempt had this outcome, at most `most`; fewer only if
/// there are no more.
async fn tried(
    store: &dyn Store,
    name: &str,
    definition: Option<&Definition>,
    outcome: Outcome,
    after: &str,
    most: usize,
) -> Result<Page, StoreError> {
    let stored = store.schedule_hosts(name, Some(outcome), after, most).await?;
    let ids = stored.iter().map(|stored| stored.host.clone()).collect();
    let mut rows = store.hosts_named(ids).await?;
    let mut page = Page::new();
    for stored in stored {
        let selects = |row: &HostRow| {
            definition.is_some_and(|definition| {
                definition.selector().matches(&row.identity.id, &plain_labels(row))
            })
        };
        let row = rows.remove(&stored.host).filter(selects);
        page.insert(stored.host.clone(), (row, Some(stored)));
    }
    Ok(page)
}

/// Returns the next hosts, at most `most`; fewer only if there are no more.
async fn page(
    store: &dyn Store,
    name: &str,
    definition: Option<&Definition>,
    after: &str,
    most: usize,
) -> Result<Page, StoreError> {
    let mut page = Page::new();
    if let Some(definition) = definition {
        let query = HostQuery {
            selector: Some(definition.selector().clone()),
            after: after.to_owned(),
            limit: most,
            ..HostQuery::default()
        };
        for row in store.hosts(query).await? {
            page.insert(row.identity.id.clone(), (Some(row), None));
        }
    }
    for stored in store.schedule_hosts(name, None, after, most).await? {
        let host = stored.host.clone();
        page.entry(host).or_default().1 = Some(stored);
    }
    // Each list is complete up to its own last host.
    while page.len() > most {
        page.pop_last();
    }
    Ok(page)
}

fn standing(
    schedule: Option<&ScheduleRow>,
    host: String,
    online: bool,
    row: Option<(HostRow, bool)>,
    stored: Option<ScheduleHost>,
) -> HostStanding {
    // Whether the schedule selects the host, and the host may be connected.
    let selects = row
        .as_ref()
        .is_some_and(|(row, selected)| *selected && row.identity.state != HostState::Banned);
    let wanted = schedule.filter(|_| selects).map(|schedule| schedule.revision.as_str());
    let tried = stored.as_ref().map(|stored| (stored.outcome, stored.tried.as_str()));
    let standing = Standing::of(wanted, tried);
    let state = row.as_ref().map(|(row, _)| StateName::of(&row.identity.state));
    let why = match (standing, state) {
        (Standing::Pending, Some(state)) if state != StateName::Active => {
            Some(format!("the host is {}", state.text()))
        }
        (Standing::Pending, _) if !online => Some("the host is offline".to_owned()),
        (Standing::Removing, _) if !online => Some("the host is offline".to_owned()),
        (Standing::Pending | Standing::Applied, _) => None,
        _ => stored.as_ref().and_then(|stored| stored.why.clone()),
    };
    let last_seen = row.and_then(|(row, _)| row.last_seen);
    HostStanding { host, online, last_seen, standing, why, stored }
}
