//! Runs queued changes within the writer's transaction.

use crate::store::sqlite::change::{Effects, QueuedChange, Refusal, Transaction};
use crate::store::sqlite::sql::Sql as _;
use rusqlite::Connection;

/// Runs each change within a savepoint: one that is refused leaves nothing behind.
///
/// # Errors
/// When the database fails: then nothing of the transaction may stay.
pub(super) fn run(
    transaction: &Connection,
    changes: &mut [Box<dyn QueuedChange>],
    all: &mut Effects,
) -> rusqlite::Result<()> {
    for change in changes {
        transaction.run("SAVEPOINT change", [])?;
        let mut effects = Effects::default();
        match change.run(&mut Transaction { sql: transaction, effects: &mut effects })? {
            Refusal::None => all.append(effects),
            Refusal::Refused => {
                transaction.run("ROLLBACK TO change", [])?;
            }
        }
        transaction.run("RELEASE change", [])?;
    }
    Ok(())
}
