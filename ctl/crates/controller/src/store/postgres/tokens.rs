//! The join tokens, in the table `tokens`.

use super::change::{ChangeError, Transaction, change, query};
use super::column::{digest, json, parsed};
use super::error::DbError;
use super::hosts;
use super::lock::Lock;
use super::sql::Sql;
use super::{PostgresStore, column, limit, params};
use crate::store::document::document;
use crate::store::standing::By;
use crate::store::{Admitting, JoinTokens, MAX_TOKENS, NewToken, StoreError, TokenRow};
use async_trait::async_trait;
use fleet::{JoinState, TokenId, UnixMillis};
use tokio_postgres::Row;

const PAGE: &str = "SELECT id, name, terms, uses, revoked_at, created_by, created_at FROM tokens \
                    WHERE id > $1 ORDER BY id LIMIT $2";

const ONE: &str = "SELECT id, name, terms, uses, revoked_at, created_by, created_at FROM tokens \
                   WHERE id = $1";

#[async_trait]
impl JoinTokens for PostgresStore {
    async fn create_token(&self, token: NewToken) -> Result<TokenRow, StoreError> {
        change!(self, |transaction| create(&transaction.sql, &token))
    }

    async fn tokens(&self, after: &str, most: usize) -> Result<Vec<TokenRow>, StoreError> {
        query!(self, "the join tokens", |sql| sql.all(PAGE, params![after, limit(most)], row))
    }

    async fn token(&self, id: &TokenId) -> Result<Option<TokenRow>, StoreError> {
        query!(self, "a join token", |sql| sql.first(ONE, params![id.as_str()], row))
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        with_hosts: bool,
        now: UnixMillis,
    ) -> Result<Vec<String>, StoreError> {
        let id = id.clone();
        change!(self, |transaction| revoke(&mut transaction, &id, with_hosts, now))
    }
}

async fn create(sql: &Sql, token: &NewToken) -> Result<TokenRow, ChangeError> {
    Lock::JoinTokens.take(sql).await?;
    if sql.first(ONE, params![token.id.as_str()], row).await?.is_some() {
        return Err(token.taken().into());
    }
    // Counts in the index, and no further than the bound.
    let many = sql
        .first(
            "SELECT count(*) FROM (SELECT 1 FROM tokens WHERE id > '' LIMIT $1) AS counted",
            params![MAX_TOKENS.cast_signed()],
            |row| column::count(row, 0),
        )
        .await?;
    if many >= Some(MAX_TOKENS) {
        return Err(NewToken::too_many().into());
    }
    sql.run(
        "INSERT INTO tokens (id, secret, name, terms, ends, uses, created_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7)",
        params![
            token.id.as_str(),
            &token.secret.as_bytes()[..],
            token.name,
            document(&token.terms),
            token.terms.expires,
            token.created_by,
            token.now
        ],
    )
    .await?;
    Ok(token.row())
}

async fn revoke(
    transaction: &mut Transaction,
    id: &TokenId,
    with_hosts: bool,
    now: UnixMillis,
) -> Result<Vec<String>, ChangeError> {
    let sql = &transaction.sql;
    // The token's row is locked from here on, so no host joins by it meanwhile.
    let found = sql
        .run(
            "UPDATE tokens SET revoked_at = coalesce(revoked_at, $2), ends = least(ends, $2) \
             WHERE id = $1",
            params![id.as_str(), now],
        )
        .await?;
    if found == 0 {
        return Err(StoreError::missing("join token", id.as_str()).into());
    }
    if !with_hosts {
        return Ok(Vec::new());
    }
    let mut admitted: Vec<String> = sql
        .all("SELECT id FROM hosts WHERE token = $1", params![id.as_str()], |row| {
            Ok(row.try_get(0)?)
        })
        .await?;
    admitted.sort_unstable();
    for host in &admitted {
        hosts::operator::ban(transaction, host, By::Operator, now).await?;
    }
    Ok(admitted)
}

/// Returns what an enrollment needs of a token, which is locked until the transaction ends: two
/// hosts that come at once cannot share its last use.
pub(super) async fn admitting(sql: &Sql, id: &TokenId) -> Result<Option<Admitting>, DbError> {
    sql.first(
        "SELECT secret, terms, uses, revoked_at FROM tokens WHERE id = $1 FOR UPDATE",
        params![id.as_str()],
        |row| {
            let revoked = row.try_get::<_, Option<i64>>(3)?.is_some();
            let state = JoinState { uses: uses(row, 2)?, revoked };
            Ok(Admitting { secret: digest(row, 0)?, terms: json(row, 1)?, state })
        },
    )
    .await
}

/// Counts a use.
pub(super) async fn count_use(sql: &Sql, id: &TokenId) -> Result<(), DbError> {
    sql.run("UPDATE tokens SET uses = uses + 1 WHERE id = $1", params![id.as_str()]).await?;
    Ok(())
}

fn uses(row: &Row, column: usize) -> Result<u32, DbError> {
    Ok(u32::try_from(column::count(row, column)?).unwrap_or(u32::MAX))
}

fn row(row: &Row) -> Result<TokenRow, DbError> {
    Ok(TokenRow {
        id: parsed(row, 0, TokenId::new)?,
        name: row.try_get(1)?,
        terms: json(row, 2)?,
        uses: uses(row, 3)?,
        revoked_at: row.try_get(4)?,
        created_by: row.try_get(5)?,
        created_at: row.try_get(6)?,
    })
}
