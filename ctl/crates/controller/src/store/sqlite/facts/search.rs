//! Searches in the facts of all hosts.

use super::super::hosts::{self, KeptSets};
use super::super::{limit, sql::Sql as _};
use crate::store::documents::{self, Texts};
use crate::store::{
    CurrentDocument, DocumentHosts, DocumentNumber, EntryQuery, FoundEntries, HostQuery, HostsPage,
    KeyRange, Selection, Visitor,
};
use fleet::facts::index::Entry;
use roaring::RoaringTreemap;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Hosts that a page gathers and sorts; where documents have more, it walks through all hosts in
/// order instead, and is full soon.
const MAX_GATHERED: u64 = 20_000;

/// Selected hosts that are few enough to be looked up one by one; few in tests, whose fleets are
/// small, so that they see both sides.
const MAX_LOOKED_UP: u64 = if cfg!(test) { 2 } else { 2000 };

/// Hosts that such a walk looks at; the page may be short then.
const MAX_WALKED: i64 = 20_000;

/// Returns a method's number; -1, which no row has, if no host was ever asked.
fn number(sql: &Connection, method: &str) -> rusqlite::Result<i64> {
    let found =
        sql.first("SELECT number FROM fact_methods WHERE name = ?", params![method], |row| {
            row.get(0)
        });
    Ok(found?.unwrap_or(-1))
}

/// Returns the documents that hosts have now.
pub(super) fn current(sql: &Connection, method: &str) -> rusqlite::Result<Vec<CurrentDocument>> {
    let rows = sql.all(
        "SELECT number, hosts FROM fact_documents WHERE method = ? ORDER BY base, number",
        params![number(sql, method)?],
        |row| {
            Ok(CurrentDocument { number: row.get(0)?, hosts: row.get::<_, i64>(1)?.unsigned_abs() })
        },
    )?;
    Ok(rows.into_iter().filter(|document| document.hosts > 0).collect())
}

/// Reads documents one after the other.
pub(super) fn visit(
    sql: &Connection,
    documents: &[DocumentNumber],
    visit: &mut Visitor,
) -> rusqlite::Result<()> {
    let mut texts = Texts::default();
    // One lock for all of them.
    let transaction = sql.unchecked_transaction()?;
    for document in documents {
        // One that was deleted meanwhile is nobody's.
        let goes_on = texts.show(&*transaction, *document, |text| visit(*document, text))?;
        if goes_on == Some(false) {
            break;
        }
    }
    Ok(())
}

/// Returns the numbers of the selected hosts; `None`: every host.
fn selected(
    sql: &Connection,
    kept: &KeptSets,
    selection: &Selection,
) -> rusqlite::Result<Option<RoaringTreemap>> {
    let Selection { selector, reach } = selection;
    let selector = selector.clone().filter(|selector| !selector.is_everything());
    if selector.is_none() && reach.is_none() {
        return Ok(None);
    }
    let query = HostQuery { selector, reach: reach.clone(), ..HostQuery::default() };
    hosts::numbers(sql, kept, &query).map(Some)
}

/// Returns a page of the hosts that have one of some documents.
pub(super) fn hosts(
    sql: &Connection,
    kept: &KeptSets,
    query: &DocumentHosts,
) -> rusqlite::Result<HostsPage> {
    let chosen = selected(sql, kept, &query.hosts)?;
    let method = number(sql, &query.method)?;
    if let Some(few) = chosen.as_ref().filter(|chosen| chosen.len() <= MAX_LOOKED_UP) {
        return looked_up(sql, query, method, few);
    }
    let counts = |host: i64| chosen.as_ref().is_none_or(|it| it.contains(host.cast_unsigned()));
    if query.documents.values().sum::<u64>() <= MAX_GATHERED {
        return gathered(sql, query, method, counts);
    }
    let mut page = HostsPage::default();
    let mut statement = sql.statement(
        "SELECT h.id, h.number, s.document FROM hosts h LEFT JOIN fact_spans s \
         ON s.host = h.number AND s.method = ? AND s.until IS NULL \
         WHERE h.id > ? ORDER BY h.id LIMIT ?",
    )?;
    let mut rows = statement.query(params![method, query.after, MAX_WALKED])?;
    let (mut walked, mut last) = (0, String::new());
    while let Some(row) = rows.next()? {
        walked += 1;
        let id: String = row.get(0)?;
        if let Some(document) = row.get::<_, Option<DocumentNumber>>(2)?
            && query.documents.contains_key(&document)
            && counts(row.get(1)?)
        {
            if page.hosts.len() == query.limit {
                page.next = Some(last);
                return Ok(page);
            }
            page.hosts.push((id.clone(), document));
        }
        last = id;
    }
    page.next = (walked == MAX_WALKED).then_some(last);
    Ok(page)
}

