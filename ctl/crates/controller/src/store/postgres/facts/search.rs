//! Searches in the facts of all hosts.

use crate::store::documents;
use crate::store::postgres::column::count as count_in;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{hosts, params};
use crate::store::{
    CurrentDocument, DocumentHosts, DocumentNumber, EntryQuery, FoundEntries, HostsPage, KeyRange,
    Selection,
};
use fleet::Selector;
use fleet::facts::index::Entry;
use futures_util::StreamExt as _;
use std::collections::{HashMap, HashSet};
use std::pin::pin;

/// Hosts that a page gathers and sorts; where documents have more, it walks through all hosts in
/// order instead, and is full soon.
const MAX_GATHERED: u64 = 20_000;

/// Hosts that such a walk looks at; the page may be short then.
const MAX_WALKED: usize = 20_000;

/// Hosts that one step of the walk reads.
const STEP: usize = 1_000;

/// Returns a method's number; -1, which no row has, if no host was ever asked.
async fn number(sql: &Sql, method: &str) -> Result<i32, DbError> {
    let find = "SELECT number FROM fact_methods WHERE name = $1";
    let found = sql.first(find, params![method], |row| Ok(row.try_get(0)?)).await?;
    Ok(found.unwrap_or(-1))
}

/// Returns the documents that hosts have now.
pub(super) async fn current(sql: &Sql, method: &str) -> Result<Vec<CurrentDocument>, DbError> {
    sql.all(
        "SELECT d.number, c.hosts FROM ( \
             SELECT document, count(*) AS hosts FROM fact_spans \
             WHERE method = $1 AND document IS NOT NULL AND until IS NULL GROUP BY document \
         ) AS c JOIN fact_documents d ON d.number = c.document \
         ORDER BY d.base NULLS FIRST, d.number",
        params![number(sql, method).await?],
        |row| Ok(CurrentDocument { number: row.try_get(0)?, hosts: count_in(row, 1)? }),
    )
    .await
}

/// Returns the numbers of the selected hosts; `None`: every host.
async fn selected(sql: &Sql, selection: &Selection) -> Result<Option<HashSet<i64>>, DbError> {
    let of = async |selector: &Selector| -> Result<HashSet<i64>, DbError> {
        Ok(hosts::numbers(sql, selector).await?.into_iter().collect())
    };
    let wanted = match &selection.selector {
        Some(selector) if !selector.is_everything() => Some(of(selector).await?),
        _ => None,
    };
    let Some(reach) = &selection.reach else { return Ok(wanted) };
    let mut reached = HashSet::new();
    for selector in reach {
        reached.extend(of(selector).await?);
    }
    if let Some(wanted) = wanted {
        reached.retain(|host| wanted.contains(host));
    }
    Ok(Some(reached))
}

/// Returns a page of the hosts that have one of some documents.
pub(super) async fn hosts(sql: &Sql, query: &DocumentHosts) -> Result<HostsPage, DbError> {
    let chosen = selected(sql, &query.hosts).await?;
    let counts = |host: i64| chosen.as_ref().is_none_or(|chosen| chosen.contains(&host));
    let method = number(sql, &query.method).await?;
    if query.documents.values().sum::<u64>() <= MAX_GATHERED {
        return gathered(sql, query, method, counts).await;
    }
    let text = format!(
        "SELECT h.id, h.number, s.document FROM hosts h LEFT JOIN fact_spans s \
         ON s.host = h.number AND s.method = $1 AND s.until IS NULL \
         WHERE h.id > $2 ORDER BY h.id LIMIT {STEP}"
    );
    let (mut page, mut last) = (HostsPage::default(), query.after.clone());
    for _ in 0..MAX_WALKED / STEP {
        let rows: Vec<(String, i64, Option<DocumentNumber>)> = sql
            .all(&text, params![method, last], |row| {
                Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
            })
            .await?;
        let is_end = rows.len() < STEP;
        for (id, host, document) in rows {
            if let Some(document) = document
                && query.documents.contains_key(&document)
                && counts(host)
            {
                if page.hosts.len() == query.limit {
                    page.next = Some(last);
                    return Ok(page);
                }
                page.hosts.push((id.clone(), document));
            }
            last = id;
        }
        if is_end {
            return Ok(page);
        }
    }
    page.next = Some(last);
    Ok(page)
}

