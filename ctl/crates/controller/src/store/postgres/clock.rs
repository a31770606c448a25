//! The clock that the database remembers, in the table `clock`.

use super::error::DbError;
use super::params;
use super::sql::Sql;
use crate::store::clock::Clock;

/// Reads the clock.
pub(super) async fn load(sql: &Sql, now: i64) -> Result<Clock, DbError> {
    let stored = sql
        .first("SELECT trusted, doubted_since FROM clock", params![], |row| {
            Ok(Clock { trusted: row.try_get(0)?, doubted_since: row.try_get(1)? })
        })
        .await?;
    let newest = sql
        .first("SELECT max(received) FROM results", params![], |row| Ok(row.try_get(0)?))
        .await?
        .flatten();
    Ok(Clock::of(stored, newest, now))
}

/// Writes the clock.
pub(super) async fn save(sql: &Sql, clock: &Clock) -> Result<(), DbError> {
    sql.run(
        "INSERT INTO clock (single, trusted, doubted_since) VALUES (1, $1, $2) \
         ON CONFLICT (single) DO UPDATE SET trusted = $1, doubted_since = $2",
        params![clock.trusted, clock.doubted_since],
    )
    .await?;
    Ok(())
}
