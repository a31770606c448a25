//! Finds the first row in which the two sides of a table differ: reads both in the order of the key.

use super::SharedTable;
use super::error::{self, MigrateError};
use super::plan::Table;
use super::value::{Value, shown};
use super::{read, verify};
use crate::store::{MigrationSource, MigrationTarget};
use futures_util::StreamExt as _;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::pin::pin;
use tokio::sync::mpsc;
use tokio_postgres::binary_copy::BinaryCopyOutStream;

/// Rows of the source that wait to be compared.
const WAITING: usize = 64;

type Row = Vec<Value<'static>>;

/// Returns a sentence about the first difference; `None` where the rows are the same in this order.
///
/// # Errors
/// When a side cannot be read.
pub(super) async fn difference(
    source: &MigrationSource,
    target: &MigrationTarget,
    table: &SharedTable,
) -> Result<Option<String>, MigrateError> {
    let (rows, mut here) = mpsc::channel::<Row>(WAITING);
    let reading = {
        let (connection, table) = (source.connect()?, SharedTable::clone(table));
        tokio::task::spawn_blocking(move || {
            read::each_row(&connection, &table, true, |values| {
                let row = values.iter().map(owned).collect();
                Ok(match rows.blocking_send(row) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                })
            })
        })
    };
    let failed = || error::server(format!("cannot read the table {} of the target", table.name));
    let types: Vec<_> = table.columns.iter().map(|column| column.kind.of_client()).collect();
    let stream = target.client().copy_out(&table.copy_out(true)).await.map_err(failed())?;
    let mut there = pin!(BinaryCopyOutStream::new(stream, &types));
    let found = loop {
        let row = there.next().await.transpose().map_err(failed())?;
        let copied = row.as_ref().map(|row| verify::values(table, row)).transpose();
        match (here.recv().await, copied.map_err(failed())?) {
            (None, None) => break None,
            (Some(row), None) => break Some(missing(table, &row)),
            (None, Some(copied)) => break Some(unknown(table, &copied)),
            (Some(row), Some(copied)) => {
                if let Some(found) = compare(table, &row, &copied) {
                    break Some(found);
                }
            }
        }
    };
    drop(here);
    error::joined(reading).await??;
    Ok(found)
}

fn compare(table: &Table, row: &[Value<'_>], copied: &[Value<'_>]) -> Option<String> {
    match key(table, row).cmp(&key(table, copied)) {
        Ordering::Less => Some(missing(table, row)),
        Ordering::Greater => Some(unknown(table, copied)),
        Ordering::Equal => {
            let place = (0..row.len()).find(|place| row[*place] != copied[*place])?;
            Some(format!(
                "the row with {} has another {}",
                named(table, row),
                table.columns[place].name
            ))
        }
    }
}

fn missing(table: &Table, row: &[Value<'_>]) -> String {
    format!("the row with {} is missing in the copy", named(table, row))
}

fn unknown(table: &Table, row: &[Value<'_>]) -> String {
    format!("the row with {} is not in the source", named(table, row))
}

fn key<'a, 'b>(table: &Table, row: &'b [Value<'a>]) -> Vec<&'b Value<'a>> {
    table.key.iter().map(|place| &row[*place]).collect()
}

/// Writes a row's key with its columns' names.
fn named(table: &Table, row: &[Value<'_>]) -> String {
    let names: Vec<&str> = table.key.iter().map(|place| &*table.columns[*place].name).collect();
    let values: Vec<Value<'_>> = table.key.iter().map(|place| row[*place].clone()).collect();
    format!("({}) = ({})", names.join(", "), shown(&values))
}

fn owned(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Null => Value::Null,
        Value::Integer(number) => Value::Integer(*number),
        Value::Text(text) => Value::Text(Cow::Owned(text.to_string())),
        Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.to_vec())),
    }
}