/// Returns the page where the documents have few hosts in all.
fn gathered(
    sql: &Connection,
    query: &DocumentHosts,
    method: i64,
    counts: impl Fn(i64) -> bool,
) -> rusqlite::Result<HostsPage> {
    let mut found: Vec<(String, DocumentNumber)> = Vec::new();
    for document in query.documents.keys() {
        let rows = sql.all(
            "SELECT h.id, h.number FROM fact_spans s CROSS JOIN hosts h ON h.number = s.host \
             WHERE s.method = ? AND s.document = ? AND s.until IS NULL",
            params![method, document],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let rows = rows.into_iter().filter(|(id, host)| *id > query.after && counts(*host));
        found.extend(rows.map(|(id, _)| (id, *document)));
    }
    Ok(page(query, found))
}

/// Returns the page of a few hosts, of which each is looked up.
fn looked_up(
    sql: &Connection,
    query: &DocumentHosts,
    method: i64,
    few: &RoaringTreemap,
) -> rusqlite::Result<HostsPage> {
    let mut found = Vec::new();
    for host in few {
        let row = sql.first(
            "SELECT h.id, s.document FROM hosts h CROSS JOIN fact_spans s ON s.host = h.number \
             WHERE h.number = ? AND s.method = ? AND s.until IS NULL",
            params![host.cast_signed(), method],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<DocumentNumber>>(1)?)),
        )?;
        if let Some((id, Some(document))) = row
            && id > query.after
            && query.documents.contains_key(&document)
        {
            found.push((id, document));
        }
    }
    Ok(page(query, found))
}

/// Makes a page of all hosts that were found.
fn page(query: &DocumentHosts, mut found: Vec<(String, DocumentNumber)>) -> HostsPage {
    found.sort_unstable();
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
    HostsPage { hosts: found, next }
}

/// Counts the selected hosts by their document.
pub(super) fn count(
    sql: &Connection,
    kept: &KeptSets,
    method: &str,
    selection: &Selection,
) -> rusqlite::Result<HashMap<Option<DocumentNumber>, u64>> {
    let mut counts = HashMap::new();
    let chosen = selected(sql, kept, selection)?;
    let mut statement = sql.statement(
        "SELECT document, host FROM fact_spans WHERE method = ? AND until IS NULL LIMIT ?",
    )?;
    let most = limit(usize::MAX);
    let mut rows = statement.query(params![number(sql, method)?, most])?;
    while let Some(row) = rows.next()? {
        let host = row.get::<_, i64>(1)?;
        if chosen.as_ref().is_none_or(|chosen| chosen.contains(host.cast_unsigned())) {
            *counts.entry(row.get(0)?).or_default() += 1;
        }
    }
    Ok(counts)
}

/// Returns the documents of now that have one of some entries.
pub(super) fn entries(sql: &Connection, query: &EntryQuery) -> rusqlite::Result<FoundEntries> {
    let kind = query.kind.number();
    let row = |row: &rusqlite::Row<'_>| {
        let entry: Entry = (row.get(0)?, row.get(1)?);
        Ok((entry, row.get::<_, DocumentNumber>(2)?, row.get::<_, bool>(3)?))
    };
    let rows = match &query.key {
        KeyRange::Is(key) => sql.all(
            "SELECT key, value, document, present FROM fact_entries WHERE kind = ? AND key = ?",
            params![kind, key],
            row,
        ),
        KeyRange::Within(from, to) => sql.all(
            "SELECT key, value, document, present FROM fact_entries \
             WHERE kind = ? AND key >= ? AND key < ?",
            params![kind, from, to],
            row,
        ),
    }?;
    let current = sql.all(
        "SELECT number, base, hosts FROM fact_documents WHERE method = ?",
        params![number(sql, query.kind.method())?],
        |row| {
            let place =
                (row.get::<_, DocumentNumber>(0)?, row.get::<_, Option<DocumentNumber>>(1)?);
            Ok((place, row.get::<_, i64>(2)?))
        },
    )?;
    let current = current.into_iter().filter(|(_, hosts)| *hosts > 0).map(|(place, _)| place);
    Ok(documents::found(rows, current))
}
