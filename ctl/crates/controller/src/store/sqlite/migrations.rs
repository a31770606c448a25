//! The schema's history: numbered migrations, each applied once, in order.
//!
//! SQLite's `user_version` holds the number of the last migration that was applied. This stays
//! our own 30 lines: a migration crate would tie every update of rusqlite to its own releases.

use rusqlite::{Connection, TransactionBehavior};
use std::cmp::Ordering;
use std::fmt;

/// A step from one version of the schema to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// The version that it leads to; 1 follows an empty database.
    pub(super) number: u32,
    /// Its statements.
    pub(super) sql: &'static str,
}

/// Every migration, in order. A migration is never changed once it is released; a change of the
/// schema is a new one.
pub(super) const MIGRATIONS: &[Migration] = &[
    FIRST,
    A_ROW_PER_RUN,
    HOSTS_AND_PEOPLE,
    RUNS_FACTS_SCHEDULES,
    TREND_AND_NAMES,
    LOGIN_LINKS,
    WHY_AWAY,
    HOSTS_OF_LABELS,
];

const FIRST: Migration = Migration {
    number: 1,
    // AUTOINCREMENT: a sequence number is never reused, so a client that has read up to one has
    // missed nothing before it.
    sql: "
    CREATE TABLE results (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        host TEXT NOT NULL,
        task TEXT NOT NULL,
        kind TEXT NOT NULL,         -- the event's method
        received INTEGER NOT NULL,  -- milliseconds since 1970, UTC
        event TEXT NOT NULL,        -- the event's JSON as it came
        UNIQUE (host, task)
    ) STRICT;
    CREATE INDEX results_of_a_host ON results (host, sequence);
    CREATE INDEX results_by_age ON results (received);
",
};

/// A task id may run again (on a host that was installed anew, or after the agent has forgotten the
/// id), so an event is known by its digest, not by its id. The rows of version 1 have none.
///
/// SQLite cannot drop a constraint, so the table is copied; its sequence numbers go on.
const A_ROW_PER_RUN: Migration = Migration {
    number: 2,
    sql: "
    CREATE TABLE runs (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        host TEXT NOT NULL,
        task TEXT NOT NULL,
        kind TEXT NOT NULL,         -- the event's method
        received INTEGER NOT NULL,  -- milliseconds since 1970, UTC
        event TEXT NOT NULL,        -- the event's JSON as it came
        digest BLOB                 -- SHA-256 of the event
    ) STRICT;
    INSERT INTO runs (sequence, host, task, kind, received, event)
        SELECT sequence, host, task, kind, received, event FROM results ORDER BY sequence;
    DELETE FROM sqlite_sequence WHERE name = 'runs';
    INSERT INTO sqlite_sequence (name, seq)
        SELECT 'runs', seq FROM sqlite_sequence WHERE name = 'results';
    DROP TABLE results;
    ALTER TABLE runs RENAME TO results;
    CREATE UNIQUE INDEX results_of_a_task ON results (host, task, digest);
    CREATE INDEX results_of_a_host ON results (host, sequence);
    CREATE INDEX results_by_age ON results (received);
    CREATE TABLE usage (            -- what a host's results occupy
        host TEXT PRIMARY KEY,
        bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO usage (host, bytes)
        SELECT host, sum(octet_length(event) + 512) FROM results GROUP BY host;
    CREATE TABLE clock (            -- one row: the clock when results were last deleted for age
        only INTEGER PRIMARY KEY CHECK (only = 1),
        trusted INTEGER NOT NULL,   -- milliseconds since 1970, UTC
        doubted_since INTEGER
    ) STRICT;
",
};

const HOSTS_AND_PEOPLE: Migration =
    Migration { number: 3, sql: include_str!("migrations/third.sql") };

const RUNS_FACTS_SCHEDULES: Migration = Migration {
    number: 4,
    sql: concat!(
        include_str!("migrations/fourth/runs.sql"),
        include_str!("migrations/fourth/facts.sql"),
        include_str!("migrations/fourth/schedules.sql"),
    ),
};

const TREND_AND_NAMES: Migration =
    Migration { number: 5, sql: include_str!("migrations/fifth.sql") };

const LOGIN_LINKS: Migration = Migration { number: 6, sql: include_str!("migrations/sixth.sql") };

const WHY_AWAY: Migration = Migration {
    number: 7,
    sql: "
    ALTER TABLE presence ADD COLUMN departure TEXT; -- why the last channel ended; null while open
",
};

const HOSTS_OF_LABELS: Migration =
    Migration { number: 8, sql: include_str!("migrations/eighth.sql") };

/// Why a database cannot be migrated.
#[derive(Debug)]
pub(super) enum MigrationError {
    /// A newer version of the controller made the database.
    Newer {
        /// The database's version.
        found: u32,
        /// The last version that this controller knows.
        known: u32,
    },
    /// A migration failed and was rolled back.
    Failed {
        /// The migration's number.
        number: u32,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// An older version of the controller made the database.
    Older {
        /// The database's version.
        found: u32,
        /// The last version that this controller knows.
        known: u32,
    },
    /// The version cannot be read.
    Unreadable(rusqlite::Error),
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, known } => write!(
                f,
                "made by a newer version of the controller: its schema is {found}, this version \
                 knows {known}; upgrade the controller or choose another --state-dir"
            ),
            Self::Older { found, known } => write!(
                f,
                "made by an older version of the controller: its schema is {found}, this version \
                 wants {known}; start this version of the controller on it once, and stop it"
            ),
            Self::Failed { number, source } => {
                write!(f, "migration {number} failed and was rolled back: {source}")
            }
            Self::Unreadable(source) => source.fmt(f),
        }
    }
}

impl std::error::Error for MigrationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Newer { .. } | Self::Older { .. } => None,
            Self::Failed { source, .. } | Self::Unreadable(source) => Some(source),
        }
    }
}

/// Checks that the database has seen every migration, and no other.
///
/// # Errors
/// When it has not.
pub(super) fn is_current(
    connection: &Connection,
    migrations: &[Migration],
) -> Result<(), MigrationError> {
    let found = version(connection).map_err(MigrationError::Unreadable)?;
    let known = migrations.last().map_or(0, |last| last.number);
    match found.cmp(&known) {
        Ordering::Less => Err(MigrationError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(MigrationError::Newer { found, known }),
    }
}

/// Applies each migration that the database has not seen, in one transaction each.
///
/// # Errors
/// When a migration fails, and when the database is newer than the last one; it is then unchanged.
pub(super) fn apply(
    connection: &mut Connection,
    migrations: &[Migration],
) -> Result<(), MigrationError> {
    let found = version(connection).map_err(MigrationError::Unreadable)?;
    let known = migrations.last().map_or(0, |last| last.number);
    if found > known {
        return Err(MigrationError::Newer { found, known });
    }
    for migration in migrations.iter().filter(|migration| migration.number > found) {
        step(connection, migration)
            .map_err(|source| MigrationError::Failed { number: migration.number, source })?;
    }
    Ok(())
}

fn step(connection: &mut Connection, migration: &Migration) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Looked at again under the lock: another process may have been faster.
    if version(&transaction)? < migration.number {
        transaction.execute_batch(migration.sql)?;
        transaction.pragma_update(None, "user_version", migration.number)?;
    }
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests;
