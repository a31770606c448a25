//! The operators and the roles that they have.

use crate::store::postgres::change::ChangeError;
use crate::store::postgres::error::DbError;
use crate::store::postgres::lock::Lock;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{column, limit, params};
use crate::store::{LastAdmin, MAX_OPERATORS, OperatorChange, OperatorRow, StoreError};
use tokio_postgres::Row;

/// An operator with its roles.
const COLUMNS: &str = "o.name, o.password, o.disabled, o.created_at, \
                       ARRAY(SELECT r.role FROM operator_roles r WHERE r.operator = o.name \
                       ORDER BY r.role)";

/// Stores an operator.
pub(super) async fn create(sql: &Sql, new: &OperatorRow) -> Result<(), ChangeError> {
    Lock::People.take(sql).await?;
    if find(sql, &new.name).await?.is_some() {
        return Err(new.taken().into());
    }
    if count(sql).await? >= MAX_OPERATORS {
        return Err(OperatorRow::too_many().into());
    }
    sql.run(
        "INSERT INTO operators (name, password, disabled, created_at) VALUES ($1, $2, $3, $4)",
        params![new.name, new.password, new.disabled, new.created_at],
    )
    .await?;
    set_roles(sql, &new.name, &new.roles).await
}

async fn set_roles(sql: &Sql, name: &str, roles: &[String]) -> Result<(), ChangeError> {
    sql.run("DELETE FROM operator_roles WHERE operator = $1", params![name]).await?;
    sql.run(
        "INSERT INTO operator_roles (operator, role) SELECT $1, role \
         FROM unnest($2::text[]) AS given (role) ON CONFLICT DO NOTHING",
        params![name, roles],
    )
    .await?;
    Ok(())
}

/// Changes an operator.
pub(super) async fn alter(
    sql: &Sql,
    name: &str,
    change: &OperatorChange,
    admins: &LastAdmin,
) -> Result<OperatorRow, ChangeError> {
    Lock::People.take(sql).await?;
    let found = sql
        .run(
            "UPDATE operators SET password = coalesce($2, password), \
             disabled = coalesce($3, disabled) WHERE name = $1",
            params![name, change.password, change.disabled],
        )
        .await?;
    if found == 0 {
        return Err(StoreError::missing("operator", name).into());
    }
    if let Some(roles) = &change.roles {
        set_roles(sql, name, roles).await?;
    }
    if change.password.is_some() || change.disabled == Some(true) {
        end_sessions(sql, name).await?;
    }
    must_have_admin(sql, admins).await?;
    find(sql, name).await?.ok_or_else(|| StoreError::missing("operator", name).into())
}

/// Deletes an operator, with all that stands for it.
pub(super) async fn delete(sql: &Sql, name: &str, admins: &LastAdmin) -> Result<(), ChangeError> {
    Lock::People.take(sql).await?;
    if sql.run("DELETE FROM operators WHERE name = $1", params![name]).await? == 0 {
        return Err(StoreError::missing("operator", name).into());
    }
    for delete in [
        "DELETE FROM operator_roles WHERE operator = $1",
        "DELETE FROM api_tokens WHERE operator = $1",
    ] {
        sql.run(delete, params![name]).await?;
    }
    end_sessions(sql, name).await?;
    must_have_admin(sql, admins).await
}

/// Deletes every session of an operator, and the links that would start one.
pub(super) async fn end_sessions(sql: &Sql, operator: &str) -> Result<(), ChangeError> {
    for delete in
        ["DELETE FROM sessions WHERE operator = $1", "DELETE FROM login_links WHERE operator = $1"]
    {
        sql.run(delete, params![operator]).await?;
    }
    Ok(())
}

/// Refuses a change after which nobody may manage operators.
async fn must_have_admin(sql: &Sql, admins: &LastAdmin) -> Result<(), ChangeError> {
    let LastAdmin::MustStay { roles } = admins else { return Ok(()) };
    let found = sql
        .first(
            "SELECT 1 FROM operator_roles r JOIN operators o ON o.name = r.operator \
             WHERE r.role = ANY ($1) AND NOT o.disabled LIMIT 1",
            params![roles],
            |_| Ok(()),
        )
        .await?;
    found.ok_or_else(|| LastAdmin::would_go().into())
}

/// Returns a page of operators.
pub(super) async fn page(sql: &Sql, after: &str, most: usize) -> Result<Vec<OperatorRow>, DbError> {
    let text =
        format!("SELECT {COLUMNS} FROM operators o WHERE o.name > $1 ORDER BY o.name LIMIT $2");
    sql.all(&text, params![after, limit(most)], row).await
}

/// Returns an operator.
pub(super) async fn find(sql: &Sql, name: &str) -> Result<Option<OperatorRow>, DbError> {
    let text = format!("SELECT {COLUMNS} FROM operators o WHERE o.name = $1");
    sql.first(&text, params![name], row).await
}

/// Returns an operator that may do something, and is not deleted before the transaction ends.
pub(super) async fn enabled(sql: &Sql, name: &str) -> Result<(), ChangeError> {
    let find = "SELECT disabled FROM operators WHERE name = $1 FOR SHARE";
    let found = sql.first(find, params![name], |row| Ok(row.try_get(0)?)).await?;
    match found {
        Some(false) => Ok(()),
        Some(true) | None => Err(StoreError::missing("operator", name).into()),
    }
}

fn row(row: &Row) -> Result<OperatorRow, DbError> {
    Ok(OperatorRow {
        name: row.try_get(0)?,
        password: row.try_get(1)?,
        roles: row.try_get(4)?,
        disabled: row.try_get(2)?,
        created_at: row.try_get(3)?,
    })
}

/// Counts the operators, up to their bound.
pub(super) async fn count(sql: &Sql) -> Result<u64, DbError> {
    let count = sql
        .first(
            "SELECT count(*) FROM (SELECT 1 FROM operators WHERE name > '' LIMIT $1) AS counted",
            params![MAX_OPERATORS.cast_signed()],
            |row| column::count(row, 0),
        )
        .await?;
    Ok(count.unwrap_or_default())
}
