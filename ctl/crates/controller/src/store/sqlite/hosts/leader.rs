//! Which condition of a query finds its hosts, and so how many are looked at.

use crate::store::StateName;
use crate::store::sqlite::sql::Sql as _;
use fleet::selector::{Condition, Subject, Term};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// Hosts that are counted to find the label that leads: less than a millisecond of its index.
const COUNTED: i64 = 30_000;

/// Hosts with a part of a name, which must be sorted where they lead. Few in tests, whose fleets are
/// small, so that they see both sides.
const NAMED: i64 = if cfg!(test) { 5 } else { 1000 };

/// What gives the hosts in order.
pub(super) enum Leader<'a> {
    /// The hosts with a label of this key and, if given, value.
    Label(&'a str, Option<&'a str>),
    /// The hosts with a name of which a part begins so, not in order.
    Names(&'a str),
    /// All hosts, or those of the state.
    Hosts,
}

impl Leader<'_> {
    /// Returns whether a term holds for every host of the leader.
    pub(super) fn is(&self, term: &Term) -> bool {
        let Self::Label(key, value) = self else { return false };
        let is_same = match &term.condition {
            Condition::In(wanted) => {
                value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
            }
            Condition::Exists => true,
            Condition::NotIn(_) | Condition::Absent => false,
        };
        is_same && matches!(&term.subject, Subject::Label(of) if of.as_str() == *key)
    }
}

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
    let named =
        |term: &Term| term.subject == Subject::Host && matches!(term.condition, Condition::In(_));
    if terms.iter().any(named) {
        return Ok(Some(Leader::Hosts.into()));
    }
    let mut best: Option<(i64, Leader<'a>)> = None;
    if let Some(state) = state {
        let hosts = sql.first(
            "SELECT hosts FROM host_counts WHERE state = ?",
            params![state.text()],
            |row| row.get(0),
        )?;
        match hosts.unwrap_or_default() {
            0 => return Ok(None),
            hosts => best = Some((hosts, Leader::Hosts)),
        }
    }
    if let Some(part) = search {
        match count(sql, &Leader::Names(part), NAMED)? {
            0 => return Ok(None),
            // They must be sorted, so they lead only where they are few.
            NAMED.. => {}
            few if best.as_ref().is_none_or(|(fewest, _)| few < *fewest) => {
                best = Some((few, Leader::Names(part)));
            }
            _ => {}
        }
    }
    for term in terms {
        let Subject::Label(key) = &term.subject else { continue };
        let found = match &term.condition {
            Condition::In(wanted) if wanted.len() == 1 => {
                let value = wanted.first().map(String::as_str);
                Leader::Label(key.as_str(), value)
            }
            Condition::In(_) | Condition::Exists => Leader::Label(key.as_str(), None),
            Condition::NotIn(_) | Condition::Absent => continue,
        };
        // More than the fewest need not be counted.
        let bound = best.as_ref().map_or(COUNTED, |(fewest, _)| COUNTED.min(*fewest));
        let count = count(sql, &found, bound)?;
        if count == 0 {
            return Ok(None);
        }
        if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
            best = Some((count, found));
        }
    }
    // Where most hosts have the label, it leads as well as the list of hosts.
    let Some((hosts, leader)) = best else { return Ok(Some(Leader::Hosts.into())) };
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
    [Value::from(part.to_owned()), Value::from(format!("{part}{}", char::MAX))]
}
