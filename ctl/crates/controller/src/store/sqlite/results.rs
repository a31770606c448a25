//! The results of all hosts, in the table `results`.

use super::MAX_QUEUED_KIB;
use super::SqliteStore;
use super::sql::Sql as _;
use super::writer::QueueItem;
use crate::store::{Arrival, MAX_PAGE_BYTES, ResultHead, ResultRow, Results, StoreError, Watch};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// Pages are cut by bytes while they are read, so there is no limit in the statement.
pub(super) const PAGE: &str = "SELECT sequence, received, task, event FROM results \
     WHERE host = ? AND sequence > ? ORDER BY sequence";

const NEWEST: &str = "SELECT sequence, received, task, json_remove(event, '$.data'), \
     octet_length(event) FROM results WHERE host = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?";

pub(super) const NEWEST_RUN: &str = "SELECT event FROM results WHERE host = ? AND task = ? \
     ORDER BY sequence DESC LIMIT 1";

const SIZE_OF_NEWEST_RUN: &str = "SELECT octet_length(event) FROM results \
     WHERE host = ? AND task = ? ORDER BY sequence DESC LIMIT 1";

#[async_trait]
impl Results for SqliteStore {
    async fn put(&self, arrival: Arrival) {
        let kib = u32::try_from(arrival.size() >> 10).unwrap_or(u32::MAX).min(MAX_QUEUED_KIB);
        if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(kib).await
            && self.queue.send(QueueItem::Arrival(arrival, permit)).is_err()
        {
            log::error!("a result was not stored, its agent keeps it: the store has stopped");
        }
    }

    async fn results(
        &self,
        host: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<ResultRow>, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("a page of results", move |connection| page(connection, &host, after, limit))
            .await
    }

    async fn newest_results(
        &self,
        host: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ResultHead>, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("a page of results", move |connection| {
                connection.all(NEWEST, params![host, before, super::limit(limit)], head)
            })
            .await
    }

    async fn result(&self, host: &str, task: &str) -> Result<Option<String>, StoreError> {
        let (host, task) = (host.to_owned(), task.to_owned());
        self.readers
            .query("a task's result", move |connection| {
                connection.first(NEWEST_RUN, params![host, task], |row| row.get(0))
            })
            .await
    }

    async fn result_size(&self, host: &str, task: &str) -> Result<Option<usize>, StoreError> {
        let (host, task) = (host.to_owned(), task.to_owned());
        self.readers
            .query("the size of a task's result", move |connection| {
                let size = connection
                    .first(SIZE_OF_NEWEST_RUN, params![host, task], |row| row.get::<_, u32>(0))?;
                Ok(size.and_then(|size| usize::try_from(size).ok()))
            })
            .await
    }

    fn watch_result(&self, host: &str, task: &str) -> Watch {
        self.watches.start(host, task)
    }
}

fn head(row: &Row<'_>) -> rusqlite::Result<ResultHead> {
    let bytes = u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default();
    let (sequence, received) = (row.get(0)?, row.get(1)?);
    let row = ResultRow { sequence, received, task: row.get(2)?, event: row.get(3)? };
    Ok(ResultHead { row, bytes })
}

fn page(
    connection: &Connection,
    host: &str,
    after: i64,
    limit: usize,
) -> rusqlite::Result<Vec<ResultRow>> {
    let mut statement = connection.statement(PAGE)?;
    let mut rows = statement.query(params![host, after])?;
    let (mut page, mut size) = (Vec::new(), 0);
    while page.len() < limit
        && let Some(row) = rows.next()?
    {
        size += row.get_ref(3)?.as_str()?.len();
        if size > MAX_PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(ResultRow {
            sequence: row.get(0)?,
            received: row.get(1)?,
            task: row.get(2)?,
            event: row.get(3)?,
        });
    }
    Ok(page)
}
