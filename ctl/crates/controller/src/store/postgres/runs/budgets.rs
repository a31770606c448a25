//! Budgets: rules of the site about how many hosts are at work at once.

use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::count;
use crate::store::postgres::error::DbError;
use crate::store::postgres::lock::Lock;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{limit, params};
use crate::store::{BudgetRow, StoreError};
use fleet::run::MAX_BUDGETS;
use tokio_postgres::Row;

/// Sets a budget.
pub(super) async fn set(
    transaction: &mut Transaction,
    budget: &BudgetRow,
) -> Result<BudgetRow, ChangeError> {
    let sql = &transaction.sql;
    Lock::Budgets.take(sql).await?;
    let others = sql
        .first("SELECT count(*) FROM budgets WHERE name <> $1", params![budget.name], |row| {
            count(row, 0)
        })
        .await?;
    if others.unwrap_or_default() >= MAX_BUDGETS as u64 {
        return Err(StoreError::Conflict(format!(
            "there are {MAX_BUDGETS} budgets already; remove one that is not used"
        ))
        .into());
    }
    sql.run(
        "INSERT INTO budgets (name, selector, most, set_by, set_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (name) DO UPDATE SET selector = $2, most = $3, set_by = $4, set_at = $5",
        params![budget.name, budget.selector, i64::from(budget.most), budget.set_by, budget.set_at],
    )
    .await?;
    transaction.effects.budgets = true;
    Ok(budget.clone())
}

/// Removes a budget.
pub(super) async fn remove(transaction: &mut Transaction, name: &str) -> Result<(), ChangeError> {
    match transaction.sql.run("DELETE FROM budgets WHERE name = $1", params![name]).await? {
        0 => Err(StoreError::missing("budget", name).into()),
        _ => {
            transaction.effects.budgets = true;
            Ok(())
        }
    }
}

/// Returns a budget.
pub(super) async fn one(sql: &Sql, name: &str) -> Result<Option<BudgetRow>, DbError> {
    sql.first(
        "SELECT name, selector, most, set_by, set_at FROM budgets WHERE name = $1",
        params![name],
        budget_row,
    )
    .await
}

/// Returns a page of budgets.
pub(super) async fn page(sql: &Sql, after: &str, most: usize) -> Result<Vec<BudgetRow>, DbError> {
    sql.all(
        "SELECT name, selector, most, set_by, set_at FROM budgets WHERE name > $1 \
         ORDER BY name LIMIT $2",
        params![after, limit(most)],
        budget_row,
    )
    .await
}

fn budget_row(row: &Row) -> Result<BudgetRow, DbError> {
    Ok(BudgetRow {
        name: row.try_get(0)?,
        selector: row.try_get(1)?,
        most: u32::try_from(count(row, 2)?).unwrap_or(u32::MAX),
        set_by: row.try_get(3)?,
        set_at: row.try_get(4)?,
    })
}
