//! [`MigrationSource`]: the database as `BasicAgentController migrate` reads it, and how it is set
//! aside afterward.
//!
//! Each reader has a connection of its own, which cannot write. The file is the same before and
//! after; only its write-ahead log goes into it at the end.

use super::events;
use super::file::{self, FILE, MOVED};
use super::migrations::{self, MIGRATIONS};
use crate::error::Error;
use crate::files;
use crate::store::Verified;
use crate::store::audit_line::LogCheck;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// The database of a stopped controller.
#[derive(Debug)]
pub(crate) struct MigrationSource {
    dir: PathBuf,
    /// It has been set aside before.
    is_moved: bool,
    /// Keeps controllers off the directory.
    _lock: File,
}

impl MigrationSource {
    /// Opens the database in `dir`, which must exist, have the current schema and be sound.
    ///
    /// # Errors
    /// When it is not so, or a controller uses the directory.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let is_moved = match (dir.join(FILE).exists(), dir.join(MOVED).exists()) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => {
                let why = "there is no database of a controller; give the directory of --state-dir";
                return Err(Error::Content { path: dir.join(FILE), why: why.to_owned() });
            }
        };
        let source = Self { dir: dir.to_owned(), is_moved, _lock: file::lock(dir)? };
        files::check_private(&source.path(), &source.open_file()?)?;
        let connection = source.connect()?;
        migrations::is_current(&connection, MIGRATIONS).map_err(file::unusable(dir))?;
        let found =
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        let found = found.map_err(file::unusable(dir))?;
        if found != "ok" {
            let why =
                format!("damaged: {found}; restore a backup, or repair it with sqlite3's .recover");
            return Err(Error::Content { path: source.path(), why });
        }
        Ok(source)
    }

    fn open_file(&self) -> Result<File, Error> {
        File::open(self.path()).map_err(Error::file(self.path()))
    }

    /// Returns whether the database has been set aside before.
    pub(crate) fn is_moved(&self) -> bool {
        self.is_moved
    }

    /// Returns the file as it is now.
    fn path(&self) -> PathBuf {
        self.dir.join(if self.is_moved { MOVED } else { FILE })
    }

    /// Returns the file's name once it is set aside.
    pub(crate) fn kept(&self) -> PathBuf {
        self.dir.join(MOVED)
    }

    /// Opens a connection that reads.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) fn connect(&self) -> Result<Connection, Error> {
        let path = self.path();
        file::connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Error::content(&path))
    }

    /// Returns the largest number that a table has ever given, where SQLite keeps it; else 0.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn last_number(&self, table: &str) -> rusqlite::Result<i64> {
        let connection = file::connect(&self.path(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let read = "SELECT seq FROM sqlite_sequence WHERE name = ?";
        Ok(connection.query_row(read, [table], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Checks the chain of the audit log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn verify_events(connection: &Connection) -> rusqlite::Result<Verified> {
        let mut check = LogCheck::begin(events::chain(connection)?);
        while let Some((after, last)) = check.next() {
            check.take(events::lines(connection, after, last)?);
        }
        Ok(check.found())
    }

    /// Sets the database aside, so that no controller starts on it.
    ///
    /// # Errors
    /// When its write-ahead log cannot be written into it, or it cannot be renamed.
    pub(crate) fn retire(&mut self) -> Result<(), Error> {
        self.settle()?;
        let (from, to) = (self.path(), self.kept());
        fs::rename(&from, &to).map_err(Error::file(&from))?;
        self.is_moved = true;
        files::sync_dir(&self.dir)
    }

    /// Writes what is in the write-ahead log into the file; the log goes, with the readers' files.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let path = self.path();
        let settled =
            file::connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|connection| {
                let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
                let busy = connection.query_row(checkpoint, [], |row| row.get::<_, bool>(0))?;
                connection.close().map_err(|(_, error)| error)?;
                Ok(busy)
            });
        match settled {
            Ok(false) => Ok(()),
            Ok(true) => Err(Error::Content { path, why: "another program has it open".to_owned() }),
            Err(error) => Err(Error::Content { path, why: error.to_string() }),
        }
    }
}
