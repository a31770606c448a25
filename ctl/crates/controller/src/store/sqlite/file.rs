//! The database file: where it is, how it is opened, and its versions.

use crate::error::Error;
use crate::files;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// The file's name in the state directory.
const FILE: &str = "results.db";

/// How long one connection waits for the other's lock; in WAL mode they meet at recovery only.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Bytes the log beside the database may keep between two checkpoints.
const MAX_WAL: u32 = 64 << 20;

/// Statements that lead from each version (`PRAGMA user_version`) to the next. Never changed, only added to.
///
/// A sequence number is never used again, so a client that has read up to one has missed nothing
/// before it.
const MIGRATIONS: [&str; 1] = ["
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
"];

/// Opens the database in `dir` for writing, makes or migrates it where need be.
///
/// # Errors
/// When it can't be opened, is no database, or was made by a later version.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    files::make_dir(dir)?;
    let path = dir.join(FILE);
    // SQLite gives its other files the mode of this one.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(files::PRIVATE)
        .open(&path)
        .map_err(Error::file(&path))?;
    let opened = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|mut connection| {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // FULL: a commit is on the disk when it returns. With NORMAL a power cut takes the last ones back.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", MAX_WAL)?;
        let version = migrate(&mut connection)?;
        Ok((connection, version))
    });
    let (connection, version) = opened.map_err(Error::content(&path))?;
    if version as usize > MIGRATIONS.len() {
        let why = format!("made by a later version (schema {version}, this one knows {})", MIGRATIONS.len());
        return Err(Error::Content { path, why });
    }
    // That there is a database has to survive a power cut too.
    for dir in [Some(dir), dir.parent()].into_iter().flatten() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::file(dir))?;
    }
    Ok(connection)
}

/// Another connection, to read by.
///
/// # Errors
/// When it can't be opened.
pub(super) fn open_to_read(dir: &Path) -> Result<Connection, Error> {
    let path = dir.join(FILE);
    connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Error::content(&path))
}

fn connect(path: &Path, how: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(LOCK_WAIT)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<u32> {
    let transaction = connection.transaction()?;
    let version: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (number, step) in (1..).zip(MIGRATIONS) {
        if number > version {
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", number)?;
        }
    }
    transaction.commit()?;
    Ok(version)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A directory that goes when the test is over.
    pub(in crate::store::sqlite) struct Scratch(pub(in crate::store) PathBuf);

    impl Scratch {
        pub(in crate::store::sqlite) fn new() -> Self {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let dir = std::env::temp_dir().join(format!("controller-store-{}-{number}", std::process::id()));
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).unwrap();
            Self(dir)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_database_is_made_once_for_its_owner_only_and_one_of_a_later_version_is_refused() {
        let scratch = Scratch::new();
        let dir = scratch.0.join("state");
        for _ in 0..2 {
            let connection = open(&dir).unwrap();
            let found: (String, i64, i64) = connection
                .query_row("SELECT j.journal_mode, s.synchronous, v.user_version FROM pragma_journal_mode j, pragma_synchronous s, pragma_user_version v", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .unwrap();
            assert_eq!(found, ("wal".to_owned(), 2, 1));
            for (path, mode) in
                [(dir.clone(), 0o700), (dir.join(FILE), 0o600), (dir.join("results.db-wal"), 0o600)]
            {
                assert_eq!(path.metadata().unwrap().mode() & 0o777, mode, "{}", path.display());
            }
        }
        open(&dir).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(open(&dir).unwrap_err().to_string().contains("later version"));
        std::fs::write(dir.join(FILE), "no database, but long enough to look like something".repeat(99))
            .unwrap();
        assert!(open(&dir).unwrap_err().to_string().contains(FILE));
    }
}
