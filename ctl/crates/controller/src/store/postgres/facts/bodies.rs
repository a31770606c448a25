//! Where PostgreSQL keeps documents, and the work on their texts.

use crate::store::DocumentNumber;
use crate::store::documents::{Damaged, Stored};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use std::borrow::Cow;
use std::collections::HashMap;

/// Documents that were read, with their bases.
pub(super) type Found = HashMap<DocumentNumber, Stored<'static>>;

/// Reads documents and their bases; one statement, so that a base is there if its document is.
const READ: &str = "\
    SELECT d.number, b.body, d.base, d.size FROM ( \
        SELECT number FROM unnest($1::bigint[]) AS asked (number) UNION \
        SELECT base FROM fact_documents WHERE number = ANY ($1) AND base IS NOT NULL \
    ) AS wanted JOIN fact_documents d ON d.number = wanted.number \
    JOIN fact_bodies b ON b.document = d.number";

impl From<Damaged> for DbError {
    fn from(damaged: Damaged) -> Self {
        Self::Content(damaged.to_string())
    }
}

/// Returns those of some documents that exist, and their bases.
pub(super) async fn read(sql: &Sql, documents: &[DocumentNumber]) -> Result<Found, DbError> {
    if documents.is_empty() {
        return Ok(Found::new());
    }
    let found = sql
        .all(READ, params![documents], |row| {
            let size: i64 = row.try_get(3)?;
            let stored = Stored {
                body: Cow::Owned(row.try_get(1)?),
                base: row.try_get(2)?,
                size: usize::try_from(size).unwrap_or(usize::MAX),
            };
            Ok((row.try_get(0)?, stored))
        })
        .await?;
    Ok(found.into_iter().collect())
}

/// Works on texts in a thread of its own: to compress and to read many takes longer than other tasks
/// should wait.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Damaged> + Send + 'static,
) -> Result<T, DbError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(DbError::Content(error.to_string())),
    }
}
