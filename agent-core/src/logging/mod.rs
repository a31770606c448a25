//! The log: stderr, or the file of `log.file` (`-L`), one line per record.
//!
//! Under journald a line starts with its severity (`<3>`, sd-daemon(3)), and the journal adds the
//! time; elsewhere it starts with time and level. Control characters are escaped, so that no peer's
//! text can forge a line. Logging never waits ([`agent_log`]): lines that nobody takes are counted
//! and discarded.

mod file;
mod journal;
mod recent;
mod standard;

pub(crate) use recent::last_errors;
pub(crate) use standard::Standard;

use crate::clock;
use agent_log::{Descriptor, Outlet, severity};
use agent_wire::json::one_line;
use file::LogFile;
use log::Level;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the end of the process waits for the last lines to be written.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The daemon's name in lines without an area.
pub(crate) const AGENT: &str = "BasicAgent";

/// A log that cannot be opened.
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

/// The started log.
pub(crate) struct Log {
    /// The file, where the log is one.
    file: Option<LogFile>,
    outlet: Outlet,
    journal: bool,
}

impl Log {
    /// Opens the log file again, if the log is one; later lines go to the file that its path names
    /// now.
    ///
    /// # Errors
    /// When the file cannot be opened; then the old file stays in use.
    pub(crate) fn reopen(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), LogFile::reopen)
    }

    /// Writes the error that ends the process, whatever the level; to standard error too, where the
    /// log is a file.
    pub(crate) fn fatal(&self, error: &dyn fmt::Display) {
        self.outlet.append(plain_line(AGENT, self.journal, error).as_bytes());
        if self.file.is_some() {
            complain(AGENT, error);
        }
    }

    /// Waits until all lines are written, for a second at most.
    pub(crate) fn finish(&self) {
        self.outlet.finish(FINISH_TIMEOUT);
    }
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the log file cannot be opened.
pub(crate) fn start(level: log::LevelFilter, path: Option<&Path>) -> Result<Log, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error { path, source }
    };
    let standard = path.map_or(Some(Standard::Error), Standard::named);
    let (file, outlet, journal) = match (standard, path) {
        (None, Some(path)) => {
            let file = LogFile::open(path).map_err(failed(path))?;
            (Some(file.clone()), Outlet::new(file, notice), false)
        }
        (standard, _) => {
            let standard = standard.unwrap_or(Standard::Error);
            let out = standard.descriptor().map_err(failed(path.unwrap_or(Path::new("-"))))?;
            let journal = journal::is(&out);
            let notice = if journal { journal_notice } else { notice };
            (None, Outlet::new(Descriptor::new(out), notice), journal)
        }
    };
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
        let text = one_line(&record.args().to_string());
        if record.level() <= Level::Warn {
            recent::note(record.level(), area(record.target()), &text);
        }
        line.push_str(&text);
        line.push('\n');
        out.write_all(line.as_bytes())
    });
    builder.target(env_logger::Target::Pipe(Box::new(outlet.clone())));
    builder.init();
    log::set_max_level(level);
    // The standard library's hook would wait for the reader of standard error.
    std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    Ok(Log { file, outlet, journal })
}

/// Writes one line of `program` to standard error, where there is no log yet. Does not wait longer
/// than a second for its reader.
pub(crate) fn complain(program: &str, what: &dyn fmt::Display) {
    let Ok(out) = Standard::Error.descriptor() else { return };
    let line = plain_line(program, journal::is(&out), what);
    let outlet = Outlet::new(Descriptor::new(out), notice);
    outlet.append(line.as_bytes());
    outlet.finish(FINISH_TIMEOUT);
}

/// Formats a line for whoever started the agent: without a time, and a TOML error over its lines.
fn plain_line(program: &str, journal: bool, what: &dyn fmt::Display) -> String {
    match journal {
        // Each line of the text would be a record of its own, of another severity.
        true => {
            format!("<{}>{program}: {}\n", severity(Level::Error), one_line(&what.to_string()))
        }
        false => format!("{program}: {what}\n"),
    }
}

fn notice(lines: u64) -> String {
    format!("{} {:5} log: {lines} lines were lost here\n", clock::now().seconds(), Level::Error)
}

fn journal_notice(lines: u64) -> String {
    format!("<{}>log: {lines} lines were lost here\n", severity(Level::Error))
}

/// Returns the part of the agent that a record comes from: `link`, `exec`, …
fn area(target: &str) -> &str {
    target
        .strip_prefix("agent_core::")
        .map_or(target, |path| path.split("::").next().unwrap_or(path))
}
