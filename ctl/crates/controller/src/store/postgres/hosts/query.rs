//! Lists of hosts, by page, state, selector and a part of their names.
//!
//! One condition leads. A term of the selector gives the hosts in the order of their ids by its
//! index, so that a page ends as soon as it is full. A part of a name leads where few hosts have it,
//! by the index of names; where many have it, a page is full soon without. The other conditions are
//! looked up for each host. Of the hosts that one of several selectors matches, each selector gives
//! its own page, and the page of all is the beginning of these.

use super::labels;
use super::leader::leader;
use crate::store::leader::{Leader, behind};
use crate::store::postgres::change::ChangeError;
use crate::store::postgres::column::{count as count_in, json};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::{Sql, Value};
use crate::store::postgres::{limit, params};
use crate::store::{HostQuery, HostRow, StoreError};
use controller_api::Departure;
use fleet::selector::{Condition, Subject, Term};
use fleet::{Selector, TokenId, UnixMillis};
use std::collections::HashMap;
use std::fmt::Write as _;
use tokio_postgres::Row;

const COLUMNS: &str = "h.identity, h.enrolled_at, p.address, p.version, p.boot, p.ca_version, \
                       p.connected_at, p.last_seen, p.departure";

/// The column of a list of ids.
const ID: &str = "h.id";

/// Returns a host.
pub(super) async fn one(sql: &Sql, id: &str) -> Result<Option<HostRow>, DbError> {
    let text = format!(
        "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id WHERE h.id = $1"
    );
    let found = sql.all(&text, params![id], row).await?;
    Ok(with_labels(sql, found).await?.pop())
}

/// Returns those of some hosts that exist.
pub(super) async fn named(sql: &Sql, ids: &[String]) -> Result<HashMap<String, HostRow>, DbError> {
    let text = format!(
        "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id \
         WHERE h.id = ANY ($1)"
    );
    let found = sql.all(&text, params![ids], row).await?;
    let found = with_labels(sql, found).await?;
    Ok(found.into_iter().map(|host| (host.identity.id.clone(), host)).collect())
}

/// Returns a host, or that it does not exist.
pub(super) async fn existing(sql: &Sql, id: &str) -> Result<HostRow, ChangeError> {
    one(sql, id).await?.ok_or_else(|| StoreError::missing("host", id).into())
}

/// Returns a page of hosts.
pub(super) async fn page(sql: &Sql, query: &HostQuery) -> Result<Vec<HostRow>, DbError> {
    if query.reach.is_some() {
        let ids = ids(sql, query).await?;
        let mut found = named(sql, &ids).await?;
        return Ok(ids.iter().filter_map(|id| found.remove(id)).collect());
    }
    let terms = terms(query.selector.as_ref());
    let composed = statement(sql, query, terms, None, COLUMNS).await?;
    let Some(composed) = composed else { return Ok(Vec::new()) };
    let found = sql.all_of(&composed.text, &composed.values, row).await?;
    with_labels(sql, found).await
}

/// Returns the hosts that joined last, the newest first. A token admits at most 10,000 hosts.
pub(super) async fn newest(
    sql: &Sql,
    token: Option<&TokenId>,
    most: usize,
) -> Result<Vec<HostRow>, DbError> {
    let found = match token {
        None => {
            let text = format!(
                "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id \
                 ORDER BY h.number DESC LIMIT $1"
            );
            sql.all(&text, params![limit(most)], row).await?
        }
        Some(token) => {
            let text = format!(
                "SELECT {COLUMNS} FROM hosts h LEFT JOIN presence p ON p.host = h.id \
                 WHERE h.token = $1 ORDER BY h.number DESC LIMIT $2"
            );
            sql.all(&text, params![token.as_str(), limit(most)], row).await?
        }
    };
    with_labels(sql, found).await
}

