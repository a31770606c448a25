//! Stores results within a transaction.

use crate::store::Arrival;
use crate::store::Bounds;
use crate::store::arrival::digest_of;
use crate::store::sqlite::change::Effects;
use crate::store::sqlite::runs::{self, Told};
use crate::store::sqlite::sql::Sql as _;
use crate::store::usage::{Fate, Usage};
use fleet::run::run_of_task;
use rusqlite::{Connection, OptionalExtension as _, params};

/// Inserts an event, unless the same event is there already: then it is a redelivery. Rows of the
/// schema's first version have no digest.
pub(super) const INSERT: &str = "INSERT INTO results (host, task, kind, received, event, digest) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS \
     (SELECT 1 FROM results WHERE host = ?1 AND task = ?2 AND digest IS NULL AND event = ?5) \
     ON CONFLICT (host, task, digest) DO NOTHING";

/// Finds an event that is there already.
pub(super) const FIND: &str = "SELECT 1 FROM results WHERE host = ?1 AND task = ?2 \
     AND (digest = ?3 OR digest IS NULL AND event = ?4)";

/// Stores each result that there is room for, and ends the targets of runs that they belong to.
pub(super) fn insert(
    transaction: &Connection,
    usage: &mut Usage,
    bounds: &Bounds,
    batch: &[Arrival],
    received: i64,
    effects: &mut Effects,
) -> rusqlite::Result<Vec<Fate>> {
    let mut insert = transaction.statement(INSERT)?;
    let mut find = transaction.statement(FIND)?;
    let mut fates = Vec::with_capacity(batch.len());
    let mut of_runs = Vec::new();
    for (place, Arrival { host, task, kind, event, .. }) in batch.iter().enumerate() {
        let digest = digest_of(event);
        let cost = Usage::cost(event.len() as u64);
        let mut sequence = None;
        fates.push(match usage.full(bounds, host, cost) {
            None => {
                let values = params![host, task, kind.method(), received, event, digest];
                if insert.execute(values)? > 0 {
                    usage.add(host, cost);
                    sequence = Some(transaction.last_insert_rowid());
                }
                Fate::Stored
            }
            Some(full) => {
                match find.query_row(params![host, task, digest, event], |_| Ok(())).optional()? {
                    Some(()) => Fate::Stored,
                    None => Fate::Refused(full),
                }
            }
        });
        if fates[place] == Fate::Stored && run_of_task(task).is_some() {
            of_runs.push((place, digest, sequence));
        }
    }
    let told = of_runs.iter().map(|(place, digest, sequence)| {
        let Arrival { host, task, event, .. } = &batch[*place];
        Told { host, task, event, digest, sequence: *sequence }
    });
    runs::arrived(transaction, told, received, effects)?;
    Ok(fates)
}
