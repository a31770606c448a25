//! Reads what is published of the store.

use super::change::Effects;
use super::schedules;
use super::sql::Sql as _;
use crate::store::HostCounts;
use crate::store::published::{self, Published};
use rusqlite::Connection;

/// Reads the values of a database that has just been opened.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn load(published: &Published, connection: &Connection) -> rusqlite::Result<()> {
    let newest = connection.first("SELECT head FROM event_chain", [], |row| row.get(0))?;
    let schedules = schedules::generation(connection)?;
    published.start(counts(connection)?, newest.unwrap_or_default(), schedules);
    Ok(())
}

/// Publishes what a transaction changed that is on disk now.
pub(super) fn publish(published: &Published, effects: Effects, connection: &Connection) {
    if effects.counts {
        match counts(connection) {
            Ok(counts) => published.set_counts(counts),
            Err(error) => log::warn!("cannot count the hosts: {error}"),
        }
    }
    published.publish(effects);
}

fn counts(connection: &Connection) -> rusqlite::Result<HostCounts> {
    let mut counts = HostCounts::default();
    let rows = connection.all("SELECT state, hosts FROM host_counts", [], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
    })?;
    for (state, hosts) in rows {
        published::count(&mut counts, &state, hosts);
    }
    Ok(counts)
}
