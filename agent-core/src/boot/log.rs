//! The launcher's log: its own lines, with time and severity, and the agent's lines unchanged.
//!
//! Only [`super::supervise`] writes it. A line that cannot be written (disk full, or nobody reads
//! standard error) is counted and discarded without waiting; once writing works again, the count is
//! the first line. [`own_file`] decides which files are accepted.

use std::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agent_log::{Descriptor, Outlet};

use super::Error;
use super::own_file;
use crate::clock;
use crate::logging::Standard;

pub(super) use log::Level;

/// What a line says that stands for lines which are missing there.
const LOST: &str = "lines were lost here";

/// The log's mode: writable by its owner, readable by its group (adm, on many systems).
const MODE: u32 = 0o640;

/// How long boot's end waits for the reader of its standard error.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The log.
#[derive(Debug)]
pub(super) enum Log {
    /// A file, and the lines that could not be written to it.
    File(LogFile),
    /// Standard error or output, whose reader may stop reading.
    Standard(Outlet),
}

/// A log file, and the lines that could not be written.
#[derive(Debug)]
pub(super) struct LogFile {
    out: File,
    path: PathBuf,
    lost: Lost,
}

/// Lines that did not reach the log.
#[derive(Debug, Default)]
struct Lost {
    lines: usize,
    error: Option<io::Error>,
    /// The last write ended within a line, so the next one starts by ending that line.
    torn: bool,
}

impl Log {
    /// Opens the file at `path` for appending, and creates it if it is missing; without a path,
    /// uses standard error.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::File`].
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let standard = path.map_or(Some(Standard::Error), Standard::named);
        match (standard, path) {
            (None, Some(path)) => {
                let (out, path, lost) = (open_file(path)?, path.into(), Lost::default());
                Ok(Self::File(LogFile { out, path, lost }))
            }
            (standard, _) => {
                let out = standard.unwrap_or(Standard::Error).descriptor();
                let out = out.map_err(|source| Error::System { call: "standard error", source })?;
                let notice = |lines| own_line(Level::Error, format_args!("{lines} {LOST}"));
                Ok(Self::Standard(Outlet::new(Descriptor::new(out), notice)))
            }
        }
    }

    /// Reopens the file after logrotate has renamed it. If that fails, keeps the old file.
    pub(super) fn reopen(&mut self) {
        let Self::File(file) = self else { return };
        match open_file(&file.path) {
            Ok(fresh) => {
                file.out = fresh;
                file.lost.torn = false;
                self.say(Level::Info, format_args!("log reopened"));
            }
            Err(error) => {
                self.say(
                    Level::Error,
                    format_args!("cannot reopen the log; still writing to the old file: {error}"),
                );
            }
        }
    }

    /// Writes one line of boot's own.
    pub(super) fn say(&mut self, level: Level, message: Arguments<'_>) {
        self.append(own_line(level, message).as_bytes());
    }

    /// Writes whole lines, each ending with a newline.
    pub(super) fn append(&mut self, lines: &[u8]) {
        match self {
            Self::File(file) => file.append(lines),
            Self::Standard(outlet) => outlet.append(lines),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Self::Standard(outlet) = self {
            outlet.finish(FINISH_TIMEOUT);
        }
    }
}

impl LogFile {
    /// Writes whole lines, each ending with a newline.
    fn append(&mut self, lines: &[u8]) {
        if self.lost.lines > 0 {
            let error = self.lost.error.as_ref().map_or_else(String::new, ToString::to_string);
            let notice =
                own_line(Level::Error, format_args!("{} {LOST}: {error}", self.lost.lines));
            match self.write(notice.as_bytes()) {
                Ok(()) => self.lost.lines = 0,
                Err(_) => return self.lose(lines),
            }
        }
        if let Err(unwritten) = self.write(lines) {
            self.lose(&lines[lines.len() - unwritten..]);
        }
    }

    fn lose(&mut self, lines: &[u8]) {
        self.lost.lines += lines.iter().filter(|&&byte| byte == b'\n').count();
    }

    /// Writes all of `lines`, or returns the number of bytes left.
    fn write(&mut self, lines: &[u8]) -> Result<(), usize> {
        let mut rest = lines;
        while !rest.is_empty() {
            let next: &[u8] = if self.lost.torn { b"\n" } else { rest };
            match self.out.write(next) {
                Ok(1..) if self.lost.torn => self.lost.torn = false,
                Ok(written @ 1..) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                failed => {
                    self.lost.error =
                        Some(failed.err().unwrap_or_else(|| ErrorKind::WriteZero.into()));
                    let written = lines.len() - rest.len();
                    self.lost.torn |= written > 0 && lines[written - 1] != b'\n';
                    return Err(rest.len());
                }
            }
        }
        Ok(())
    }
}

fn open_file(path: &Path) -> Result<File, Error> {
    own_file::open(path, OpenOptions::new().append(true).create(true).mode(MODE))
}

/// Formats one line; escapes control characters (from a path), so that it stays one line.
fn own_line(level: Level, message: Arguments<'_>) -> String {
    let time = clock::now();
    let mut line = format!("{time} {level} boot: ");
    for character in message.to_string().chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_break_a_line() {
        let line = own_line(Level::Warn, format_args!("a\nb\u{1b}[31m"));
        let (_, rest) = line.split_once(' ').unwrap();
        assert_eq!(rest, "WARN boot: a\\nb\\u{1b}[31m\n");
    }
}
