//! API tokens and sessions: what stands for an operator without a password.

use super::operator;
use crate::store::sqlite::change::ChangeError;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{
    ApiTokenRow, MAX_API_TOKENS, MAX_SESSIONS, NewApiToken, OperatorRow, SessionRow, StoreError,
};
use fleet::{Digest, UnixMillis};
use rusqlite::{Connection, Row, params};

/// The columns of an API token, without its digest.
pub(super) const API_TOKEN: &str = "id, operator, name, created_at, expires_at, last_used";

/// Stores an API token, unless its operator has too many.
pub(super) fn create_api_token(sql: &Connection, new: &NewApiToken) -> Result<(), ChangeError> {
    let token = &new.token;
    if operator(sql, &token.operator)?.is_none() {
        return Err(StoreError::missing("operator", &token.operator).into());
    }
    let all = sql.first(
        "SELECT count(*) FROM api_tokens WHERE operator = ?",
        params![token.operator],
        |row| row.get::<_, i64>(0),
    )?;
    if all >= Some(MAX_API_TOKENS.cast_signed()) {
        return Err(new.too_many().into());
    }
    sql.run(
        "INSERT INTO api_tokens (id, digest, operator, name, created_at, expires_at) \
         VALUES (?, ?, ?, ?, ?, ?)",
        params![
            token.id,
            new.digest.as_bytes(),
            token.operator,
            token.name,
            token.created_at,
            token.expires_at
        ],
    )?;
    Ok(())
}

/// Reads the columns [`API_TOKEN`].
pub(super) fn api_token(row: &Row<'_>) -> rusqlite::Result<ApiTokenRow> {
    Ok(ApiTokenRow {
        id: row.get(0)?,
        operator: row.get(1)?,
        name: row.get(2)?,
        created_at: row.get(3)?,
        expires_at: row.get(4)?,
        last_used: row.get(5)?,
    })
}

/// Returns the API token with this digest, and its operator, unless it is good no more.
pub(super) fn valid_api_token(
    sql: &Connection,
    digest: &Digest,
    now: UnixMillis,
) -> rusqlite::Result<Option<(ApiTokenRow, OperatorRow)>> {
    let token = sql.first(
        &format!("SELECT {API_TOKEN} FROM api_tokens WHERE digest = ?"),
        params![digest.as_bytes()],
        api_token,
    )?;
    let Some(token) = token.filter(|token| token.expires_at.is_none_or(|end| now < end)) else {
        return Ok(None);
    };
    let owner = operator(sql, &token.operator)?;
    Ok(owner.filter(|operator| !operator.disabled).map(|operator| (token, operator)))
}

/// Stores a session, in place of the operator's oldest one where there are too many.
pub(super) fn create_session(sql: &Connection, session: &SessionRow) -> Result<(), ChangeError> {
    if operator(sql, &session.operator)?.is_none_or(|operator| operator.disabled) {
        return Err(StoreError::missing("operator", &session.operator).into());
    }
    sql.run(
        "DELETE FROM sessions WHERE digest IN (SELECT digest FROM sessions WHERE operator = ? \
         ORDER BY created_at DESC LIMIT -1 OFFSET ?)",
        params![session.operator, MAX_SESSIONS.cast_signed() - 1],
    )?;
    sql.run(
        "INSERT INTO sessions (digest, operator, created_at, expires_at) \
         VALUES (?, ?, ?, ?)",
        params![
            session.digest.as_bytes(),
            session.operator,
            session.created_at,
            session.expires_at
        ],
    )?;
    Ok(())
}

/// Returns the session with this digest, and its operator, unless it is good no more.
pub(super) fn valid_session(
    sql: &Connection,
    digest: &Digest,
    now: UnixMillis,
) -> rusqlite::Result<Option<(SessionRow, OperatorRow)>> {
    let session = sql.first(
        "SELECT operator, created_at, expires_at FROM sessions WHERE digest = ?",
        params![digest.as_bytes()],
        |row| {
            Ok(SessionRow {
                digest: *digest,
                operator: row.get(0)?,
                created_at: row.get(1)?,
                expires_at: row.get(2)?,
            })
        },
    )?;
    let Some(session) = session.filter(|session| now < session.expires_at) else {
        return Ok(None);
    };
    let owner = operator(sql, &session.operator)?;
    Ok(owner.filter(|operator| !operator.disabled).map(|operator| (session, operator)))
}
