//! Operators, roles, API tokens, sessions and log-in links, in tables of these names.
//!
//! Changes of operators and roles come one after the other, under a lock: so somebody is left who
//! may manage operators, and no role goes that somebody has.

mod credentials;
mod login_links;
mod operators;

use super::change::{ChangeError, change, query};
use super::lock::Lock;
use super::sql::Sql;
use super::{PostgresStore, column, limit, params};
use crate::store::{
    ApiTokenRow, LastAdmin, LoginLinkRow, MAX_ROLES, NewApiToken, OperatorChange, OperatorRow,
    People, RoleRow, SessionRow, StoreError,
};
use async_trait::async_trait;
use credentials::{
    API_TOKENS, api_token, create_api_token, create_session, valid_api_token, valid_session,
};
use fleet::{Digest, UnixMillis};

/// How exact the last use of an API token is noted.
const MINUTE: UnixMillis = 60_000;

#[async_trait]
impl People for PostgresStore {
    async fn create_operator(&self, operator: OperatorRow) -> Result<(), StoreError> {
        change!(self, |transaction| async {
            // Other nodes forget what they know of their roles.
            transaction.effects.roles = true;
            operators::create(&transaction.sql, &operator).await
        })
    }

    async fn operators(&self, after: &str, most: usize) -> Result<Vec<OperatorRow>, StoreError> {
        query!(self, "the operators", |sql| operators::page(&sql, after, most))
    }

    async fn operator(&self, name: &str) -> Result<Option<OperatorRow>, StoreError> {
        query!(self, "an operator", |sql| operators::find(&sql, name))
    }

    async fn change_operator(
        &self,
        name: &str,
        change: OperatorChange,
        admins: LastAdmin,
    ) -> Result<OperatorRow, StoreError> {
        let name = name.to_owned();
        change!(self, |transaction| async {
            // Other nodes forget what they know of their roles.
            transaction.effects.roles = true;
            operators::alter(&transaction.sql, &name, &change, &admins).await
        })
    }

    async fn delete_operator(&self, name: &str, admins: LastAdmin) -> Result<(), StoreError> {
        let name = name.to_owned();
        change!(self, |transaction| async {
            // Other nodes forget what they know of their roles.
            transaction.effects.roles = true;
            operators::delete(&transaction.sql, &name, &admins).await
        })
    }

    async fn operator_count(&self) -> Result<u64, StoreError> {
        query!(self, "the operators", |sql| operators::count(&sql))
    }

    async fn put_role(&self, role: RoleRow) -> Result<(), StoreError> {
        change!(self, |transaction| {
            transaction.effects.roles = true;
            put_role(&transaction.sql, &role)
        })
    }

    async fn roles(&self) -> Result<Vec<RoleRow>, StoreError> {
        let read = "SELECT name, document FROM own_roles ORDER BY name";
        query!(self, "the roles", |sql| sql.all(read, params![], |row| {
            Ok(RoleRow { name: row.try_get(0)?, document: row.try_get(1)? })
        }))
    }

    async fn delete_role(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        change!(self, |transaction| {
            transaction.effects.roles = true;
            delete_role(&transaction.sql, &name)
        })
    }

    async fn create_api_token(&self, token: NewApiToken) -> Result<(), StoreError> {
        change!(self, |transaction| create_api_token(&transaction.sql, &token))
    }

    async fn api_tokens(
        &self,
        operator: &str,
        after: &str,
        most: usize,
    ) -> Result<Vec<ApiTokenRow>, StoreError> {
        query!(self, "an operator's API tokens", |sql| sql.all(
            API_TOKENS,
            params![operator, after, limit(most)],
            api_token
        ))
    }

    async fn delete_api_token(&self, operator: &str, id: &str) -> Result<(), StoreError> {
        let (operator, id) = (operator.to_owned(), id.to_owned());
        change!(self, |transaction| credentials::delete_api_token(&transaction.sql, &operator, &id))
    }

