//! Requests with an idempotency key, in the table `repeatable`.

use super::change::{ChangeError, Transaction, change};
use super::error::DbError;
use super::sql::Sql;
use super::{PostgresStore, column, params};
use crate::store::{
    Answer, Idempotency, MAX_ANSWER_BYTES, MAX_KEYS_OF_ONE, REPEATABLE_KEPT, Repeatable, Reserved,
    StoreError,
};
use async_trait::async_trait;
use fleet::UnixMillis;

#[async_trait]
impl Idempotency for PostgresStore {
    async fn reserve(&self, request: Repeatable, now: UnixMillis) -> Result<Reserved, StoreError> {
        change!(self, |transaction| reserve(&mut transaction, &request, now))
    }

    async fn answered(&self, request: &Repeatable, answer: Answer) -> Result<(), StoreError> {
        let request = request.clone();
        change!(self, |transaction| answered(&transaction.sql, &request, &answer))
    }

    async fn give_back(&self, request: &Repeatable) -> Result<(), StoreError> {
        let request = request.clone();
        change!(self, |transaction| give_back(&transaction.sql, &request))
    }
}

async fn reserve(
    transaction: &mut Transaction,
    request: &Repeatable,
    now: UnixMillis,
) -> Result<Reserved, ChangeError> {
    let sql = &transaction.sql;
    let Repeatable { principal, key, digest } = request;
    // A key is free again after a day, whether it has been swept or not.
    sql.run(
        "DELETE FROM repeatable WHERE principal = $1 AND key = $2 AND at <= $3",
        params![principal, key, now - REPEATABLE_KEPT],
    )
    .await?;
    let keys = sql
        .first(
            "SELECT count(*) FROM (SELECT 1 FROM repeatable WHERE principal = $1 LIMIT $2) AS counted",
            params![principal, MAX_KEYS_OF_ONE.cast_signed()],
            |row| column::count(row, 0),
        )
        .await?;
    let is_full = keys >= Some(MAX_KEYS_OF_ONE);
    if !is_full {
        // Of two that come at once, the second one waits here for the first.
        let new = sql
            .run(
                "INSERT INTO repeatable (principal, key, digest, state, at, node) \
                 VALUES ($1, $2, $3, 'running', $4, $5) ON CONFLICT (principal, key) DO NOTHING",
                params![principal, key, &digest.as_bytes()[..], now, transaction.node],
            )
            .await?;
        if new > 0 {
            return Ok(Reserved::New);
        }
    }
    let known = sql
        .first(
            "SELECT digest, state, status, body FROM repeatable \
             WHERE principal = $1 AND key = $2",
            params![principal, key],
            |row| {
                if column::digest(row, 0)? != *digest {
                    return Ok(Reserved::OtherRequest);
                }
                Ok(match row.try_get(1)? {
                    "answered" => {
                        let status: i32 = row.try_get(2)?;
                        let status = u16::try_from(status).unwrap_or(u16::MAX);
                        Reserved::Answered(Answer { status, body: row.try_get(3)? })
                    }
                    "interrupted" => Reserved::Interrupted,
                    _ => Reserved::InProgress,
                })
            },
        )
        .await?;
    known.ok_or_else(|| {
        let why = format!(
            "\"{principal}\" has used {MAX_KEYS_OF_ONE} idempotency keys within a day; repeat the \
             request without one, or later"
        );
        StoreError::Conflict(why).into()
    })
}

async fn answered(sql: &Sql, request: &Repeatable, answer: &Answer) -> Result<(), ChangeError> {
    let body = answer.body.as_ref().filter(|body| body.len() <= MAX_ANSWER_BYTES);
    sql.run(
        "UPDATE repeatable SET state = 'answered', status = $3, body = $4 \
         WHERE principal = $1 AND key = $2",
        params![request.principal, request.key, i32::from(answer.status), body],
    )
    .await?;
    Ok(())
}

async fn give_back(sql: &Sql, request: &Repeatable) -> Result<(), ChangeError> {
    sql.run(
        "DELETE FROM repeatable WHERE principal = $1 AND key = $2 AND state = 'running'",
        params![request.principal, request.key],
    )
    .await?;
    Ok(())
}

/// Notes that the last run of the controller left these requests without an answer.
pub(super) async fn interrupt(sql: &Sql, node: Option<i32>) -> Result<(), DbError> {
    sql.run(
        "UPDATE repeatable SET state = 'interrupted' \
         WHERE state = 'running' AND ($1::integer IS NULL OR node = $1 OR node IS NULL)",
        params![node],
    )
    .await?;
    Ok(())
}
