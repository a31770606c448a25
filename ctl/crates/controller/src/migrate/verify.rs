//! Compares a table of both sides: the number of rows, and the sum of their SHA-256, which does not
//! depend on their order.

use super::SharedTable;
use super::error::{self, MigrateError};
use super::progress::Progress;
use super::value::Value;
use super::{locate, read};
use crate::store::{MigrationSource, MigrationTarget};
use futures_util::StreamExt as _;
use ring::digest::{SHA256, digest};
use rusqlite::Connection;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_postgres::binary_copy::BinaryCopyOutStream;

/// The rows of a table, counted and hashed.
#[derive(Debug, Default)]
pub(super) struct Sum {
    rows: u64,
    hash: [u64; 4],
    /// The row in work, kept for its memory.
    row: Vec<u8>,
}

/// Tells a thread to end when it is dropped.
#[derive(Debug, Default)]
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Sum {
    /// Adds a row.
    pub(super) fn add(&mut self, values: &[Value<'_>]) {
        self.row.clear();
        for value in values {
            value.write_canonical(&mut self.row);
        }
        let digest = digest(&SHA256, &self.row);
        let (words, _) = digest.as_ref().as_chunks::<8>();
        // A number of 256 bits, the lowest word first. A sum and no XOR: two equal rows would be none.
        let mut carry = false;
        for (sum, word) in self.hash.iter_mut().zip(words) {
            let (once, first) = sum.overflowing_add(u64::from_le_bytes(*word));
            let (twice, second) = once.overflowing_add(u64::from(carry));
            (*sum, carry) = (twice, first || second);
        }
        self.rows += 1;
    }

    /// Returns whether both have the same rows.
    fn is_of_same_rows(&self, other: &Self) -> bool {
        (self.rows, self.hash) == (other.rows, other.hash)
    }
}

/// Shows the hash.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash.iter().rev().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

/// Compares a table; returns the number of its rows.
///
/// # Errors
/// When the sides differ: names the row.
pub(super) async fn compare(
    source: &MigrationSource,
    target: &MigrationTarget,
    table: &SharedTable,
) -> Result<u64, MigrateError> {
    let mut shown = Progress::of("verifying", &table.name);
    let unwanted = Unwanted::default();
    let reading = {
        let (connection, table) = (source.connect()?, SharedTable::clone(table));
        let unwanted = Arc::clone(&unwanted.0);
        tokio::task::spawn_blocking(move || of_source(&connection, &table, &unwanted))
    };
    let failed = || error::server(format!("cannot read the table {} of the target", table.name));
    let types: Vec<_> = table.columns.iter().map(|column| column.kind.of_client()).collect();
    let stream = target.client().copy_out(&table.copy_out(false)).await.map_err(failed())?;
    let mut rows = pin!(BinaryCopyOutStream::new(stream, &types));
    let mut there = Sum::default();
    while let Some(row) = rows.next().await {
        let row = row.map_err(failed())?;
        there.add(&values(table, &row).map_err(failed())?);
        shown.add(1);
    }
    let here = error::joined(reading).await??;
    if !here.is_of_same_rows(&there) {
        let what = locate::difference(source, target, table).await?;
        let what = what.unwrap_or_else(|| format!("{here} here, {there} there"));
        let what = format!("{what} ({} rows in the source, {} in the copy)", here.rows, there.rows);
        return Err(MigrateError::Differs { table: table.name.clone(), what });
    }
    shown.end(&format!(", hash {there}"));
    Ok(here.rows)
}

/// Returns the values of a row of the target.
pub(super) fn values<'a>(
    table: &SharedTable,
    row: &'a tokio_postgres::binary_copy::BinaryCopyOutRow,
) -> Result<Vec<Value<'a>>, tokio_postgres::Error> {
    let kinds = table.columns.iter().map(|column| column.kind);
    kinds.enumerate().map(|(place, kind)| Value::of_target(kind, row, place)).collect()
}

fn of_source(
    source: &Connection,
    table: &SharedTable,
    unwanted: &AtomicBool,
) -> Result<Sum, MigrateError> {
    let mut sum = Sum::default();
    read::each_row(source, table, false, |values| {
        sum.add(values);
        Ok(match unwanted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
    })?;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn row(number: i64, text: &str) -> Vec<Value<'_>> {
        vec![Value::Integer(number), Value::Text(Cow::Borrowed(text)), Value::Null]
    }

    fn sum(rows: &[Vec<Value<'_>>]) -> Sum {
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(row));
        sum
    }

    #[test]
    fn the_sum_depends_on_the_rows_and_not_on_their_order() {
        let (a, b, c) = (row(1, "a"), row(2, "b"), row(2, "a"));
        let same = |left: &[Vec<Value<'_>>], right: &[Vec<Value<'_>>]| {
            sum(left).is_of_same_rows(&sum(right))
        };
        assert!(same(&[a.clone(), b.clone()], &[b.clone(), a.clone()]));
        assert!(!same(&[a.clone(), b.clone()], &[a.clone(), c.clone()]));
        assert!(!same(&[a.clone(), a.clone()], &[b.clone(), b.clone()]));
        assert!(!same(std::slice::from_ref(&a), &[]));
        // What is in one column is not in the next one.
        let texts = |left: &'static str, right: &'static str| {
            vec![Value::Text(Cow::Borrowed(left)), Value::Text(Cow::Borrowed(right))]
        };
        assert!(!same(&[texts("ab", "c")], &[texts("a", "bc")]));
        assert!(!same(&[vec![Value::Null]], &[vec![Value::Text(Cow::Borrowed(""))]]));
        assert!(!same(&[vec![Value::Bytes(Cow::Borrowed(b"a"))]], &[texts("a", "")[..1].to_vec()]));
    }
}
