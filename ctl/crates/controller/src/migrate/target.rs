//! The target around the copy: that it is empty, the transaction, and what follows from the rows.
//!
//! The schema's triggers count and name what is inserted. They rest while rows are copied, since the
//! tables that they write are copied as well; one row that each of 100,000 hosts updates in the same
//! transaction would take time in the square of their number, too.

use super::error::{self, MigrateError};
use super::plan::{Plan, Table};
use crate::store::{MigrationSource, MigrationTarget};
use std::fmt::Write as _;

/// Tables that have rows from the beginning: a condition that a used one meets.
const SEEDED: &[(&str, &str)] = &[
    ("event_chain", "head <> 0"),
    ("fact_totals", "bytes <> 0"),
    ("host_counts", "active + pending + quarantined + banned <> 0"),
    ("schedule_set", "generation <> 0"),
    ("target_changes", "last <> 0 OR targets <> 0"),
];

/// Checks that no controller has used the target.
///
/// # Errors
/// When a table has rows.
pub(super) async fn is_empty(target: &MigrationTarget, plan: &Plan) -> Result<(), MigrateError> {
    for table in &plan.tables {
        let used = SEEDED.iter().find(|(name, _)| *name == table.name);
        let used = used.map_or("true", |(_, used)| used);
        let query = format!("SELECT EXISTS (SELECT 1 FROM \"{}\" WHERE {used})", table.name);
        let failed = || error::server(format!("cannot read the table {}", table.name));
        let row = target.client().query_one(&query, &[]).await.map_err(failed())?;
        if row.try_get(0).map_err(failed())? {
            let (database, table) = (target.to_string(), table.name.clone());
            return Err(MigrateError::NotEmpty { database, table });
        }
    }
    Ok(())
}

/// Begins the transaction, and empties the tables: of the rows that they have from the beginning, and
/// of a copy that was cut off before its source was set aside.
///
/// # Errors
/// When the server does not do it.
pub(super) async fn begin(target: &MigrationTarget, plan: &Plan) -> Result<(), MigrateError> {
    let names: Vec<String> = plan.tables.iter().map(|table| quoted(table)).collect();
    let mut text = format!("BEGIN; TRUNCATE {};", names.join(", "));
    for name in &names {
        let _ = write!(text, "ALTER TABLE {name} DISABLE TRIGGER USER;");
    }
    run(target, "cannot prepare the target", &text).await
}

/// Does what follows from the rows: triggers work again, numbers go on behind the largest one that
/// was ever given, and the planner knows the tables.
///
/// # Errors
/// When a side does not do it.
pub(super) async fn end(
    target: &MigrationTarget,
    source: &MigrationSource,
    plan: &Plan,
) -> Result<(), MigrateError> {
    let mut text = String::new();
    for table in &plan.tables {
        let _ = write!(text, "ALTER TABLE {} ENABLE TRIGGER USER;", quoted(table));
    }
    run(target, "cannot complete the copy", &text).await?;
    text.clear();
    for table in &plan.tables {
        let Some(column) = &table.identity else { continue };
        let given = source.last_number(&table.name).map_err(error::read(&table.name))?;
        let query = format!("SELECT coalesce(max(\"{column}\")::bigint, 0) FROM {}", quoted(table));
        let failed = || error::server(format!("cannot read the table {}", table.name));
        let row = target.client().query_one(&query, &[]).await.map_err(failed())?;
        let largest: i64 = row.try_get(0).map_err(failed())?;
        let next = largest.max(given).max(0).saturating_add(1);
        let name = quoted(table);
        let _ = write!(text, "ALTER TABLE {name} ALTER COLUMN \"{column}\" RESTART WITH {next};");
    }
    for table in &plan.tables {
        let _ = write!(text, "ANALYZE {};", quoted(table));
    }
    run(target, "cannot complete the copy", &text).await
}

async fn run(target: &MigrationTarget, doing: &str, text: &str) -> Result<(), MigrateError> {
    target.client().batch_execute(text).await.map_err(error::server(doing))
}

fn quoted(table: &Table) -> String {
    format!("\"{}\"", table.name)
}
