//! rpm's database in its SQLite form, rpmdb.sqlite: read with SQLite, and nothing is ever written
//! next to it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use readers::regular;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// The longest row that is read, in bytes.
const MAX_ROW_BYTES: i32 = 64 << 20;
/// The most rows that are read; the largest distributions have about 60,000 packages in all.
const MAX_ROWS: usize = 200_000;
/// How long a lock of rpm's is waited for. rpm holds one only while it commits.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// How many of SQLite's own instructions run between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;
/// The length of SQLite's file header. SQLite deletes the log of an empty database, so files
/// shorter than this are not given to it.
const HEADER: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header's byte that says how the database is read, and its value for a write-ahead log.
const READ_VERSION: usize = 19;
const WAL: u8 = 2;

/// How a database is opened.
#[derive(Clone, Copy)]
enum Access {
    /// With rpm's locks.
    Locked,
    /// With rpm's locks and its write-ahead log, through the log's index (`-shm`) that rpm made.
    LockedLog,
    /// With the write-ahead log and an index of it in this process's memory. That needs the
    /// database for itself, which only a VFS without locks grants to a file that is open for
    /// reading. It is right where no other process has the log open, and the index is missing or
    /// left over then.
    PrivateLog,
    /// As a file that does not change, without locks and log. A database of the WAL mode has to be
    /// opened this way while it has no log: any other way SQLite creates `-wal` and `-shm` next to
    /// it, or fails where the folder cannot be written.
    Immutable,
}

/// Calls `visit` with each package's header, in the order of their numbers, until `deadline`.
///
/// # Errors
/// What SQLite says of the file. Rows before a damaged part have been visited then.
pub(crate) fn each_blob(
    path: &Path,
    deadline: Option<Instant>,
    visit: &mut dyn FnMut(&[u8]),
) -> io::Result<()> {
    let header = regular::bytes(path, HEADER)?;
    if header.len() < HEADER || !header.starts_with(MAGIC) {
        return Err(io::Error::other("not a SQLite 3 database"));
    }
    let (wal, index) = (beside(path, "-wal"), beside(path, "-shm"));
    // Below a foreign root anything may stand there, and SQLite would open it.
    for file in [&wal, &index] {
        if let Ok(data) = fs::symlink_metadata(file) {
            if data.is_symlink() {
                return Err(io::Error::other("a symbolic link stands beside the database"));
            }
            regular::open(file)?;
        }
    }
    let attempts: &[Access] = match (wal.exists(), index.exists()) {
        (true, true) => &[Access::LockedLog, Access::PrivateLog],
        (true, false) => &[Access::PrivateLog],
        (false, _) if header[READ_VERSION] == WAL => &[Access::Immutable],
        (false, _) => &[Access::Locked],
    };
    let mut failure = None;
    for access in attempts {
        match open(path, *access, deadline) {
            Ok(database) => return read(&database, visit).map_err(io::Error::other),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(|| io::Error::other("not opened"), io::Error::other))
}

fn read(database: &Connection, visit: &mut dyn FnMut(&[u8])) -> rusqlite::Result<()> {
    // By rowid, which is the header's number: no sorting, so no temporary file.
    let mut statement = database.prepare("SELECT blob FROM Packages")?;
    let mut rows = statement.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        if let ValueRef::Blob(blob) = row.get_ref(0)? {
            visit(blob);
        }
        count += 1;
        if count == MAX_ROWS {
            break;
        }
    }
    Ok(())
}

/// Opens a database and reads its schema, so that a lock or a log that cannot be used shows here.
fn open(path: &Path, access: Access, deadline: Option<Instant>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(uri(path, access), flags)?;
    database.busy_timeout(LOCK_WAIT)?;
    database.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_ROW_BYTES)?;
    // The file may come from a foreign image: nothing in its schema runs, and its pages are
    // checked.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    database.pragma_update(None, "cell_size_check", true)?;
    // Without this, closing moves the log into the database and deletes it.
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if matches!(access, Access::PrivateLog) {
        // Before the first read: the index of the log is kept in memory from then on.
        database.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    }
    if let Some(deadline) = deadline {
        database.progress_handler(INSTRUCTIONS, Some(move || Instant::now() >= deadline))?;
    }
    database.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(database)
}

/// Writes a path as a URI with the parameters that `access` needs
/// (<https://www.sqlite.org/uri.html>).
fn uri(path: &Path, access: Access) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte.into())
            }
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str(match access {
        Access::Locked => "?mode=ro",
        // Without write access the index is neither created nor changed.
        Access::LockedLog => "?mode=ro&readonly_shm=1",
        Access::PrivateLog => "?mode=ro&vfs=unix-none",
        Access::Immutable => "?mode=ro&immutable=1",
    });
    uri
}

/// The path of a file that SQLite keeps next to a database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_add_parameters() {
        assert_eq!(
            uri(Path::new("/a b/c?mode=rwc&x#y%z"), Access::Immutable),
            "file:/a%20b/c%3Fmode%3Drwc%26x%23y%25z?mode=ro&immutable=1"
        );
    }
}
