//! Budgets: rules of the site about how many hosts are at work at once.

use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{BudgetRow, StoreError};
use fleet::run::MAX_BUDGETS;
use rusqlite::{Connection, Row, params};

/// Sets a budget.
pub(super) fn set(
    transaction: &mut Transaction<'_>,
    budget: &BudgetRow,
) -> Result<BudgetRow, ChangeError> {
    let sql = transaction.sql;
    let others =
        sql.first("SELECT count(*) FROM budgets WHERE name <> ?", params![budget.name], |row| {
            row.get::<_, i64>(0)
        })?;
    if others.unwrap_or_default() >= limit(MAX_BUDGETS) {
        return Err(StoreError::Conflict(format!(
            "there are {MAX_BUDGETS} budgets already; remove one that is not used"
        ))
        .into());
    }
    sql.run(
        "INSERT OR REPLACE INTO budgets (name, selector, most, set_by, set_at) \
         VALUES (?, ?, ?, ?, ?)",
        params![budget.name, budget.selector, budget.most, budget.set_by, budget.set_at],
    )?;
    transaction.effects.budgets = true;
    Ok(budget.clone())
}

/// Removes a budget.
pub(super) fn remove(transaction: &mut Transaction<'_>, name: &str) -> Result<(), ChangeError> {
    match transaction.sql.run("DELETE FROM budgets WHERE name = ?", params![name])? {
        0 => Err(StoreError::missing("budget", name).into()),
        _ => {
            transaction.effects.budgets = true;
            Ok(())
        }
    }
}

/// Returns a budget.
pub(super) fn one(sql: &Connection, name: &str) -> rusqlite::Result<Option<BudgetRow>> {
    sql.first(
        "SELECT name, selector, most, set_by, set_at FROM budgets WHERE name = ?",
        params![name],
        budget_row,
    )
}

/// Returns a page of budgets.
pub(super) fn page(sql: &Connection, after: &str, most: usize) -> rusqlite::Result<Vec<BudgetRow>> {
    sql.all(
        "SELECT name, selector, most, set_by, set_at FROM budgets WHERE name > ? \
         ORDER BY name LIMIT ?",
        params![after, limit(most)],
        budget_row,
    )
}

fn budget_row(row: &Row<'_>) -> rusqlite::Result<BudgetRow> {
    Ok(BudgetRow {
        name: row.get(0)?,
        selector: row.get(1)?,
        most: row.get(2)?,
        set_by: row.get(3)?,
        set_at: row.get(4)?,
    })
}
