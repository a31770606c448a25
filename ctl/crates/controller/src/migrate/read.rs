//! Reads a table of the source, row by row, in a thread that may wait for the disk.

use super::error::{self, MigrateError};
use super::plan::Table;
use super::value::Value;
use ring::digest::{SHA256, digest};
use rusqlite::{Connection, Row};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// The sentence about a text that can neither be stored nor changed.
const SEALED_NUL: &str = "a text holds the character NUL, which PostgreSQL cannot store; the move is \
                          possible once the line is older than --audit-days";

/// Gives each row to `visit` until that breaks.
///
/// # Errors
/// When the source cannot be read, a value has no place in the target, or `visit` fails.
pub(super) fn each_row(
    source: &Connection,
    table: &Table,
    ordered: bool,
    mut visit: impl FnMut(&[Value<'_>]) -> Result<ControlFlow<()>, MigrateError>,
) -> Result<(), MigrateError> {
    let unread = error::read(&table.name);
    let mut query = source.prepare(&table.query(ordered)).map_err(&unread)?;
    let mut rows = query.query([]).map_err(&unread)?;
    while let Some(row) = rows.next().map_err(&unread)? {
        if visit(&values(table, row)?)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn values<'a>(table: &Table, row: &'a Row<'_>) -> Result<Vec<Value<'a>>, MigrateError> {
    let mut values = Vec::with_capacity(table.columns.len());
    for (place, column) in table.columns.iter().enumerate() {
        let value = row.get_ref(place).map_err(error::read(&table.name))?;
        let value = Value::of_source(column.kind, value).map_err(|why| unfit(table, place, why))?;
        if table.is_sealed && matches!(value, Value::Text(Cow::Owned(_))) {
            return Err(unfit(table, place, SEALED_NUL.to_owned()));
        }
        values.push(value);
    }
    for (place, column) in table.columns.iter().enumerate() {
        if let Some(of) = column.digest_of
            && values[place] == Value::Null
            && let Value::Text(text) = &values[of]
        {
            let digest = digest(&SHA256, text.as_bytes());
            values[place] = Value::Bytes(Cow::Owned(digest.as_ref().to_vec()));
        }
    }
    Ok(values)
}

/// Makes the error of a value that has no place in the target.
pub(super) fn unfit(table: &Table, place: usize, why: String) -> MigrateError {
    let column = table.columns[place].name.clone();
    MigrateError::Value { table: table.name.clone(), column, why }
}
