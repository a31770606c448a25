//! Values in columns that SQLite has no type for.

pub(super) use crate::store::document::document;
use rusqlite::types::Type;
use rusqlite::{Error, Row};
use serde::de::DeserializeOwned;

/// Reads a column's JSON document.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// Reads a column's text, which was valid when it was written.
pub(super) fn parsed<T, E: std::fmt::Debug>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|error| {
        let why = format!("\"{}\": {error:?}", text.escape_debug());
        Error::FromSqlConversionFailure(column, Type::Text, why.into())
    })
}