/// Returns the ids of a page of hosts.
pub(super) async fn ids(sql: &Sql, query: &HostQuery) -> Result<Vec<String>, DbError> {
    let also = terms(query.selector.as_ref());
    let Some(reach) = &query.reach else { return ids_until(sql, query, also, None).await };
    let mut found: Vec<String> = Vec::new();
    for selector in reach {
        let both: Vec<Term> = selector.terms().iter().chain(also).cloned().collect();
        // Behind the end of a full page no host is looked at.
        let end = found.last().filter(|_| found.len() == query.limit).cloned();
        found.extend(ids_until(sql, query, &both, end.as_deref()).await?);
        // Two lists in order, so that the sort only joins them.
        found.sort();
        found.dedup();
        found.truncate(query.limit);
    }
    Ok(found)
}

/// Returns the ids of a page of hosts that end with this one at the latest.
async fn ids_until(
    sql: &Sql,
    query: &HostQuery,
    terms: &[Term],
    end: Option<&str>,
) -> Result<Vec<String>, DbError> {
    let composed = statement(sql, query, terms, end, ID).await?;
    let Some(composed) = composed else { return Ok(Vec::new()) };
    sql.all_of(&composed.text, &composed.values, |row| Ok(row.try_get(0)?)).await
}

/// Returns the numbers of all hosts that a selector matches.
pub(in crate::store::postgres) async fn numbers(
    sql: &Sql,
    selector: &Selector,
) -> Result<Vec<i64>, DbError> {
    let query = HostQuery { limit: usize::MAX, ..HostQuery::default() };
    let composed = statement(sql, &query, selector.terms(), None, "h.number").await?;
    let Some(composed) = composed else { return Ok(Vec::new()) };
    sql.all_of(&composed.text, &composed.values, |row| Ok(row.try_get(0)?)).await
}

fn terms(selector: Option<&Selector>) -> &[Term] {
    selector.map(Selector::terms).unwrap_or_default()
}

/// A statement that is composed, and the values of its parameters.
#[derive(Default)]
struct Composed {
    text: String,
    values: Vec<Value>,
}

impl Composed {
    /// Appends text.
    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a parameter.
    fn value(&mut self, value: &str) {
        self.values.push(Box::new(value.to_owned()));
        let _ = write!(self.text, "${} ", self.values.len());
    }
}

/// Composes the statement that finds hosts by these terms and by a query's other conditions than its
/// selectors, up to the host `end`; `None` if no host can match. The first parameter is the host
/// behind which the page begins: no index is read before it.
async fn statement(
    sql: &Sql,
    query: &HostQuery,
    terms: &[Term],
    end: Option<&str>,
    columns: &str,
) -> Result<Option<Composed>, DbError> {
    let search = query.search.as_deref().map(str::to_ascii_lowercase);
    let leader = leader(sql, terms, query.state, search.as_deref()).await?;
    let Some(leader) = leader else { return Ok(None) };
    let mut composed = Composed::default();
    composed.values.push(Box::new(query.after.clone()));
    composed.add(&format!("SELECT {columns} FROM "));
    let id = match leader {
        Leader::Label(key, wanted) => {
            if columns == ID && query.state.is_none() && search.is_none() {
                // Only hosts have labels, so that the host itself need not be looked up.
                composed.text = "SELECT l.host FROM labels l WHERE l.key = ".to_owned();
            } else {
                composed.add(
                    "labels l JOIN hosts h ON h.id = l.host LEFT JOIN presence p \
                     ON p.host = l.host AND p.host > $1 WHERE l.key = ",
                );
            }
            composed.value(key);
            if let Some(wanted) = wanted {
                composed.add("AND l.value = ");
                composed.value(wanted);
            }
            "l.host"
        }
        Leader::Names(part) => {
            composed.add(
                "hosts h LEFT JOIN presence p ON p.host = h.id AND p.host > $1 \
                 WHERE h.number IN (SELECT number FROM host_names WHERE ",
            );
            begins(&mut composed, part);
            composed.add(") ");
            "h.id"
        }
        Leader::Hosts => {
            composed
                .add("hosts h LEFT JOIN presence p ON p.host = h.id AND p.host > $1 WHERE true ");
            "h.id"
        }
    };
    if let Some(state) = query.state {
        composed.add("AND h.state = ");
        composed.value(state.text());
    }
    for term in terms.iter().filter(|term| !leader.is(term)) {
        condition(&mut composed, id, term);
    }
    if let Some(search) = &search
        && !matches!(leader, Leader::Names(_))
    {
        composed.add("AND EXISTS (SELECT 1 FROM host_names WHERE number = h.number AND ");
        begins(&mut composed, search);
        composed.add(") ");
    }
    if let Some(end) = end {
        composed.add(&format!("AND {id} <= "));
        composed.value(end);
    }
    // The number itself: the planner weighs its plans by it.
    composed.add(&format!("AND {id} > $1 ORDER BY {id} LIMIT {}", limit(query.limit)));
    Ok(Some(composed))
}

