//! Deletes what is too old.

use super::expire::{self, Oldest};
use super::{Writer, commit};
use crate::store::clock::Verdict;
use crate::store::milliseconds;
use crate::store::sqlite::change::{ChangeError, Effects, Transaction};
use crate::store::sqlite::sql::Sql as _;
use crate::store::sqlite::{clock, damage, facts, published, usage};
use crate::store::usage::Usage;
use rusqlite::{Connection, params};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The interval between two searches for what is too old.
pub(super) const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Results deleted in one transaction; new ones are stored in between.
const MAX_SWEPT: u32 = 256;

/// Deletes the oldest results and returns what they occupied.
pub(super) const DELETE: &str = "DELETE FROM results WHERE sequence IN \
     (SELECT sequence FROM results WHERE received < ? ORDER BY received LIMIT ?) \
     RETURNING host, octet_length(event)";

impl Writer {
    /// Deletes some of what is too old and schedules the next sweep.
    pub(super) fn sweep(&mut self, now: SystemTime) {
        self.next_sweep = match self.delete_old(now) {
            // More may be left: continue at once, but after what came meanwhile.
            Ok(true) => Instant::now(),
            Ok(false) => Instant::now() + SWEEP,
            Err(error) => {
                self.usage.rolled_back();
                if let ChangeError::Sqlite(error) = &error {
                    damage::note(&self.health, error);
                }
                log::warn!("cannot delete what is too old, retrying tomorrow: {error}");
                Instant::now() + SWEEP
            }
        };
        let (usage, bounds) = (&self.usage, &self.bounds);
        let hosts = self.refused.ask_again(|host, cost| usage.full(bounds, host, cost));
        if hosts > 0 {
            log::info!("{hosts} hosts have room for results again; their agents redeliver them");
        }
    }

    /// Deletes some of what is too old, unless the clock is doubted; returns whether there may be
    /// more.
    pub(super) fn delete_old(&mut self, now: SystemTime) -> Result<bool, ChangeError> {
        let verdict = self.clock.judge(milliseconds(now));
        if verdict == Verdict::Doubt {
            log::warn!(
                "the clock is far from the newest result, or from the last time that results were \
                 deleted for their age: none is deleted before the clock has been consistent for \
                 a day"
            );
        }
        let sql = self.connection.transaction()?;
        clock::save(&sql, &self.clock)?;
        let (mut effects, mut more) = (Effects::default(), false);
        if verdict == Verdict::Sweep {
            let before = |keep| milliseconds(now.checked_sub(keep).unwrap_or(UNIX_EPOCH));
            more |= facts::sweep::some(&sql, before(self.bounds.keep_facts))?;
            more |= results(&sql, &mut self.usage, before(self.bounds.keep))?;
            let mut transaction = Transaction { sql: &sql, effects: &mut effects };
            let oldest = Oldest {
                event: before(self.bounds.keep_events),
                run: before(self.bounds.keep_runs),
                most_targets: self.bounds.most_targets(),
            };
            more |= expire::some(&mut transaction, milliseconds(now), &oldest)?;
        }
        effects.records.iter().for_each(|host| self.judged.forget(host));
        commit(sql, &self.kept_sets, &effects)?;
        self.usage.committed();
        published::publish(&self.published, effects, &self.connection);
        Ok(more)
    }
}

/// Deletes some results; returns whether there may be more.
fn results(sql: &Connection, usage: &mut Usage, oldest: i64) -> rusqlite::Result<bool> {
    let deleted = sql.all(DELETE, params![oldest, MAX_SWEPT], |row| {
        let bytes = row.get::<_, i64>(1)?.unsigned_abs();
        usage.delete(row.get_ref(0)?.as_str()?, Usage::cost(bytes));
        Ok(())
    })?;
    usage::write(sql, usage)?;
    sql.execute("DELETE FROM usage WHERE bytes = 0", [])?;
    Ok(deleted.len() >= MAX_SWEPT as usize)
}
