//! Lists of hosts, by page, state, selector and a part of their names.
//!
//! Where there is one condition, its hosts are read in the order of their ids, so that a page ends as
//! soon as it is full. Where there are several, or hosts are counted, `sets` joins the hosts of each.

use super::kept_sets::KeptSets;
use super::labels;
use super::leader::{begin, leader};
use super::sets::Sets;
use crate::store::leader::Leader;
use crate::store::sqlite::change::ChangeError;
use crate::store::sqlite::column::json;
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{HostQuery, HostRow, StoreError};
use controller_api::Departure;
use fleet::selector::{Condition, Subject, Term};
use fleet::{Selector, TokenId, UnixMillis};
use roaring::RoaringTreemap;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};
use std::collections::HashMap;
use std::fmt::Write as _;

const COLUMNS: &str = "h.identity, h.enrolled_at, p.address, p.version, p.boot, p.ca_version, \
                       p.connected_at, p.last_seen, p.departure";

/// The column of a list of ids.
const ID: &str = "h.id";

/// Returns a host.
pub(super) fn one(sql: &Connection, id: &str) -> rusqlite::Result<Option<HostRow>> {
    let text = format!(
        "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id WHERE h.id = ?"
    );
    let found = sql.first(&text, params![id], row)?;
    found.map(|host| with_labels(sql, host)).transpose()
}

/// Returns those of some hosts that exist.
pub(super) fn named(
    sql: &Connection,
    ids: Vec<String>,
) -> rusqlite::Result<HashMap<String, HostRow>> {
    let mut found = HashMap::with_capacity(ids.len());
    for id in ids {
        if let Some(host) = one(sql, &id)? {
            found.insert(id, host);
        }
    }
    Ok(found)
}

/// Returns a host, or that it does not exist.
pub(super) fn existing(sql: &Connection, id: &str) -> Result<HostRow, ChangeError> {
    one(sql, id)?.ok_or_else(|| StoreError::missing("host", id).into())
}

/// Returns a page of hosts.
pub(super) fn page(
    sql: &Connection,
    kept: &KeptSets,
    query: &HostQuery,
) -> rusqlite::Result<Vec<HostRow>> {
    if is_by_sets(query) {
        let found = ids(sql, kept, query)?;
        return found.iter().filter_map(|id| one(sql, id).transpose()).collect();
    }
    let (text, values) = statement(sql, query, COLUMNS)?;
    let found = sql.all(&text, params_from_iter(values), row)?;
    found.into_iter().map(|host| with_labels(sql, host)).collect()
}

/// Returns the hosts that joined last, the newest first. A token admits at most 10,000 hosts, whose
/// numbers its index gives.
pub(super) fn newest(
    sql: &Connection,
    token: Option<&TokenId>,
    most: usize,
) -> rusqlite::Result<Vec<HostRow>> {
    let found = match token {
        None => {
            let text = format!(
                "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id \
                 WHERE h.number > 0 ORDER BY h.number DESC LIMIT ?"
            );
            sql.all(&text, params![limit(most)], row)?
        }
        Some(token) => {
            let text = format!(
                "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id \
                 WHERE h.number IN \
                 (SELECT number FROM hosts WHERE token = ? ORDER BY number DESC LIMIT ?) \
                 ORDER BY h.number DESC"
            );
            sql.all(&text, params![token.as_str(), limit(most)], row)?
        }
    };
    found.into_iter().map(|host| with_labels(sql, host)).collect()
}

/// Returns the ids of a page of hosts.
pub(super) fn ids(
    sql: &Connection,
    kept: &KeptSets,
    query: &HostQuery,
) -> rusqlite::Result<Vec<String>> {
    if is_by_sets(query) {
        let sets = Sets::begin(sql, kept)?;
        let ids = sets.ids(&sets.of_query(query)?, &query.after, query.limit)?;
        sets.end()?;
        return Ok(ids);
    }
    let (text, values) = statement(sql, query, ID)?;
    sql.all(&text, params_from_iter(values), |row| row.get(0))
}

/// Returns the numbers of the hosts that a query asks for, wherever its page begins and ends.
pub(in crate::store::sqlite) fn numbers(
    sql: &Connection,
    kept: &KeptSets,
    query: &HostQuery,
) -> rusqlite::Result<RoaringTreemap> {
    let sets = Sets::begin(sql, kept)?;
    let found = sets.of_query(query)?;
    sets.end()?;
    Ok(found)
}

/// Counts the hosts that match, up to the query's limit.
pub(super) fn count(sql: &Connection, kept: &KeptSets, query: &HostQuery) -> rusqlite::Result<u64> {
    let found = numbers(sql, kept, query)?.len();
    Ok(found.min(u64::try_from(query.limit).unwrap_or(u64::MAX)))
}

/// Returns whether the hosts of several conditions are joined.
fn is_by_sets(query: &HostQuery) -> bool {
    let others = usize::from(query.search.is_some()) + usize::from(query.state.is_some());
    query.reach.is_some() || terms(query).len() + others > 1
}

fn terms(query: &HostQuery) -> &[Term] {
    query.selector.as_ref().map(Selector::terms).unwrap_or_default()
}

