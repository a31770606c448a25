//! The books of one transaction, as PostgreSQL keeps them.
//!
//! The row `target_changes` has the number of the last change. A transaction that changes a run or a
//! target updates it first, and so holds it until the commit: changes become visible in the order of
//! their numbers, and whatever a transaction reads after that of runs and targets stays as it is.

use crate::store::postgres::change::Transaction;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::steps::{Books, minute};
use fleet::UnixMillis;

/// The first change of a minute, for histories of some time. The row is written once: it would be
/// locked by whoever writes it again, and needs no change, since numbers grow.
const MINUTES: &str = "INSERT INTO change_minutes (minute, change) VALUES ($1, $2) \
                       ON CONFLICT (minute) DO NOTHING";

/// The books.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Counts and changes.
    pub(super) books: Books,
}

impl Ledger {
    /// Takes the numbers of up to `most` changes. Every other change of a run or a target waits until
    /// the transaction ends.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn open(sql: &Sql, at: UnixMillis, most: usize) -> Result<Self, DbError> {
        let most = super::count(most);
        let last: Option<i64> = sql
            .first(
                "UPDATE target_changes SET last = last + $1 WHERE single = 1 RETURNING last",
                params![most],
                |row| Ok(row.try_get(0)?),
            )
            .await?;
        Ok(Self { books: Books::open(at, last.unwrap_or_default() - most) })
    }

    /// Writes the books.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn close(self, transaction: &mut Transaction) -> Result<(), DbError> {
        let (sql, at) = (&transaction.sql, minute(self.books.at()));
        let (mut runs, mut stages, mut states, mut targets) = (vec![], vec![], vec![], vec![]);
        for ((run, stage), state, change) in self.books.counts() {
            runs.push(run);
            stages.push(i32::from(stage));
            states.push(state);
            targets.push(change);
        }
        if !runs.is_empty() {
            sql.run(
                "INSERT INTO target_counts (run, stage, state, targets) \
                 SELECT run, stage, state, targets \
                 FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::bigint[]) \
                 AS c (run, stage, state, targets) ORDER BY run, stage, state \
                 ON CONFLICT (run, stage, state) \
                 DO UPDATE SET targets = target_counts.targets + excluded.targets",
                params![runs, stages, states, targets],
            )
            .await?;
        }
        if let Some(first) = self.books.changes.first() {
            sql.run(MINUTES, params![at, first.change]).await?;
            let (runs, changes): (Vec<i64>, Vec<i64>) = self.books.runs.into_iter().unzip();
            sql.run(
                "UPDATE runs r SET change = c.change \
                 FROM unnest($1::bigint[], $2::bigint[]) AS c (run, change) \
                 WHERE r.number = c.run",
                params![runs, changes],
            )
            .await?;
        }
        transaction.effects.replies.extend(self.books.replies);
        transaction.effects.runs.extend(self.books.changes);
        Ok(())
    }
}

/// Returns the last change before a time, or before the minute that it is in.
pub(super) async fn change_before(sql: &Sql, at: UnixMillis) -> Result<i64, DbError> {
    let first = sql
        .first(
            "SELECT change FROM change_minutes WHERE minute >= $1 ORDER BY minute LIMIT 1",
            params![minute(at)],
            |row| Ok(row.try_get::<_, i64>(0)?),
        )
        .await?;
    Ok(first.map_or(i64::MAX, |first| first - 1))
}

/// Returns a change that comes after all those before a time.
pub(super) async fn change_after(sql: &Sql, at: UnixMillis) -> Result<i64, DbError> {
    let first = sql
        .first(
            "SELECT change FROM change_minutes WHERE minute > $1 ORDER BY minute LIMIT 1",
            params![minute(at)],
            |row| Ok(row.try_get::<_, i64>(0)?),
        )
        .await?;
    Ok(first.unwrap_or(i64::MAX))
}
