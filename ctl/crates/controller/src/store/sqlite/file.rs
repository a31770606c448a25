//! The database file: its place, its owner and mode, its lock, and how connections are opened.

use super::migrations::{self, MIGRATIONS};
use super::sql::PREPARED;
use crate::error::Error;
use crate::files;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::error::Error as StdError;
use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name in the state directory.
pub(super) const FILE: &str = "results.db";

/// Its name once its content was moved to PostgreSQL.
pub(super) const MOVED: &str = "results.db.migrated";

/// The sentence for a controller that finds it so.
const MOVED_AWAY: &str = "this site was moved to PostgreSQL, and a new one in its place would not \
                          know its hosts; start the controller with --database (to go back to the \
                          site as it was at the move, rename this file to results.db)";

/// The file whose lock keeps a second controller out.
const LOCK: &str = "controller.lock";

/// How long one connection waits for the other's lock; in WAL mode they meet only at recovery.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Bytes that the write-ahead log may keep between two checkpoints.
const MAX_WAL: u32 = 64 << 20;

/// Takes the state directory for this process alone, and checks that nobody else can change it.
/// The lock ends with the returned file.
///
/// # Errors
/// When another controller uses the directory, or another user could change what is in it.
pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    files::create_dir(dir)?;
    files::check_dir(dir)?;
    let path = dir.join(LOCK);
    let file = create(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Content {
            path: dir.to_owned(),
            why: "another BasicAgentController uses this directory; stop it, or choose another \
                  --state-dir"
                .to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(Error::File { path, source }),
    }
}

/// Opens the database in `dir` for writing. Creates it if it is missing and migrates it if it is
/// old.
///
/// # Errors
/// When the file cannot be opened, is not a database, or was made by a newer version.
pub(super) fn open(dir: &Path) -> Result<Connection, Error> {
    files::create_dir(dir)?;
    refuse_moved(dir)?;
    let path = dir.join(FILE);
    // SQLite gives its other files the mode of this one.
    create(&path)?;
    let mut connection =
        connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(unusable(dir))?;
    migrations::apply(&mut connection, MIGRATIONS).map_err(unusable(dir))?;
    configure(&connection).map_err(unusable(dir))?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // The directory entries must survive a power cut, too.
    // A relative path of one name has an empty parent.
    let here = |dir: &Path| dir.as_os_str().is_empty();
    let parent = dir.parent().map(|dir| if here(dir) { Path::new(".") } else { dir });
    for dir in [Some(dir), parent].into_iter().flatten() {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::file(dir))?;
    }
    Ok(connection)
}

/// Refuses a directory whose site was moved to PostgreSQL.
///
/// # Errors
/// When it was: a sentence that says what to do.
pub(crate) fn refuse_moved(dir: &Path) -> Result<(), Error> {
    let moved = dir.join(MOVED);
    if moved.exists() && !dir.join(FILE).exists() {
        return Err(Error::Content { path: moved, why: MOVED_AWAY.to_owned() });
    }
    Ok(())
}

/// For `map_err`: the database in `dir` cannot be used. Adds what to do.
pub(super) fn unusable<E: StdError + 'static>(dir: &Path) -> impl FnOnce(E) -> Error {
    let path = dir.join(FILE);
    move |error| {
        let sqlite = error
            .source()
            .and_then(|source| source.downcast_ref::<rusqlite::Error>())
            .or_else(|| (&error as &dyn StdError).downcast_ref());
        let advice = match sqlite.and_then(rusqlite::Error::sqlite_error_code) {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                "; restore a backup, or repair it with sqlite3's .recover"
            }
            Some(ErrorCode::DiskFull) => "; make room on the disk",
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
                "; is the file system mounted read-only?"
            }
            _ => "",
        };
        Error::Content { path, why: format!("{error}{advice}") }
    }
}

/// Opens a file of our own, which is created if it is missing. It must be a regular file that only
/// its owner may use.
fn create(path: &Path) -> Result<File, Error> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(files::PRIVATE)
        // A FIFO must not block the controller, and nobody may lead it elsewhere.
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
        .open(path)
        .map_err(Error::file(path))?;
    files::check_private(path, &file)?;
    Ok(file)
}

/// The files that a connection has open, to notice when others take their place.
#[derive(Debug)]
pub(super) struct Place(Vec<(PathBuf, Identity)>);

/// A device and an inode.
type Identity = (u64, u64);

impl Place {
    /// Notes the files of the database in `dir`, which a connection has read from.
    ///
    /// # Errors
    /// When one of them is missing.
    pub(super) fn of(dir: &Path) -> Result<Self, Error> {
        ["", "-wal"]
            .into_iter()
            .map(|ending| {
                let mut name = OsString::from(FILE);
                name.push(ending);
                let path = dir.join(name);
                let identity = identity(&path).map_err(Error::file(&path))?;
                Ok((path, identity))
            })
            .collect::<Result<_, Error>>()
            .map(Self)
    }

    /// Checks that the files are still where they were. Where they are not, SQLite goes on writing
    /// into files that nobody can find again.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn check(&self) -> Result<(), String> {
        for (path, known) in &self.0 {
            let what = match identity(path) {
                Ok(found) if found == *known => continue,
                Ok(_) => "was replaced".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    "was deleted or moved".to_owned()
                }
                Err(error) => format!("cannot be reached: {error}"),
            };
            return Err(format!(
                "{} {what} while the controller runs; move the state directory back, or restart \
                 the controller",
                path.display()
            ));
        }
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    let data = path.symlink_metadata()?;
    Ok((data.dev(), data.ino()))
}

/// Opens another connection, for reading.
///
/// # Errors
/// When the file cannot be opened.
pub(super) fn open_read_only(dir: &Path) -> Result<Connection, Error> {
    let path = dir.join(FILE);
    connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Error::content(&path))
}

pub(super) fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(LOCK_WAIT)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: a commit is on disk when it returns. With NORMAL, a power cut undoes the last ones.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", MAX_WAL)?;
    // The first read creates the write-ahead log, which stays until the last connection closes.
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(found, ("wal".to_owned(), 2, 8));
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
