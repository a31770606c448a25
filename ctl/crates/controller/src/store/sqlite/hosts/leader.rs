//! Counts the hosts of each condition of a query, to find the one that leads.

use crate::store::StateName;
use crate::store::leader::{COUNTED, Fewest, Leader, NAMED, behind, name_hosts};
use crate::store::sqlite::sql::Sql as _;
use fleet::selector::Term;
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// How hosts are found.
pub(super) struct Chosen<'a> {
    pub(super) leader: Leader<'a>,
    /// Whether the hosts with the part of a name are listed before the first host is looked at. That
    /// is a third of the work for each host, but all of the list has to be made.
    pub(super) lists_names: bool,
}

impl<'a> From<Leader<'a>> for Chosen<'a> {
    fn from(leader: Leader<'a>) -> Self {
        Self { leader, lists_names: false }
    }
}

/// Returns the leader with the fewest hosts, as far as that is cheap to know; `None` if a condition
/// holds for no host.
pub(super) fn leader<'a>(
    sql: &Connection,
    terms: &'a [Term],
    state: Option<StateName>,
    search: Option<&'a str>,
) -> rusqlite::Result<Option<Chosen<'a>>> {
    if name_hosts(terms) {
        return Ok(Some(Leader::Hosts.into()));
    }
    let mut fewest = Fewest::default();
    if let Some(state) = state {
        let hosts = sql.first(
            "SELECT hosts FROM host_counts WHERE state = ?",
            params![state.text()],
            |row| row.get(0),
        )?;
        match hosts.unwrap_or_default() {
            0 => return Ok(None),
            hosts => fewest.offer(hosts, Leader::Hosts),
        }
    }
    if let Some(part) = search {
        match count(sql, &Leader::Names(part), NAMED)? {
            0 => return Ok(None),
            // They must be sorted, so they lead only where they are few.
            NAMED.. => {}
            few => fewest.offer(few, Leader::Names(part)),
        }
    }
    for leader in terms.iter().filter_map(Leader::of) {
        match count(sql, &leader, fewest.bound())? {
            0 => return Ok(None),
            hosts => fewest.offer(hosts, leader),
        }
    }
    // Where most hosts have the label, it leads as well as the list of hosts.
    let Some((hosts, leader)) = fewest.found() else { return Ok(Some(Leader::Hosts.into())) };
    let lists_names = match (search, &leader) {
        (Some(part), Leader::Label(..)) if hosts >= NAMED => {
            let names = count(sql, &Leader::Names(part), COUNTED)?;
            names < COUNTED && names < 4 * hosts
        }
        _ => false,
    };
    Ok(Some(Chosen { leader, lists_names }))
}

/// Counts the hosts of a leader, up to a bound.
fn count(sql: &Connection, leader: &Leader<'_>, bound: i64) -> rusqlite::Result<i64> {
    let counted = match leader {
        Leader::Label(key, Some(value)) => sql.first(
            "SELECT count(*) FROM \
             (SELECT 1 FROM labels WHERE key = ? AND value = ? LIMIT ?)",
            params![key, value, bound],
            |row| row.get(0),
        )?,
        Leader::Label(key, None) => sql.first(
            "SELECT count(*) FROM (SELECT 1 FROM labels WHERE key = ? LIMIT ?)",
            params![key, bound],
            |row| row.get(0),
        )?,
        Leader::Names(part) => sql.first(
            "SELECT count(*) FROM \
             (SELECT 1 FROM host_names WHERE part >= ? AND part < ? LIMIT ?)",
            params_from_iter(begin(part).into_iter().chain([Value::from(bound)])),
            |row| row.get(0),
        )?,
        Leader::Hosts => Some(bound),
    };
    Ok(counted.unwrap_or_default())
}

/// Returns the first text that begins with a part, and the first one behind those.
pub(super) fn begin(part: &str) -> [Value; 2] {
    [Value::from(part.to_owned()), Value::from(behind(part))]
}
