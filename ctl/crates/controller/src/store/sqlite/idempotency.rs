//! Requests with an idempotency key, in the table `repeatable`.

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::sql::Sql as _;
use crate::store::{
    Answer, Idempotency, MAX_ANSWER_BYTES, MAX_KEYS_OF_ONE, REPEATABLE_KEPT, Repeatable, Reserved,
    StoreError,
};
use async_trait::async_trait;
use fleet::{Digest, UnixMillis};
use rusqlite::{Connection, params};

#[async_trait]
impl Idempotency for SqliteStore {
    async fn reserve(&self, request: Repeatable, now: UnixMillis) -> Result<Reserved, StoreError> {
        self.change(move |transaction| reserve(transaction.sql, &request, now)).await
    }

    async fn answered(&self, request: &Repeatable, answer: Answer) -> Result<(), StoreError> {
        let Repeatable { principal, key, .. } = request.clone();
        let body = answer.body.filter(|body| body.len() <= MAX_ANSWER_BYTES);
        self.change(move |transaction| {
            transaction.sql.run(
                "UPDATE repeatable SET state = 'answered', status = ?3, body = ?4 \
                 WHERE principal = ?1 AND key = ?2",
                params![principal, key, answer.status, body],
            )?;
            Ok(())
        })
        .await
    }

    async fn give_back(&self, request: &Repeatable) -> Result<(), StoreError> {
        let Repeatable { principal, key, .. } = request.clone();
        self.change(move |transaction| {
            transaction.sql.run(
                "DELETE FROM repeatable WHERE principal = ? AND key = ? AND state = 'running'",
                params![principal, key],
            )?;
            Ok(())
        })
        .await
    }
}

fn reserve(
    sql: &Connection,
    request: &Repeatable,
    now: UnixMillis,
) -> Result<Reserved, ChangeError> {
    let Repeatable { principal, key, digest } = request;
    // A key is free again after a day, whether it has been swept or not.
    sql.run(
        "DELETE FROM repeatable WHERE principal = ? AND key = ? AND at <= ?",
        params![principal, key, now - REPEATABLE_KEPT],
    )?;
    let known = sql.first(
        "SELECT digest, state, status, body FROM repeatable WHERE principal = ? AND key = ?",
        params![principal, key],
        |row| {
            if Digest::from_bytes(row.get(0)?) != *digest {
                return Ok(Reserved::OtherRequest);
            }
            Ok(match row.get_ref(1)?.as_str()? {
                "answered" => Reserved::Answered(Answer { status: row.get(2)?, body: row.get(3)? }),
                "interrupted" => Reserved::Interrupted,
                _ => Reserved::InProgress,
            })
        },
    )?;
    if let Some(known) = known {
        return Ok(known);
    }
    let keys = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM repeatable WHERE principal = ? LIMIT ?)",
        params![principal, MAX_KEYS_OF_ONE.cast_signed()],
        |row| row.get::<_, i64>(0),
    )?;
    if keys >= Some(MAX_KEYS_OF_ONE.cast_signed()) {
        let why = format!(
            "\"{principal}\" has used {MAX_KEYS_OF_ONE} idempotency keys within a day; repeat the \
             request without one, or later"
        );
        return Err(StoreError::Conflict(why).into());
    }
    sql.run(
        "INSERT INTO repeatable (principal, key, digest, state, at) \
         VALUES (?, ?, ?, 'running', ?)",
        params![principal, key, digest.as_bytes(), now],
    )?;
    Ok(Reserved::New)
}

/// Notes that the requests which the last run of the controller left without an answer have none.
pub(super) fn interrupt(transaction: &mut Transaction<'_>) -> Result<usize, ChangeError> {
    let sql = "UPDATE repeatable SET state = 'interrupted' WHERE state = 'running'";
    Ok(transaction.sql.run(sql, [])?)
}
