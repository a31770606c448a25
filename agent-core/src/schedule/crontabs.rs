//! Reads the directory of crontab files: the jobs in its files, and the problems.
//!
//! The rules for files are those of Debian's cron: names consist of letters, digits, `-` and `_`,
//! so that backup files of editors and dpkg are ignored; files belong to the agent's own user and
//! are writable by no one else, since whoever writes them is root here. A symbolic link to such a
//! file counts too. The [`super::Scheduler`] checks whether users exist.

use super::definition::REBOOT;
use agent_cron::crontab::{self, Entry, Form, When};
use agent_wire::message::{Bash, JobDefinition, JobOptions, Overlap};
use crc32fast::hash as crc32;
use nix::libc;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files of the directory that are read; any further file is a problem.
const MAX_FILES: usize = 1024;

/// Bytes of a file's name, which is part of its jobs' names.
const MAX_FILE_NAME: usize = 64;

/// Why a file is ignored for its name.
const NAMES: &str = "the names of crontab files have up to 64 letters, digits, - and _";

/// Bytes of a user's name that are part of its jobs' names.
const MAX_USER_NAME: usize = 48;

/// The content of the directory.
#[derive(Debug, Default)]
pub(crate) struct Crontabs {
    /// Jobs, each with its file and line.
    pub(crate) jobs: Vec<FileJob>,
    /// Lines and files that are ignored, and why: `FILE: …`, `FILE:LINE:COLUMN: …`.
    pub(crate) problems: Vec<String>,
    /// Lines that are used but may not mean what their author intended, likewise.
    pub(crate) warnings: Vec<String>,
    /// Files, or the directory, that exist and that the system could not read: their jobs are
    /// unknown.
    pub(crate) unread: Vec<PathBuf>,
}

/// A job of a file.
#[derive(Debug)]
pub(crate) struct FileJob {
    pub(crate) definition: JobDefinition,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

impl Crontabs {
    /// Reads the directory; a missing directory has no files.
    pub(crate) fn read(dir: &Path) -> Self {
        let mut crontabs = Self::default();
        let names = match list(dir) {
            Ok((names, others)) => {
                for name in others.iter().take(MAX_FILES) {
                    crontabs.ignored(&dir.join(name), NAMES);
                }
                names
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return crontabs,
            Err(error) => {
                crontabs.failed(dir, &error);
                return crontabs;
            }
        };
        for name in names.iter().take(MAX_FILES) {
            let path = dir.join(name);
            match content(&path) {
                Ok(bytes) => crontabs.add(name, &path, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Else it was removed since the directory was read.
                    if let Ok(target) = std::fs::read_link(&path) {
                        let target = target.display().to_string();
                        crontabs.ignored(&path, &format!("its target {target} does not exist"));
                    }
                }
                Err(error) => crontabs.failed(&path, &error),
            }
        }
        if names.len() > MAX_FILES {
            let left = names.len() - MAX_FILES;
            crontabs.problems.push(format!(
                "{}: ignored {left} files beyond the first {MAX_FILES}",
                dir.display()
            ));
        }
        crontabs
    }

    fn ignored(&mut self, path: &Path, why: &str) {
        let path = path.as_os_str().as_encoded_bytes().escape_ascii();
        self.problems.push(format!("{path}: ignored: {why}"));
    }

    fn failed(&mut self, path: &Path, error: &io::Error) {
        self.problems.push(format!("{}: {error}", path.display()));
        // Errors of our own have no error number.
        if error.raw_os_error().is_some() {
            self.unread.push(path.to_owned());
        }
    }

    fn add(&mut self, file: &str, path: &Path, bytes: &[u8]) {
        let crontab = crontab::parse(bytes, Form::System);
        let placed = |problem: &crontab::Problem| {
            format!("{}:{}:{}: {}", path.display(), problem.line, problem.column, problem.message)
        };
        self.problems.extend(crontab.problems.iter().map(placed));
        self.warnings.extend(crontab.warnings.iter().map(placed));
        let mut alike: HashMap<String, usize> = HashMap::new();
        for entry in &crontab.entries {
            let mut job = job(entry);
            let mut ends = (0..=MAX_USER_NAME.min(entry.user.len())).rev();
            let end = ends.find(|end| entry.user.is_char_boundary(*end));
            let user = &entry.user[..end.unwrap_or(0)];
            let name = format!("{file}:{user}:{:08x}", crc32(job.to_fields().get().as_bytes()));
            let count = alike.entry(name.clone()).and_modify(|count| *count += 1).or_insert(1);
            job.name = if *count == 1 { name } else { format!("{name}-{count}") };
            // The agent must not store a job that it could not read back.
            match JobDefinition::from_fields(job.to_fields().get()) {
                Ok(_) => self.jobs.push(FileJob {
                    definition: job,
                    file: path.to_owned(),
                    line: entry.line,
                }),
                Err(error) => {
                    self.problems.push(format!("{}:{}: {error}", path.display(), entry.line))
                }
            }
        }
    }
}

/// Returns the names of crontab files, and of other files that are not hidden, in order.
fn list(dir: &Path) -> io::Result<(Vec<String>, Vec<OsString>)> {
    let meta = std::fs::metadata(dir)?;
    trusted(&meta)?;
    let (mut names, mut others) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        match name.into_string() {
            Ok(name) if name.chars().all(is_plain) && name.len() <= MAX_FILE_NAME => {
                names.push(name);
            }
            // Editors and package managers hide their temporary files and placeholders.
            Ok(name) if name.starts_with('.') => {}
            Ok(name) => others.push(name.into()),
            Err(name) => others.push(name),
        }
    }
    names.sort_unstable();
    others.sort_unstable();
    Ok((names, others))
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    // O_NONBLOCK: a FIFO in its place must not block the agent.
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    trusted(&meta)?;
    let mut bytes = Vec::new();
    // One byte more than a crontab may have is enough to reject it.
    file.take(crontab::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn trusted(meta: &std::fs::Metadata) -> io::Result<()> {
    let own = nix::unistd::geteuid().as_raw();
    if meta.uid() != own {
        return Err(io::Error::other(format!(
            "ignored: it belongs to uid {}, not to uid {own}",
            meta.uid()
        )));
    }
    if meta.mode() & 0o022 != 0 {
        let mode = meta.mode() & 0o7777;
        return Err(io::Error::other(format!(
            "ignored: users other than its owner can write it (mode {mode:04o})"
        )));
    }
    Ok(())
}

/// Makes a job of an entry; it has no name of its own yet.
fn job(entry: &Entry) -> JobDefinition {
    let schedule = match &entry.when {
        When::At(expression) => expression.to_string(),
        When::Reboot => REBOOT.to_owned(),
    };
    let timezone = match &entry.when {
        When::At(expression) if expression.zone_name().is_none() => {
            entry.zone_name().map(str::to_owned)
        }
        When::At(_) | When::Reboot => None,
    };
    let environment = &entry.environment;
    // The file's shell runs the command; the agent's shell starts that shell.
    let cmd = match environment.value("SHELL") {
        Some(shell) => format!("exec {} -c {}", quoted(shell), quoted(&entry.command)),
        None => entry.command.clone(),
    };
    let env = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // As in crontab(5), a command starts in HOME.
    let cwd = environment.value("HOME").map(str::to_owned);
    let bash = Bash { cmd, user: Some(entry.user.clone().into()), cwd, env, ..Bash::default() };
    let options = JobOptions { timezone, overlap: Overlap::Allow, ..JobOptions::default() };
    JobDefinition { name: "crontab".to_owned(), schedule, bash: Box::new(bash), options }
}

/// Quotes a text as one word for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests;
