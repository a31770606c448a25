//! The join tokens, in the table `tokens`.

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::column::{document, json, parsed};
use super::hosts;
use super::sql::Sql as _;
use crate::store::standing::By;
use crate::store::{Admitting, JoinTokens, MAX_TOKENS, NewToken, StoreError, TokenRow};
use async_trait::async_trait;
use fleet::{Digest, JoinState, TokenId, UnixMillis};
use rusqlite::{Connection, Row, params};

const COLUMNS: &str = "id, name, terms, uses, revoked_at, created_by, created_at";

#[async_trait]
impl JoinTokens for SqliteStore {
    async fn create_token(&self, token: NewToken) -> Result<TokenRow, StoreError> {
        self.change(move |transaction| create(transaction, &token)).await
    }

    async fn tokens(&self, after: &str, limit: usize) -> Result<Vec<TokenRow>, StoreError> {
        let after = after.to_owned();
        self.readers
            .query("the join tokens", move |connection| {
                let sql = format!("SELECT {COLUMNS} FROM tokens WHERE id > ? ORDER BY id LIMIT ?");
                connection.all(&sql, params![after, super::limit(limit)], row)
            })
            .await
    }

    async fn token(&self, id: &TokenId) -> Result<Option<TokenRow>, StoreError> {
        let id = id.clone();
        self.readers.query("a join token", move |connection| find(connection, &id)).await
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        with_hosts: bool,
        now: UnixMillis,
    ) -> Result<Vec<String>, StoreError> {
        let id = id.clone();
        self.change(move |transaction| revoke(transaction, &id, with_hosts, now)).await
    }
}

fn create(transaction: &mut Transaction<'_>, token: &NewToken) -> Result<TokenRow, ChangeError> {
    let sql = transaction.sql;
    if find(sql, &token.id)?.is_some() {
        return Err(token.taken().into());
    }
    let bound = params![MAX_TOKENS.cast_signed()];
    // Counts in the index, and no further than the bound.
    let many = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM tokens WHERE id > '' LIMIT ?)",
        bound,
        |row| row.get::<_, i64>(0),
    )?;
    if many >= Some(MAX_TOKENS.cast_signed()) {
        return Err(NewToken::too_many().into());
    }
    sql.run(
        "INSERT INTO tokens (id, secret, name, terms, ends, uses, created_by, created_at) \
         VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
        params![
            token.id.as_str(),
            token.secret.as_bytes(),
            token.name,
            document(&token.terms),
            token.terms.expires,
            token.created_by,
            token.now
        ],
    )?;
    Ok(token.row())
}

fn revoke(
    transaction: &mut Transaction<'_>,
    id: &TokenId,
    with_hosts: bool,
    now: UnixMillis,
) -> Result<Vec<String>, ChangeError> {
    let sql = transaction.sql;
    let found = sql.run(
        "UPDATE tokens SET revoked_at = coalesce(revoked_at, ?2), ends = min(ends, ?2) \
         WHERE id = ?1",
        params![id.as_str(), now],
    )?;
    if found == 0 {
        return Err(StoreError::missing("join token", id.as_str()).into());
    }
    if !with_hosts {
        return Ok(Vec::new());
    }
    let admitted: Vec<String> =
        sql.all("SELECT id FROM hosts WHERE token = ? ORDER BY id", params![id.as_str()], |row| {
            row.get(0)
        })?;
    for host in &admitted {
        hosts::operator::ban(transaction, host, By::Operator, now)?;
    }
    Ok(admitted)
}

/// Returns what an enrollment needs of a token.
pub(super) fn admitting(sql: &Connection, id: &TokenId) -> rusqlite::Result<Option<Admitting>> {
    sql.first(
        "SELECT secret, terms, uses, revoked_at FROM tokens WHERE id = ?",
        params![id.as_str()],
        |row| {
            let state =
                JoinState { uses: row.get(2)?, revoked: row.get::<_, Option<i64>>(3)?.is_some() };
            Ok(Admitting { secret: Digest::from_bytes(row.get(0)?), terms: json(row, 1)?, state })
        },
    )
}

/// Counts a use.
pub(super) fn count_use(sql: &Connection, id: &TokenId) -> rusqlite::Result<()> {
    sql.run("UPDATE tokens SET uses = uses + 1 WHERE id = ?", params![id.as_str()]).map(|_| ())
}

fn find(sql: &Connection, id: &TokenId) -> rusqlite::Result<Option<TokenRow>> {
    sql.first(&format!("SELECT {COLUMNS} FROM tokens WHERE id = ?"), params![id.as_str()], row)
}

fn row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: parsed(row, 0, TokenId::new)?,
        name: row.get(1)?,
        terms: json(row, 2)?,
        uses: row.get(3)?,
        revoked_at: row.get(4)?,
        created_by: row.get(5)?,
        created_at: row.get(6)?,
    })
}
