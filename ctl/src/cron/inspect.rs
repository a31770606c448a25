//! Inspects one crontab file as the agent sees it: whether the agent reads it, its entries, and its
//! problems.
//!
//! The rules are the same as for the agent's crontab directory. The file is read once, and nothing
//! in it runs.

use super::plan::now;
use super::zone::Choice;
use agent_cron::crontab::{self, Crontab, Entry, Form, Problem, When};
use agent_cron::{Calendar, Schedule};
use nix::libc;
use nix::unistd::{User, geteuid};
use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The path that stands for standard input.
const STDIN: &str = "-";

/// The findings in one file.
pub(super) struct Report {
    pub(super) path: PathBuf,
    pub(super) readings: Vec<Reading>,
    /// Line 0: the whole file.
    pub(super) problems: Vec<Problem>,
    /// Line 0: the whole file.
    pub(super) warnings: Vec<Problem>,
}

/// A valid entry.
pub(super) struct Reading {
    pub(super) entry: Entry,
    /// `None`: `@reboot`.
    pub(super) zone: Option<agent_cron::Zone>,
    /// In Unix seconds.
    pub(super) next: Option<i64>,
}

/// Inspects files, and caches users and zones.
pub(super) struct Inspector {
    zones: Choice,
    calendar: Option<Arc<Calendar>>,
    /// The user of entries that name none.
    user: Option<String>,
    /// Users that were looked up, and why one is unknown.
    users: HashMap<String, Option<String>>,
}

impl Inspector {
    /// Reads entries without a zone in `tz`, or in this host's zone. With `user`, entries name no
    /// user.
    pub(super) fn new(
        tz: Option<&str>,
        calendar: Option<Arc<Calendar>>,
        user: Option<&str>,
    ) -> Self {
        Self {
            zones: Choice::new(tz),
            calendar,
            user: user.map(str::to_owned),
            users: HashMap::new(),
        }
    }

    /// Inspects one file, or standard input if the path is `-`.
    pub(super) fn inspect(&mut self, path: &Path) -> Report {
        let mut report = Report {
            path: path.to_owned(),
            readings: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        let read = match path.to_str() {
            Some(STDIN) => bytes(io::stdin().lock()),
            _ => content(path, &mut report),
        };
        match read {
            Ok(bytes) => self.entries(&bytes, &mut report),
            Err(error) => report.problems.push(about_file(error.to_string())),
        }
        report.problems.sort_by_key(|problem| (problem.line, problem.column));
        report
    }

    fn entries(&mut self, bytes: &[u8], report: &mut Report) {
        let form = self.user.as_deref().map_or(Form::System, Form::User);
        let Crontab { entries, problems, warnings } = crontab::parse(bytes, form);
        report.problems.extend(problems);
        report.warnings.extend(warnings);
        for entry in entries {
            match self.reading(entry) {
                Ok(reading) => report.readings.push(reading),
                Err(problem) => report.problems.push(problem),
            }
        }
    }

    fn reading(&mut self, entry: Entry) -> Result<Reading, Problem> {
        let wrong = |message: String| Problem { line: entry.line, column: 1, message };
        if let Some(why) = self.unknown(&entry.user) {
            return Err(wrong(why));
        }
        let When::At(expression) = &entry.when else {
            return Ok(Reading { entry, zone: None, next: None });
        };
        let zone = self.zones.of(entry.zone_name()).map_err(|error| wrong(error.to_string()))?;
        let next = Schedule::new(expression, &zone, self.calendar.as_ref()).next(now());
        Ok(Reading { entry, zone: Some(zone), next })
    }

    /// Returns why a user is unknown. Looks up each user once.
    fn unknown(&mut self, name: &str) -> Option<String> {
        if let Some(known) = self.users.get(name) {
            return known.clone();
        }
        let why = match User::from_name(name) {
            Ok(Some(_)) => None,
            Ok(None) => Some(format!(
                "no user {name} on this host; if the lines of this file name no user, put CRON_USER=root at the top"
            )),
            Err(error) => Some(format!("user {name}: {error}")),
        };
        self.users.insert(name.to_owned(), why.clone());
        why
    }
}

fn about_file(message: String) -> Problem {
    Problem { line: 0, column: 0, message }
}

fn content(path: &Path, report: &mut Report) -> io::Result<Vec<u8>> {
    // O_NONBLOCK: opening a FIFO must not block.
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    report.problems.extend(distrust(&meta).map(about_file));
    if !path.file_name().and_then(|name| name.to_str()).is_some_and(is_read) {
        let why = "in its directory, the agent reads only files whose names consist of letters, digits, - and _";
        report.warnings.push(about_file(why.to_owned()));
    }
    bytes(file)
}

fn bytes(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte beyond the limit is enough to reject the file.
    file.take(crontab::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_read(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Returns why the agent would not trust the file: a user who can write a crontab is as good as
/// root. A draft may belong to the current user.
fn distrust(meta: &Metadata) -> Option<String> {
    let (uid, mode) = (meta.uid(), meta.mode() & 0o7777);
    if uid != 0 && uid != geteuid().as_raw() {
        return Some(format!(
            "belongs to uid {uid}, not to root: the agent rejects it (chown root)"
        ));
    }
    (mode & 0o022 != 0).then(|| {
        format!("is writable by others than its owner (mode {mode:04o}): the agent rejects it (chmod go-w)")
    })
}
