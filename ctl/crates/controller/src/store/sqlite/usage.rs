//! What the results of each host occupy, in the table `usage`.

use crate::store::usage::Usage;
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// Reads the table.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Usage> {
    let mut statement = connection.prepare("SELECT host, bytes FROM usage")?;
    let hosts = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?
        .collect::<rusqlite::Result<HashMap<String, u64>>>()?;
    Ok(Usage::of(hosts))
}

/// Writes the changes within the transaction that makes them.
pub(super) fn write(connection: &Connection, usage: &Usage) -> rusqlite::Result<()> {
    let changes = usage.changes();
    if changes.len() == 0 {
        return Ok(());
    }
    let mut statement = connection.prepare(
        "INSERT INTO usage (host, bytes) VALUES (?1, max(?2, 0)) \
         ON CONFLICT (host) DO UPDATE SET bytes = max(bytes + ?2, 0)",
    )?;
    for (host, change) in changes {
        statement.execute(params![host, change])?;
    }
    Ok(())
}
