//! The results of all hosts, in the table `results`.

use super::change::query;
use super::error::DbError;
use super::sql::Sql;
use super::writer::QueueItem;
use super::{MAX_QUEUED_KIB, PostgresStore, column, limit, params};
use crate::store::{Arrival, MAX_PAGE_BYTES, ResultHead, ResultRow, Results, StoreError, Watch};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use std::pin::pin;
use std::sync::Arc;
use tokio_postgres::Row;

/// Rows that are asked for at once; a page is cut by bytes while it is read.
const AT_ONCE: usize = 64;

const PAGE: &str = "SELECT sequence, received, task, event FROM results \
                    WHERE host = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

const NEWEST: &str = "SELECT sequence, received, task, event FROM results \
                      WHERE host = $1 AND sequence < $2 ORDER BY sequence DESC LIMIT $3";

/// The runs of a task are few; the sum keeps the planner from reading all results of the host in
/// the order of their numbers.
const NEWEST_RUN: &str = "SELECT event FROM results WHERE host = $1 AND task = $2 \
                          ORDER BY sequence + 0 DESC LIMIT 1";

const SIZE_OF_NEWEST_RUN: &str = "SELECT octet_length(event)::bigint FROM results \
                                  WHERE host = $1 AND task = $2 \
                                  ORDER BY sequence + 0 DESC LIMIT 1";

#[async_trait]
impl Results for PostgresStore {
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
        query!(self, "a page of results", |sql| page(&sql, host, after, limit))
    }

    async fn newest_results(
        &self,
        host: &str,
        before: i64,
        limit: usize,
    ) -> Result<Vec<ResultHead>, StoreError> {
        query!(self, "a page of results", |sql| newest(&sql, host, before, limit))
    }

    async fn result(&self, host: &str, task: &str) -> Result<Option<String>, StoreError> {
        query!(self, "a task's result", |sql| sql
            .first(NEWEST_RUN, params![host, task], |row| Ok(row.try_get(0)?)))
    }

    async fn result_size(&self, host: &str, task: &str) -> Result<Option<usize>, StoreError> {
        let size: Option<u64> = query!(self, "the size of a task's result", |sql| sql.first(
            SIZE_OF_NEWEST_RUN,
            params![host, task],
            |row| column::count(row, 0)
        ))?;
        Ok(size.and_then(|size| usize::try_from(size).ok()))
    }

    fn watch_result(&self, host: &str, task: &str) -> Watch {
        self.core.watches.start(host, task)
    }
}

fn row(row: &Row) -> Result<ResultRow, DbError> {
    Ok(ResultRow {
        sequence: row.try_get(0)?,
        received: row.try_get(1)?,
        task: row.try_get(2)?,
        event: row.try_get(3)?,
    })
}

/// Reads a page, and nothing much beyond it.
async fn page(sql: &Sql, host: &str, after: i64, most: usize) -> Result<Vec<ResultRow>, DbError> {
    let (mut page, mut size, mut last) = (Vec::new(), 0, after);
    while page.len() < most {
        let asked = AT_ONCE.min(most - page.len());
        let rows = sql.stream(PAGE, params![host, last, limit(asked)]).await?;
        let (mut rows, mut read) = (pin!(rows), 0);
        while let Some(next) = rows.next().await {
            let next = row(&next?)?;
            read += 1;
            last = next.sequence;
            size += next.event.len();
            if size > MAX_PAGE_BYTES && !page.is_empty() {
                return Ok(page);
            }
            page.push(next);
        }
        sql.set_open(false);
        if read < asked {
            break;
        }
    }
    Ok(page)
}

/// Reads heads of results, newest first. PostgreSQL's own JSON functions refuse some events that an
/// agent may send (an escaped NUL), so the output is taken out here, one event at a time.
async fn newest(
    sql: &Sql,
    host: &str,
    before: i64,
    most: usize,
) -> Result<Vec<ResultHead>, DbError> {
    let rows = sql.stream(NEWEST, params![host, before, limit(most)]).await?;
    let (mut rows, mut heads) = (pin!(rows), Vec::new());
    while let Some(next) = rows.next().await {
        let mut row = row(&next?)?;
        let bytes = row.event.len() as u64;
        row.event = super::head::without_output(row.event);
        heads.push(ResultHead { row, bytes });
    }
    sql.set_open(false);
    Ok(heads)
}