/// Appends that a part of a name begins so.
fn begins(composed: &mut Composed, part: &str) {
    composed.add("part >= ");
    composed.value(part);
    composed.add("AND part < ");
    composed.value(&behind(part));
}

/// Appends the condition of a term on the host with the id in the column `id`.
fn condition(composed: &mut Composed, id: &str, term: &Term) {
    let (wanted, not) = match &term.condition {
        Condition::In(wanted) => (Some(wanted), ""),
        Condition::NotIn(wanted) => (Some(wanted), "NOT "),
        Condition::Exists => (None, ""),
        Condition::Absent => (None, "NOT "),
    };
    let among = |composed: &mut Composed, column: &str, before: &str, after: &str| {
        let Some(wanted) = wanted else { return };
        composed.add(&format!("{before}{column} IN ("));
        for (place, value) in wanted.iter().enumerate() {
            composed.add(if place == 0 { "" } else { ", " });
            composed.value(value);
        }
        composed.add(after);
    };
    match &term.subject {
        Subject::Host => among(composed, id, &format!("AND {not}"), ") "),
        Subject::Label(key) => {
            composed.add(&format!(
                "AND {not}EXISTS (SELECT 1 FROM labels c WHERE c.host = {id} AND c.key = "
            ));
            composed.value(key.as_str());
            among(composed, "c.value", "AND ", ") ");
            composed.add(") ");
        }
    }
}

/// Returns for each of these times how many hosts that are not banned have a certificate that ends
/// before it.
pub(super) async fn certificates_before(
    sql: &Sql,
    ends: &[UnixMillis],
) -> Result<Vec<u64>, DbError> {
    let mut found = Vec::with_capacity(ends.len());
    for end in ends {
        let count = sql
            .first(
                "SELECT count(*) FROM hosts WHERE state <> 'banned' AND certificate_ends < $1",
                params![end],
                |row| count_in(row, 0),
            )
            .await?;
        found.push(count.unwrap_or_default());
    }
    Ok(found)
}

async fn with_labels(sql: &Sql, mut hosts: Vec<HostRow>) -> Result<Vec<HostRow>, DbError> {
    if !hosts.is_empty() {
        labels::add(sql, &mut hosts).await?;
    }
    Ok(hosts)
}

fn row(row: &Row) -> Result<HostRow, DbError> {
    let ca_version: Option<i64> = row.try_get(5)?;
    Ok(HostRow {
        identity: json(row, 0)?,
        labels: Default::default(),
        enrolled_at: row.try_get(1)?,
        address: row.try_get::<_, Option<&str>>(2)?.and_then(|text| text.parse().ok()),
        version: row.try_get(3)?,
        boot: row.try_get(4)?,
        ca_version: ca_version.and_then(|version| u32::try_from(version).ok()),
        connected_at: row.try_get(6)?,
        last_seen: row.try_get(7)?,
        // A later version may have stored a name that this one does not know.
        departure: row.try_get::<_, Option<&str>>(8)?.and_then(Departure::named),
    })
}
