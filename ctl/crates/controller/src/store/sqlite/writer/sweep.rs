//! Deletes results that are older than the operator wants them kept.

use super::{Writer, milliseconds};
use crate::store::sqlite::clock::Verdict;
use crate::store::sqlite::usage::Usage;
use rusqlite::params;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The interval between two searches for results that are too old.
pub(super) const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// Results deleted in one transaction; new ones are stored in between.
const MAX_SWEPT: u32 = 256;

/// Deletes the oldest results and returns what they occupied.
pub(super) const DELETE: &str = "DELETE FROM results WHERE sequence IN \
     (SELECT sequence FROM results WHERE received < ? ORDER BY received LIMIT ?) \
     RETURNING host, octet_length(event)";

impl Writer {
    /// Deletes some of the results that are too old and schedules the next sweep.
    pub(super) fn sweep(&mut self, now: SystemTime) {
        self.next_sweep = match self.delete_old(now) {
            // More may be left: continue at once, but after the results that came meanwhile.
            Ok(swept) if swept >= MAX_SWEPT as usize => Instant::now(),
            Ok(_) => Instant::now() + SWEEP,
            Err(error) => {
                self.usage.rolled_back();
                self.health.note(&error);
                log::warn!(
                    "cannot delete results older than --keep-days, retrying tomorrow: {error}"
                );
                Instant::now() + SWEEP
            }
        };
        let (usage, bounds) = (&self.usage, &self.bounds);
        let hosts = self.refused.ask_again(|host| usage.full(bounds, host, 0));
        if hosts > 0 {
            log::info!("{hosts} hosts have room for results again; their agents redeliver them");
        }
    }

    /// Deletes some of the results that are too old, unless the clock is doubted; returns their
    /// number.
    pub(super) fn delete_old(&mut self, now: SystemTime) -> rusqlite::Result<usize> {
        let verdict = self.clock.judge(milliseconds(now));
        if verdict == Verdict::Doubt {
            log::warn!(
                "the clock is far from the newest result, or from the last time that results were \
                 deleted for their age: none is deleted before the clock has been consistent for \
                 a day"
            );
        }
        let transaction = self.connection.transaction()?;
        self.clock.save(&transaction)?;
        let mut deleted = 0;
        if verdict == Verdict::Sweep {
            let oldest = now.checked_sub(self.bounds.keep).unwrap_or(UNIX_EPOCH);
            let mut statement = transaction.prepare(DELETE)?;
            let mut rows = statement.query(params![milliseconds(oldest), MAX_SWEPT])?;
            while let Some(row) = rows.next()? {
                let bytes = row.get::<_, i64>(1)?.unsigned_abs();
                self.usage.delete(row.get_ref(0)?.as_str()?, Usage::cost(bytes));
                deleted += 1;
            }
            drop(rows);
            drop(statement);
            self.usage.write(&transaction)?;
            transaction.execute("DELETE FROM usage WHERE bytes = 0", [])?;
        }
        transaction.commit()?;
        self.usage.committed();
        Ok(deleted)
    }
}
