//! The database file: its place, its mode, and how connections are opened.

use super::migrations::{self, MIGRATIONS};
use crate::error::Error;
use crate::files;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// The file's name in the state directory.
const FILE: &str = "results.db";

/// How long one connection waits for the other's lock; in WAL mode they meet only at recovery.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Bytes that the write-ahead log may keep between two checkpoints.
const MAX_WAL: u32 = 64 << 20;

/// Opens the database in `dir` for writing. Creates it if it is missing and migrates it if it is
/// old.
///
/// # Errors
/// When the file cannot be opened, is not a database, or was made by a newer version.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    files::create_dir(dir)?;
    let path = dir.join(FILE);
    // SQLite gives its other files the mode of this one.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(files::PRIVATE)
        .open(&path)
        .map_err(Error::file(&path))?;
    let mut connection =
        connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(Error::content(&path))?;
    migrations::apply(&mut connection, MIGRATIONS).map_err(Error::content(&path))?;
    configure(&connection).map_err(Error::content(&path))?;
    // The directory entries must survive a power cut, too.
    for dir in [Some(dir), dir.parent()].into_iter().flatten() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::file(dir))?;
    }
    Ok(connection)
}

/// Opens another connection, for reading.
///
/// # Errors
/// When the file cannot be opened.
pub(super) fn open_read_only(dir: &Path) -> Result<Connection, Error> {
    let path = dir.join(FILE);
    connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Error::content(&path))
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(LOCK_WAIT)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on disk when it returns. With NORMAL, a power cut undoes the last ones.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", MAX_WAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;
    use test_support::Scratch;

    #[test]
    fn a_database_is_created_once_and_for_its_owner_only() {
        let scratch = Scratch::new("controller-store");
        let dir = scratch.file("state");
        for _ in 0..2 {
            let connection = open(&dir).unwrap();
            let found: (String, i64, i64) = connection
                .query_row(
                    "SELECT j.journal_mode, s.synchronous, v.user_version \
                     FROM pragma_journal_mode j, pragma_synchronous s, pragma_user_version v",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .unwrap();
            assert_eq!(found, ("wal".to_owned(), 2, 1));
            for (path, mode) in
                [(dir.clone(), 0o700), (dir.join(FILE), 0o600), (dir.join("results.db-wal"), 0o600)]
            {
                assert_eq!(path.metadata().unwrap().mode() & 0o777, mode, "{}", path.display());
            }
        }
    }

    #[test]
    fn a_database_of_a_newer_version_and_a_file_that_is_not_a_database_are_rejected_by_name() {
        let scratch = Scratch::new("controller-store");
        let path = scratch.file(FILE);
        open(scratch.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let why = open(scratch.path()).unwrap_err().to_string();
        assert!(why.contains(FILE) && why.contains("newer version"), "{why}");
        std::fs::write(&path, "not a database, but long enough for its header".repeat(99)).unwrap();
        let why = open(scratch.path()).unwrap_err().to_string();
        assert!(why.contains(FILE) && why.contains("not a database"), "{why}");
    }
}
