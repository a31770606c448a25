//! Where SQLite keeps documents.

use super::super::sql::Sql as _;
use crate::store::DocumentNumber;
use crate::store::documents::{Bodies, Damaged, Stored};
use rusqlite::types::Type;
use rusqlite::{Connection, Error, params};
use std::borrow::Cow;

impl From<Damaged> for Error {
    fn from(damaged: Damaged) -> Self {
        Self::FromSqlConversionFailure(0, Type::Blob, damaged.into())
    }
}

impl Bodies for Connection {
    type Error = Error;

    fn stored(&self, document: DocumentNumber) -> rusqlite::Result<Option<Stored<'_>>> {
        self.first(
            "SELECT b.body, d.base, d.size FROM fact_documents d JOIN fact_bodies b \
             ON b.document = d.number WHERE d.number = ?",
            params![document],
            |row| {
                let size = row.get::<_, i64>(2)?.unsigned_abs();
                Ok(Stored {
                    body: Cow::Owned(row.get(0)?),
                    base: row.get(1)?,
                    size: usize::try_from(size).unwrap_or(usize::MAX),
                })
            },
        )
    }
}
