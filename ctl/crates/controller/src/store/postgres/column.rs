//! Values in columns that PostgreSQL has no type for.

use super::error::DbError;
use fleet::Digest;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;

/// Reads a column's JSON document.
pub(super) fn json<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, DbError> {
    let text: &str = row.try_get(column)?;
    serde_json::from_str(text).map_err(|error| unreadable(row, column, &error.to_string()))
}

/// Reads a column's text, which was valid when it was written.
pub(super) fn parsed<T, E: std::fmt::Debug>(
    row: &Row,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, DbError> {
    let text: &str = row.try_get(column)?;
    parse(text).map_err(|error| {
        unreadable(row, column, &format!("\"{}\": {error:?}", text.escape_debug()))
    })
}

/// Reads a column's digest.
pub(super) fn digest(row: &Row, column: usize) -> Result<Digest, DbError> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes = bytes.try_into();
    bytes.map(Digest::from_bytes).map_err(|_| unreadable(row, column, "not 32 bytes"))
}

/// Reads a number of a column `integer`.
pub(super) fn number<T>(row: &Row, column: usize) -> Result<T, DbError>
where
    T: TryFrom<i32>,
    T::Error: std::fmt::Display,
{
    let number: i32 = row.try_get(column)?;
    number.try_into().map_err(|error: T::Error| unreadable(row, column, &error.to_string()))
}

/// Reads a count, which is never negative.
pub(super) fn count(row: &Row, column: usize) -> Result<u64, DbError> {
    Ok(row.try_get::<_, i64>(column)?.unsigned_abs())
}

fn unreadable(row: &Row, column: usize, why: &str) -> DbError {
    let name = row.columns().get(column).map_or("?", |column| column.name());
    DbError::Content(format!("the column \"{name}\" cannot be read: {why}"))
}
