//! What the results of each host occupy, in the table `usage`.

use super::error::DbError;
use super::sql::Sql;
use super::{column, params};
use crate::store::usage::Usage;

/// Reads the table.
pub(super) async fn load(sql: &Sql) -> Result<Usage, DbError> {
    // All of it: one row a host.
    let rows = sql
        .all("SELECT host, bytes FROM usage WHERE host >= ''", params![], |row| {
            Ok((row.try_get::<_, String>(0)?, column::count(row, 1)?))
        })
        .await?;
    Ok(Usage::of(rows.into_iter().collect()))
}

/// Writes changes within the transaction that makes them, which holds the lock of results.
pub(super) async fn write(sql: &Sql, changes: &[(&str, i64)]) -> Result<(), DbError> {
    if changes.is_empty() {
        return Ok(());
    }
    let (hosts, bytes): (Vec<&str>, Vec<i64>) = changes.iter().copied().unzip();
    sql.run(
        "INSERT INTO usage (host, bytes) SELECT host, greatest(bytes, 0) \
         FROM unnest($1::text[], $2::bigint[]) AS changed (host, bytes) ORDER BY host \
         ON CONFLICT (host) DO UPDATE SET bytes = greatest(usage.bytes + excluded.bytes, 0)",
        params![hosts, bytes],
    )
    .await?;
    Ok(())
}
