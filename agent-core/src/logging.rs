//! The log: stderr, or the file of `log.file` (`-L`), one line per record.
//!
//! Under journald a line starts with its severity (`<3>`, sd-daemon(3)), and the journal adds the
//! time; elsewhere it starts with time and level. Control characters are escaped, so that no peer's
//! text can forge a line.

use crate::clock;
use agent_wire::json::one_line;
use log::Level;
use parking_lot::Mutex;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A log file that cannot be opened.
#[derive(Debug)]
pub(crate) struct Error {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log file {}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The log file, which can be reopened after a rotation.
#[derive(Clone)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn open(path: &Path) -> Result<File, Error> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(path)
            .and_then(|file| match file.metadata()?.is_file() {
                true => Ok(file),
                false => Err(io::Error::other("not a regular file")),
            })
            .map_err(|source| Error { path: path.to_owned(), source })
    }

    /// Opens the path again; later lines go to the file that it names now.
    ///
    /// # Errors
    /// When the file cannot be opened; then the old file stays in use.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        let fresh = Self::open(&self.path)?;
        *self.file.lock() = fresh;
        Ok(())
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the log file cannot be opened.
pub(crate) fn start(
    level: log::LevelFilter,
    file: Option<&Path>,
) -> Result<Option<LogFile>, Error> {
    let file = match file {
        Some(path) => Some(LogFile {
            path: path.to_owned(),
            file: Arc::new(Mutex::new(LogFile::open(path)?)),
        }),
        None => None,
    };
    let journal = file.is_none() && std::env::var_os("JOURNAL_STREAM").is_some();
    let mut builder = env_logger::Builder::new();
    // The effective level is the log crate's global maximum, so that a reload can change it.
    builder.filter_level(log::LevelFilter::Trace).format(move |out, record| {
        let mut line = String::with_capacity(160);
        let prefixed = if journal {
            write!(line, "<{}>{}: ", severity(record.level()), area(record.target()))
        } else {
            let now = clock::now().seconds();
            write!(line, "{now} {:5} {}: ", record.level(), area(record.target()))
        };
        prefixed.map_err(io::Error::other)?;
        line.push_str(&one_line(&record.args().to_string()));
        line.push('\n');
        out.write_all(line.as_bytes())
    });
    if let Some(file) = &file {
        builder.target(env_logger::Target::Pipe(Box::new(file.clone())));
    }
    builder.init();
    log::set_max_level(level);
    Ok(file)
}

/// Returns the severity number of syslog(3).
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Returns the part of the agent that a record comes from: `link`, `exec`, …
fn area(target: &str) -> &str {
    target
        .strip_prefix("agent_core::")
        .map_or(target, |path| path.split("::").next().unwrap_or(path))
}
