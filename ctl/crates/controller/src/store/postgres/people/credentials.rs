//! API tokens and sessions: what stands for an operator without a password.

use super::operators::{enabled, find};
use crate::store::postgres::change::ChangeError;
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{column, params};
use crate::store::{
    ApiTokenRow, MAX_API_TOKENS, MAX_SESSIONS, NewApiToken, OperatorRow, SessionRow, StoreError,
};
use fleet::{Digest, UnixMillis};
use tokio_postgres::Row;

/// A page of an operator's API tokens.
pub(super) const API_TOKENS: &str = "\
    SELECT id, operator, name, created_at, expires_at, last_used FROM api_tokens \
    WHERE operator = $1 AND id > $2 ORDER BY id LIMIT $3";

const API_TOKEN: &str = "SELECT id, operator, name, created_at, expires_at, last_used \
                         FROM api_tokens WHERE digest = $1";

/// Stores an API token, unless its operator has too many.
pub(super) async fn create_api_token(sql: &Sql, new: &NewApiToken) -> Result<(), ChangeError> {
    let token = &new.token;
    // One after the other: they are counted.
    let lock = "SELECT 1 FROM operators WHERE name = $1 FOR UPDATE";
    if sql.first(lock, params![token.operator], |_| Ok(())).await?.is_none() {
        return Err(StoreError::missing("operator", &token.operator).into());
    }
    let count = "SELECT count(*) FROM api_tokens WHERE operator = $1";
    let all = sql.first(count, params![token.operator], |row| column::count(row, 0)).await?;
    if all >= Some(MAX_API_TOKENS) {
        return Err(new.too_many().into());
    }
    sql.run(
        "INSERT INTO api_tokens (id, digest, operator, name, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        params![
            token.id,
            &new.digest.as_bytes()[..],
            token.operator,
            token.name,
            token.created_at,
            token.expires_at
        ],
    )
    .await?;
    Ok(())
}

/// Deletes an operator's API token.
pub(super) async fn delete_api_token(
    sql: &Sql,
    operator: &str,
    id: &str,
) -> Result<(), ChangeError> {
    let delete = "DELETE FROM api_tokens WHERE operator = $1 AND id = $2";
    match sql.run(delete, params![operator, id]).await? {
        0 => Err(StoreError::missing("API token", id).into()),
        _ => Ok(()),
    }
}

/// Reads an API token.
pub(super) fn api_token(row: &Row) -> Result<ApiTokenRow, DbError> {
    Ok(ApiTokenRow {
        id: row.try_get(0)?,
        operator: row.try_get(1)?,
        name: row.try_get(2)?,
        created_at: row.try_get(3)?,
        expires_at: row.try_get(4)?,
        last_used: row.try_get(5)?,
    })
}

/// Returns the API token with this digest, and its operator, unless it is good no more.
pub(super) async fn valid_api_token(
    sql: &Sql,
    digest: &Digest,
    now: UnixMillis,
) -> Result<Option<(ApiTokenRow, OperatorRow)>, DbError> {
    let token = sql.first(API_TOKEN, params![&digest.as_bytes()[..]], api_token).await?;
    let Some(token) = token.filter(|token| token.expires_at.is_none_or(|end| now < end)) else {
        return Ok(None);
    };
    let owner = find(sql, &token.operator).await?;
    Ok(owner.filter(|operator| !operator.disabled).map(|operator| (token, operator)))
}

/// Stores a session, in place of the operator's oldest one where there are too many.
pub(super) async fn create_session(sql: &Sql, session: &SessionRow) -> Result<(), ChangeError> {
    enabled(sql, &session.operator).await?;
    sql.run(
        "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE operator = $1 \
         ORDER BY created_at DESC OFFSET $2)",
        params![session.operator, MAX_SESSIONS.cast_signed() - 1],
    )
    .await?;
    sql.run(
        "INSERT INTO sessions (digest, operator, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        params![
            &session.digest.as_bytes()[..],
            session.operator,
            session.created_at,
            session.expires_at
        ],
    )
    .await?;
    Ok(())
}

/// Ends a session.
pub(super) async fn delete_session(sql: &Sql, digest: &Digest) -> Result<(), ChangeError> {
    let delete = "DELETE FROM sessions WHERE digest = $1";
    sql.run(delete, params![&digest.as_bytes()[..]]).await?;
    Ok(())
}

/// Returns the session with this digest, and its operator, unless it is good no more.
pub(super) async fn valid_session(
    sql: &Sql,
    digest: &Digest,
    now: UnixMillis,
) -> Result<Option<(SessionRow, OperatorRow)>, DbError> {
    let session = sql
        .first(
            "SELECT operator, created_at, expires_at FROM sessions WHERE digest = $1",
            params![&digest.as_bytes()[..]],
            |row| {
                Ok(SessionRow {
                    digest: *digest,
                    operator: row.try_get(0)?,
                    created_at: row.try_get(1)?,
                    expires_at: row.try_get(2)?,
                })
            },
        )
        .await?;
    let Some(session) = session.filter(|session| now < session.expires_at) else {
        return Ok(None);
    };
    let owner = find(sql, &session.operator).await?;
    Ok(owner.filter(|operator| !operator.disabled).map(|operator| (session, operator)))
}
