//! Operators, roles, API tokens, sessions and log-in links, in tables of these names.

mod credentials;
mod login_links;

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::sql::Sql as _;
use crate::store::{
    ApiTokenRow, LastAdmin, LoginLinkRow, MAX_OPERATORS, MAX_ROLES, NewApiToken, OperatorChange,
    OperatorRow, People, RoleRow, SessionRow, StoreError,
};
use async_trait::async_trait;
use credentials::{
    API_TOKEN, api_token, create_api_token, create_session, valid_api_token, valid_session,
};
use fleet::{Digest, UnixMillis};
use rusqlite::{Connection, Row, params};

/// How exact the last use of an API token is noted.
const MINUTE: UnixMillis = 60_000;

#[async_trait]
impl People for SqliteStore {
    async fn create_operator(&self, operator: OperatorRow) -> Result<(), StoreError> {
        self.change(move |transaction| create(transaction.sql, &operator)).await
    }

    async fn operators(&self, after: &str, limit: usize) -> Result<Vec<OperatorRow>, StoreError> {
        let after = after.to_owned();
        self.readers
            .query("the operators", move |connection| operators(connection, &after, limit))
            .await
    }

    async fn operator(&self, name: &str) -> Result<Option<OperatorRow>, StoreError> {
        let name = name.to_owned();
        self.readers.query("an operator", move |connection| operator(connection, &name)).await
    }

    async fn change_operator(
        &self,
        name: &str,
        change: OperatorChange,
        admins: LastAdmin,
    ) -> Result<OperatorRow, StoreError> {
        let name = name.to_owned();
        self.change(move |transaction| alter(transaction, &name, &change, &admins)).await
    }

