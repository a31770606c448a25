//! The launcher's log: its own lines, with time and severity, and the agent's, as they come.
//!
//! Written by [`super::supervise`] alone. A line that cannot be written (disk full) is counted and
//! dropped, never waited for; the count is the first line once writing works again. Refuses what
//! [`own_file`] refuses.

use std::fmt::Arguments;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::own_file;
use crate::{Error, clock};

pub(super) use log::Level;

/// The log's mode: its owner's, and its group's to read (adm, on many systems).
const MODE: u32 = 0o640;

/// Where lines go, and what became of those that could not.
#[derive(Debug)]
pub(super) struct Log {
    out: File,
    /// `None`: standard error, which cannot be reopened.
    path: Option<PathBuf>,
    lost: Lost,
}

/// Lines that did not reach the log.
#[derive(Debug, Default)]
struct Lost {
    lines: usize,
    error: Option<io::Error>,
    /// The last write got half a line out: the next begins with the line's missing end.
    torn: bool,
}

impl Log {
    /// Opens the file at `path` for appending, made if missing; with no path, standard error.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::File`].
    pub(super) fn open(path: Option<&Path>) -> Result<Self, Error> {
        let out = match path {
            Some(path) => open_file(path)?,
            None => io::stderr()
                .as_fd()
                .try_clone_to_owned()
                .map_err(|source| Error::System { call: "standard error", source })?
                .into(),
        };
        Ok(Self { out, path: path.map(Into::into), lost: Lost::default() })
    }

    /// Opens the file anew, since logrotate has renamed it. If that fails, the old one stays.
    pub(super) fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match open_file(path) {
            Ok(file) => {
                self.out = file;
                self.lost.torn = false;
                self.say(Level::Info, format_args!("log reopened"));
            }
            Err(error) => {
                self.say(Level::Error, format_args!("log not reopened, the old one stays: {error}"));
            }
        }
    }

    /// Writes one line of boot's own.
    pub(super) fn say(&mut self, level: Level, message: Arguments<'_>) {
        self.append(own_line(level, message).as_bytes());
    }

    /// Writes whole lines, each with its end.
    pub(super) fn append(&mut self, lines: &[u8]) {
        if self.lost.lines > 0 {
            let error = self.lost.error.as_ref().map_or_else(String::new, ToString::to_string);
            let notice =
                own_line(Level::Error, format_args!("{} lines were lost here: {error}", self.lost.lines));
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

    /// Writes all of `lines`, or says how many bytes are left.
    fn write(&mut self, lines: &[u8]) -> Result<(), usize> {
        let mut rest = lines;
        while !rest.is_empty() {
            let next: &[u8] = if self.lost.torn { b"\n" } else { rest };
            match self.out.write(next) {
                Ok(1..) if self.lost.torn => self.lost.torn = false,
                Ok(written @ 1..) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                failed => {
                    self.lost.error = Some(failed.err().unwrap_or_else(|| ErrorKind::WriteZero.into()));
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

/// One line; control characters in it (from a path) are escaped, so that it stays one.
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
    fn a_line_of_its_own_stays_one_line() {
        let line = own_line(Level::Warn, format_args!("a\nb\u{1b}[31m"));
        let (_, rest) = line.split_once(' ').unwrap();
        assert_eq!(rest, "WARN boot: a\\nb\\u{1b}[31m\n");
    }
}