/// Composes the statement that finds the hosts of a query with one condition, or without any.
fn statement(
    sql: &Connection,
    query: &HostQuery,
    columns: &str,
) -> rusqlite::Result<(String, Vec<Value>)> {
    let search = query.search.as_deref().map(str::to_ascii_lowercase);
    let leader = leader(sql, terms(query), search.as_deref())?;
    let mut text = format!("SELECT {columns} FROM ");
    let mut values = Vec::new();
    // CROSS JOIN keeps the order of the tables.
    let id = match leader {
        Leader::Label(key, wanted) => {
            if columns == ID {
                // Only hosts have labels, so that the host itself need not be looked up.
                text = "SELECT l.host FROM labels l WHERE l.key = ? ".to_owned();
            } else {
                text.push_str("labels l CROSS JOIN hosts h ON h.id = l.host ");
                text.push_str("LEFT JOIN presence p ON p.host = l.host WHERE l.key = ? ");
            }
            values.push(Value::from(key.to_owned()));
            if let Some(wanted) = wanted {
                text.push_str("AND l.value = ? ");
                values.push(Value::from(wanted.to_owned()));
            }
            "l.host"
        }
        Leader::Names(part) => {
            text.push_str("hosts h LEFT JOIN presence p ON p.host = h.id WHERE h.number IN ");
            text.push_str("(SELECT number FROM host_names WHERE part >= ? AND part < ?) ");
            values.extend(begin(part));
            // The unary + keeps that index, though the ids would be in order by theirs.
            "+h.id"
        }
        Leader::Hosts => {
            text.push_str("hosts h LEFT JOIN presence p ON p.host = h.id WHERE true ");
            "h.id"
        }
    };
    if let Some(state) = query.state {
        text.push_str("AND h.state = ? ");
        values.push(Value::from(state.text().to_owned()));
    }
    for term in terms(query).iter().filter(|term| !leader.is(term)) {
        condition(&mut text, &mut values, id, term);
    }
    if let Some(search) = &search
        && !matches!(leader, Leader::Names(_))
    {
        text.push_str(
            "AND EXISTS (SELECT 1 FROM host_names \
             WHERE number = h.number AND part >= ? AND part < ?) ",
        );
        values.extend(begin(search));
    }
    let _ = write!(text, "AND {id} > ? ORDER BY {id} LIMIT ?");
    values.push(Value::from(query.after.clone()));
    values.push(Value::from(limit(query.limit)));
    Ok((text, values))
}

/// Appends the condition of a term on the host with the id in the column `id`.
fn condition(text: &mut String, values: &mut Vec<Value>, id: &str, term: &Term) {
    let (wanted, not) = match &term.condition {
        Condition::In(wanted) => (Some(wanted), ""),
        Condition::NotIn(wanted) => (Some(wanted), "NOT "),
        Condition::Exists => (None, ""),
        Condition::Absent => (None, "NOT "),
    };
    let list = wanted.map(|wanted| vec!["?"; wanted.len()].join(", "));
    match (&term.subject, list) {
        (Subject::Host, Some(list)) => {
            let _ = write!(text, "AND {id} {not}IN ({list}) ");
        }
        (Subject::Host, None) => {}
        (Subject::Label(key), list) => {
            // The unary + keeps the primary key, of which one row is looked up: by the index of values
            // SQLite would read each host of the label, as it knows that host > ? holds.
            let among = list.map(|list| format!(" AND +value IN ({list})")).unwrap_or_default();
            let _ = write!(
                text,
                "AND {not}EXISTS (SELECT 1 FROM labels \
                 WHERE host = {id} AND key = ?{among}) "
            );
            values.push(Value::from(key.as_str().to_owned()));
        }
    }
    values.extend(wanted.into_iter().flatten().map(|value| Value::from(value.clone())));
}

/// Returns how many hosts that are not banned have a certificate that ends before this time.
pub(super) fn certificates_before(sql: &Connection, end: UnixMillis) -> rusqlite::Result<u64> {
    let found = sql.first(
        "SELECT count(*) FROM hosts WHERE state <> 'banned' \
         AND json_extract(identity, '$.keys.certificate.not_after') < ?",
        params![end],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(found.unwrap_or_default().unsigned_abs())
}

fn with_labels(sql: &Connection, mut host: HostRow) -> rusqlite::Result<HostRow> {
    host.labels = labels::of(sql, &host.identity.id)?;
    Ok(host)
}

fn row(row: &Row<'_>) -> rusqlite::Result<HostRow> {
    Ok(HostRow {
        identity: json(row, 0)?,
        labels: Default::default(),
        enrolled_at: row.get(1)?,
        address: row.get::<_, Option<String>>(2)?.and_then(|text| text.parse().ok()),
        version: row.get(3)?,
        boot: row.get(4)?,
        ca_version: row.get(5)?,
        connected_at: row.get(6)?,
        last_seen: row.get(7)?,
        // A later version may have stored a name that this one does not know.
        departure: row.get::<_, Option<String>>(8)?.and_then(|name| Departure::named(&name)),
    })
}