    async fn delete_operator(&self, name: &str, admins: LastAdmin) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.change(move |transaction| delete(transaction, &name, &admins)).await
    }

    async fn operator_count(&self) -> Result<u64, StoreError> {
        self.readers.query("the operators", count).await
    }

    async fn put_role(&self, role: RoleRow) -> Result<(), StoreError> {
        self.change(move |transaction| put_role(transaction.sql, &role)).await
    }

    async fn roles(&self) -> Result<Vec<RoleRow>, StoreError> {
        self.readers
            .query("the roles", |connection| {
                connection.all("SELECT name, document FROM own_roles ORDER BY name", [], |row| {
                    Ok(RoleRow { name: row.get(0)?, document: row.get(1)? })
                })
            })
            .await
    }

    async fn delete_role(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.change(move |transaction| delete_role(transaction.sql, &name)).await
    }

    async fn create_api_token(&self, token: NewApiToken) -> Result<(), StoreError> {
        self.change(move |transaction| create_api_token(transaction.sql, &token)).await
    }

    async fn api_tokens(
        &self,
        operator: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ApiTokenRow>, StoreError> {
        let (operator, after) = (operator.to_owned(), after.to_owned());
        self.readers
            .query("an operator's API tokens", move |connection| {
                let sql = format!(
                    "SELECT {API_TOKEN} FROM api_tokens WHERE operator = ? AND id > ? \
                     ORDER BY id LIMIT ?"
                );
                connection.all(&sql, params![operator, after, super::limit(limit)], api_token)
            })
            .await
    }

    async fn delete_api_token(&self, operator: &str, id: &str) -> Result<(), StoreError> {
        let (operator, id) = (operator.to_owned(), id.to_owned());
        self.change(move |transaction| {
            let deleted = transaction.sql.run(
                "DELETE FROM api_tokens WHERE operator = ? AND id = ?",
                params![operator, id],
            )?;
            match deleted {
                0 => Err(StoreError::missing("API token", &id).into()),
                _ => Ok(()),
            }
        })
        .await
    }

    async fn use_api_token(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
        let found = self
            .readers
            .query("an API token", move |connection| valid_api_token(connection, &digest, now))
            .await?;
        if let Some((token, _)) = &found
            && token.last_used.is_none_or(|last| now - last >= MINUTE)
        {
            let noted = self.change(move |transaction| {
                transaction.sql.run(
                    "UPDATE api_tokens SET last_used = ? WHERE digest = ?",
                    params![now, digest.as_bytes()],
                )?;
                Ok(())
            });
            // The token is good, whether its use can be noted or not.
            if let Err(error) = noted.await {
                log::debug!("the last use of an API token is not noted: {error}");
            }
        }
        Ok(found)
    }

    async fn create_session(&self, session: SessionRow) -> Result<(), StoreError> {
        self.change(move |transaction| create_session(transaction.sql, &session)).await
    }

    async fn session(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(SessionRow, OperatorRow)>, StoreError> {
        self.readers
            .query("a session", move |connection| valid_session(connection, &digest, now))
            .await
    }

    async fn delete_session(&self, digest: Digest) -> Result<(), StoreError> {
        self.change(move |transaction| {
            let key = params![digest.as_bytes()];
            transaction.sql.run("DELETE FROM sessions WHERE digest = ?", key)?;
            Ok(())
        })
        .await
    }

    async fn delete_sessions(&self, operator: &str) -> Result<(), StoreError> {
        let operator = operator.to_owned();
        self.change(move |transaction| Ok(end_sessions(transaction.sql, &operator)?)).await
    }

    async fn create_login_link(&self, link: LoginLinkRow) -> Result<(), StoreError> {
        self.change(move |transaction| login_links::create(transaction.sql, &link)).await
    }

    async fn use_login_link(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<String>, StoreError> {
        self.change(move |transaction| Ok(login_links::take(transaction.sql, &digest, now)?)).await
    }

    async fn put_setup(&self, digest: Digest, expires: UnixMillis) -> Result<(), StoreError> {
        self.change(move |transaction| {
            transaction.sql.run(
                "INSERT OR REPLACE INTO setup (only, digest, expires_at) VALUES (1, ?, ?)",
                params![digest.as_bytes(), expires],
            )?;
            Ok(())
        })
        .await
    }

    async fn use_setup(
        &self,
        digest: Digest,
        operator: OperatorRow,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        self.change(move |transaction| use_setup(transaction.sql, &digest, &operator, now)).await
    }
}

fn create(sql: &Connection, new: &OperatorRow) -> Result<(), ChangeError> {
    if operator(sql, &new.name)?.is_some() {
        return Err(new.taken().into());
    }
    if count(sql)? >= MAX_OPERATORS {
        return Err(OperatorRow::too_many().into());
    }
    sql.run(
        "INSERT INTO operators (name, password, disabled, created_at) VALUES (?, ?, ?, ?)",
        params![new.name, new.password, new.disabled, new.created_at],
    )?;
    set_roles(sql, &new.name, &new.roles)
}

fn set_roles(sql: &Connection, name: &str, roles: &[String]) -> Result<(), ChangeError> {
    sql.run("DELETE FROM operator_roles WHERE operator = ?", params![name])?;
    for role in roles {
        sql.run(
            "INSERT OR IGNORE INTO operator_roles (operator, role) VALUES (?, ?)",
            params![name, role],
        )?;
    }
    Ok(())
}

fn alter(
    transaction: &mut Transaction<'_>,
    name: &str,
    change: &OperatorChange,
    admins: &LastAdmin,
) -> Result<OperatorRow, ChangeError> {
    let sql = transaction.sql;
    if operator(sql, name)?.is_none() {
        return Err(StoreError::missing("operator", name).into());
    }
    sql.run(
        "UPDATE operators SET password = coalesce(?2, password), \
         disabled = coalesce(?3, disabled) WHERE name = ?1",
        params![name, change.password, change.disabled],
    )?;
    if let Some(roles) = &change.roles {
        set_roles(sql, name, roles)?;
    }
    if change.password.is_some() || change.disabled == Some(true) {
        end_sessions(sql, name)?;
    }
    must_have_admin(sql, admins)?;
    operator(sql, name)?.ok_or_else(|| StoreError::missing("operator", name).into())
}

fn delete(
    transaction: &mut Transaction<'_>,
    name: &str,
    admins: &LastAdmin,
) -> Result<(), ChangeError> {
    let sql = transaction.sql;
    if sql.run("DELETE FROM operators WHERE name = ?", params![name])? == 0 {
        return Err(StoreError::missing("operator", name).into());
    }
    for table in ["operator_roles", "api_tokens"] {
        sql.run(&format!("DELETE FROM {table} WHERE operator = ?"), params![name])?;
    }
    end_sessions(sql, name)?;
    must_have_admin(sql, admins)
}

/// Deletes every session of an operator, and the links that would start one.
fn end_sessions(sql: &Connection, operator: &str) -> rusqlite::Result<()> {
    for table in ["sessions", "login_links"] {
        sql.run(&format!("DELETE FROM {table} WHERE operator = ?"), params![operator])?;
    }
    Ok(())
}

/// Refuses a change after which nobody may manage operators.
fn must_have_admin(sql: &Connection, admins: &LastAdmin) -> Result<(), ChangeError> {
    let LastAdmin::MustStay { roles } = admins else { return Ok(()) };
    for role in roles {
        let found = sql.first(
            "SELECT 1 FROM operator_roles r CROSS JOIN operators o ON o.name = r.operator \
             WHERE r.role = ? AND NOT o.disabled LIMIT 1",
            params![role],
            |_| Ok(()),
        )?;
        if found.is_some() {
            return Ok(());
        }
    }
    Err(LastAdmin::would_go().into())
}

fn operators(sql: &Connection, after: &str, most: usize) -> rusqlite::Result<Vec<OperatorRow>> {
    let found = sql.all(
        "SELECT name, password, disabled, created_at FROM operators WHERE name > ? \
         ORDER BY name LIMIT ?",
        params![after, super::limit(most)],
        |row| operator_row(row, 0),
    )?;
    found.into_iter().map(|operator| with_roles(sql, operator)).collect()
}

fn operator(sql: &Connection, name: &str) -> rusqlite::Result<Option<OperatorRow>> {
    let found = sql.first(
        "SELECT name, password, disabled, created_at FROM operators WHERE name = ?",
        params![name],
        |row| operator_row(row, 0),
    )?;
    found.map(|operator| with_roles(sql, operator)).transpose()
}

fn operator_row(row: &Row<'_>, first: usize) -> rusqlite::Result<OperatorRow> {
    Ok(OperatorRow {
        name: row.get(first)?,
        password: row.get(first + 1)?,
        roles: Vec::new(),
        disabled: row.get(first + 2)?,
        created_at: row.get(first + 3)?,
    })
}

fn with_roles(sql: &Connection, mut operator: OperatorRow) -> rusqlite::Result<OperatorRow> {
    operator.roles = sql.all(
        "SELECT role FROM operator_roles WHERE operator = ? ORDER BY role",
        params![operator.name],
        |row| row.get(0),
    )?;
    Ok(operator)
}

/// Counts the operators, up to their bound.
fn count(sql: &Connection) -> rusqlite::Result<u64> {
    let count = sql.first(
        "SELECT count(*) FROM (SELECT 1 FROM operators WHERE name > '' LIMIT ?)",
        params![MAX_OPERATORS.cast_signed()],
        |row| row.get::<_, i64>(0),
    )?;
    Ok(count.unwrap_or_default().unsigned_abs())
}

fn put_role(sql: &Connection, role: &RoleRow) -> Result<(), ChangeError> {
    sql.run(
        "INSERT INTO own_roles (name, document) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET document = ?2",
        params![role.name, role.document],
    )?;
    let all = sql.first("SELECT count(*) FROM own_roles", [], |row| row.get::<_, i64>(0))?;
    if all > Some(MAX_ROLES.cast_signed()) {
        return Err(RoleRow::too_many().into());
    }
    Ok(())
}

fn delete_role(sql: &Connection, name: &str) -> Result<(), ChangeError> {
    let holder = sql.first(
        "SELECT operator FROM operator_roles WHERE role = ? LIMIT 1",
        params![name],
        |row| row.get::<_, String>(0),
    )?;
    if let Some(holder) = holder {
        return Err(RoleRow::in_use(name, &holder).into());
    }
    match sql.run("DELETE FROM own_roles WHERE name = ?", params![name])? {
        0 => Err(StoreError::missing("own role", name).into()),
        _ => Ok(()),
    }
}

fn use_setup(
    sql: &Connection,
    digest: &Digest,
    first: &OperatorRow,
    now: UnixMillis,
) -> Result<bool, ChangeError> {
    let link = sql.first("SELECT digest, expires_at FROM setup WHERE only = 1", [], |row| {
        Ok((Digest::from_bytes(row.get(0)?), row.get::<_, UnixMillis>(1)?))
    })?;
    let good = link.is_some_and(|(stored, expires)| stored.is(digest) && now < expires);
    if !good || count(sql)? > 0 {
        return Ok(false);
    }
    sql.run("DELETE FROM setup WHERE only = 1", [])?;
    create(sql, first)?;
    Ok(true)
}