    async fn use_api_token(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(ApiTokenRow, OperatorRow)>, StoreError> {
        let found = query!(self, "an API token", |sql| valid_api_token(&sql, &digest, now))?;
        if let Some((token, _)) = &found
            && token.last_used.is_none_or(|last| now - last >= MINUTE)
        {
            let noted = change!(self, |transaction| note_use(&transaction.sql, &digest, now));
            // The token is good, whether its use can be noted or not.
            if let Err(error) = noted {
                log::debug!("the last use of an API token is not noted: {error}");
            }
        }
        Ok(found)
    }

    async fn create_session(&self, session: SessionRow) -> Result<(), StoreError> {
        change!(self, |transaction| create_session(&transaction.sql, &session))
    }

    async fn session(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<(SessionRow, OperatorRow)>, StoreError> {
        query!(self, "a session", |sql| valid_session(&sql, &digest, now))
    }

    async fn delete_session(&self, digest: Digest) -> Result<(), StoreError> {
        change!(self, |transaction| credentials::delete_session(&transaction.sql, &digest))
    }

    async fn delete_sessions(&self, operator: &str) -> Result<(), StoreError> {
        let operator = operator.to_owned();
        change!(self, |transaction| operators::end_sessions(&transaction.sql, &operator))
    }

    async fn create_login_link(&self, link: LoginLinkRow) -> Result<(), StoreError> {
        change!(self, |transaction| login_links::create(&transaction.sql, &link))
    }

    async fn use_login_link(
        &self,
        digest: Digest,
        now: UnixMillis,
    ) -> Result<Option<String>, StoreError> {
        change!(self, |transaction| login_links::take(&transaction.sql, &digest, now))
    }

    async fn put_setup(&self, digest: Digest, expires: UnixMillis) -> Result<(), StoreError> {
        change!(self, |transaction| put_setup(&transaction.sql, &digest, expires))
    }

    async fn use_setup(
        &self,
        digest: Digest,
        operator: OperatorRow,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        change!(self, |transaction| use_setup(&transaction.sql, &digest, &operator, now))
    }
}

async fn put_role(sql: &Sql, role: &RoleRow) -> Result<(), ChangeError> {
    Lock::People.take(sql).await?;
    sql.run(
        "INSERT INTO own_roles (name, document) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET document = $2",
        params![role.name, role.document],
    )
    .await?;
    let count = "SELECT count(*) FROM own_roles";
    let all = sql.first(count, params![], |row| column::count(row, 0)).await?;
    if all > Some(MAX_ROLES) {
        return Err(RoleRow::too_many().into());
    }
    Ok(())
}

async fn delete_role(sql: &Sql, name: &str) -> Result<(), ChangeError> {
    Lock::People.take(sql).await?;
    let find = "SELECT operator FROM operator_roles WHERE role = $1 ORDER BY operator LIMIT 1";
    let holder: Option<String> = sql.first(find, params![name], |row| Ok(row.try_get(0)?)).await?;
    if let Some(holder) = holder {
        return Err(RoleRow::in_use(name, &holder).into());
    }
    match sql.run("DELETE FROM own_roles WHERE name = $1", params![name]).await? {
        0 => Err(StoreError::missing("own role", name).into()),
        _ => Ok(()),
    }
}

async fn note_use(sql: &Sql, digest: &Digest, now: UnixMillis) -> Result<(), ChangeError> {
    sql.run(
        "UPDATE api_tokens SET last_used = $1 WHERE digest = $2",
        params![now, &digest.as_bytes()[..]],
    )
    .await?;
    Ok(())
}

async fn put_setup(sql: &Sql, digest: &Digest, expires: UnixMillis) -> Result<(), ChangeError> {
    sql.run(
        "INSERT INTO setup (single, digest, expires_at) VALUES (1, $1, $2) \
         ON CONFLICT (single) DO UPDATE SET digest = $1, expires_at = $2",
        params![&digest.as_bytes()[..], expires],
    )
    .await?;
    Ok(())
}

async fn use_setup(
    sql: &Sql,
    digest: &Digest,
    first: &OperatorRow,
    now: UnixMillis,
) -> Result<bool, ChangeError> {
    Lock::People.take(sql).await?;
    let find = "SELECT digest, expires_at FROM setup WHERE single = 1";
    let link = sql
        .first(find, params![], |row| {
            Ok((column::digest(row, 0)?, row.try_get::<_, UnixMillis>(1)?))
        })
        .await?;
    let good = link.is_some_and(|(stored, expires)| stored.is(digest) && now < expires);
    if !good || operators::count(sql).await? > 0 {
        return Ok(false);
    }
    sql.run("DELETE FROM setup WHERE single = 1", params![]).await?;
    operators::create(sql, first).await?;
    Ok(true)
}