/// Returns the page where the documents have few hosts in all.
async fn gathered(
    sql: &Sql,
    query: &DocumentHosts,
    method: i32,
    counts: impl Fn(i64) -> bool,
) -> Result<HostsPage, DbError> {
    let documents: Vec<DocumentNumber> = query.documents.keys().copied().collect();
    let rows: Vec<(String, DocumentNumber, i64)> = sql
        .all(
            "SELECT h.id, s.document, h.number FROM fact_spans s JOIN hosts h ON h.number = s.host \
             WHERE s.method = $1 AND s.document = ANY ($2) AND s.until IS NULL",
            params![method, documents],
            |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)),
        )
        .await?;
    let rows = rows.into_iter().filter(|(id, _, host)| *id > query.after && counts(*host));
    let mut found: Vec<(String, DocumentNumber)> =
        rows.map(|(id, document, _)| (id, document)).collect();
    found.sort_unstable();
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| more).map(|(id, _)| id.clone());
    Ok(HostsPage { hosts: found, next })
}

/// Counts the selected hosts by their document.
pub(super) async fn count(
    sql: &Sql,
    method: &str,
    selection: &Selection,
) -> Result<HashMap<Option<DocumentNumber>, u64>, DbError> {
    let chosen = selected(sql, selection).await?;
    let method = number(sql, method).await?;
    let Some(chosen) = chosen else {
        let counts = sql
            .all(
                "SELECT document, count(*) FROM fact_spans WHERE method = $1 AND until IS NULL \
             GROUP BY document",
                params![method],
                |row| Ok((row.try_get(0)?, count_in(row, 1)?)),
            )
            .await?;
        return Ok(counts.into_iter().collect());
    };
    let mut counts = HashMap::new();
    let read = "SELECT document, host FROM fact_spans WHERE method = $1 AND until IS NULL";
    let mut rows = pin!(sql.stream(read, params![method]).await?);
    while let Some(row) = rows.next().await {
        let row = row?;
        if chosen.contains(&row.try_get(1)?) {
            *counts.entry(row.try_get(0)?).or_default() += 1;
        }
    }
    // Within no transaction: all of it is read.
    sql.set_open(false);
    Ok(counts)
}

/// Returns the documents of now that have one of some entries.
pub(super) async fn entries(sql: &Sql, query: &EntryQuery) -> Result<FoundEntries, DbError> {
    // First, so that the entries of each document and of its base are all there.
    let current: Vec<(DocumentNumber, Option<DocumentNumber>)> = sql
        .all(
            "SELECT d.number, d.base FROM fact_documents d WHERE d.method = $1 AND EXISTS \
             (SELECT 1 FROM fact_spans s WHERE s.method = $1 AND s.document = d.number \
             AND s.until IS NULL)",
            params![number(sql, query.kind.method()).await?],
            |row| Ok((row.try_get(0)?, row.try_get(1)?)),
        )
        .await?;
    let kind = super::sweep::kind(query.kind);
    let row = |row: &tokio_postgres::Row| {
        let entry: Entry = (row.try_get(0)?, row.try_get(1)?);
        Ok((entry, row.try_get::<_, DocumentNumber>(2)?, row.try_get::<_, bool>(3)?))
    };
    let rows = match &query.key {
        KeyRange::Is(key) => {
            let read = "SELECT key, value, document, present FROM fact_entries \
                        WHERE kind = $1 AND key = $2";
            sql.all(read, params![kind, key], row).await
        }
        KeyRange::Within(from, to) => {
            let read = "SELECT key, value, document, present FROM fact_entries \
                        WHERE kind = $1 AND key >= $2 AND key < $3";
            sql.all(read, params![kind, from, to], row).await
        }
    }?;
    Ok(documents::found(rows, current))
}
