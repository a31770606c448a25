//! The clock that the database remembers, in the table `clock`.

use crate::store::clock::Clock;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Reads the clock.
pub(super) fn load(connection: &Connection, now: i64) -> rusqlite::Result<Clock> {
    let stored = connection
        .query_row("SELECT trusted, doubted_since FROM clock", [], |row| {
            Ok(Clock { trusted: row.get(0)?, doubted_since: row.get(1)? })
        })
        .optional()?;
    let newest = connection.query_row("SELECT max(received) FROM results", [], |row| row.get(0))?;
    Ok(Clock::of(stored, newest, now))
}

/// Writes the clock.
pub(super) fn save(connection: &Connection, clock: &Clock) -> rusqlite::Result<()> {
    connection
        .execute(
            "INSERT OR REPLACE INTO clock (only, trusted, doubted_since) VALUES (1, ?, ?)",
            params![clock.trusted, clock.doubted_since],
        )
        .map(|_| ())
}
