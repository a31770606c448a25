//! Locks with names, for whatever SQLite's single writer gave for free: two transactions that look
//! at the same thing before they change it.
//!
//! A transaction takes locks of rows first, then these in the order of [`Lock`], so that no two
//! transactions wait for each other. A lock ends with its transaction. Logs that are read behind a
//! cursor take theirs before the next number: otherwise a row with a smaller number could become
//! visible after its readers have passed it. Two logs have a row for that, which comes after the named
//! locks: the changes of runs and targets `target_changes`, then the audit log `event_chain`.

use super::error::DbError;
use super::params;
use super::sql::Sql;

/// The class of our locks, among those of other programs in the same database: "Basi".
pub(super) const CLASS: i32 = 0x4261_7369;

/// The lock whose holder is the one controller of the database, or that the nodes of a site share; a
/// session holds it.
pub(super) const CONTROLLER: i32 = 1;

/// The lock that each transaction which writes shares, so that the next controller can wait for it.
pub(super) const WRITERS: i32 = 2;

/// The lock under which the schema changes.
pub(super) const SCHEMA: i32 = 3;

/// The first of the locks by which a node keeps a second process with its id out; its session holds its
/// own.
pub(super) const NODES: i32 = 1 << 20;

/// The first of the locks that each transaction of a node shares, so that whoever ends its tenure can
/// wait for it.
pub(super) const NODE_WRITERS: i32 = 2 << 20;

/// What a transaction locks, in the order in which it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub(super) enum Lock {
    /// Operators and their roles, so that somebody is left who may manage operators.
    People = 10,
    /// The number of join tokens.
    JoinTokens = 11,
    /// Budgets.
    Budgets = 20,
    /// The next number of a result.
    Results = 30,
}

impl Lock {
    /// Takes the lock until the transaction ends.
    ///
    /// # Errors
    /// When the database fails, or another transaction keeps the lock for too long.
    pub(super) async fn take(self, sql: &Sql) -> Result<(), DbError> {
        sql.run("SELECT pg_advisory_xact_lock($1, $2)", params![CLASS, self as i32]).await?;
        Ok(())
    }
}
