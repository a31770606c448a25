//! `getinfo.cron`: the commands that this host starts by time: crontabs, anacron, the folders of
//! run-parts, systemd's timers.
//!
//! Everything comes from the files that cron(8), anacron(8) and systemd.timer(5) read; nothing is
//! run. Only root can read users' crontabs; otherwise they are listed as unreadable.

mod crontab;
mod timer;

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use serde::Serialize;

use crontab::Line;

struct Cron;

/// The most bytes read from one file; crontab(1) rejects longer ones.
const MAX_FILE_BYTES: usize = 512 << 10;
/// The most files read from one folder.
const MAX_FILES: usize = 5000;
/// The most entries in a reply.
const MAX_ENTRIES: usize = 20_000;
/// The most problems in a reply.
const MAX_PROBLEMS: usize = 1000;

/// The folders of users' crontabs, one file per user: Debian, SUSE, Alpine, Red Hat.
const SPOOLS: [&str; 4] =
    ["var/spool/cron/crontabs", "var/spool/cron/tabs", "etc/crontabs", "var/spool/cron"];
/// The periods of the folders whose programs run regularly.
const PERIODS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The scheduled commands and timers, file by file.
    entries: Vec<Entry>,
    /// Lines and files that are not used, with the reason.
    problems: Vec<Problem>,
    /// Files and folders without read permission: users' crontabs, without root.
    unreadable: Vec<String>,
}

/// The origin of an entry.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum Kind {
    /// /etc/crontab and /etc/cron.d.
    Crontab,
    /// A user's own crontab.
    UserCrontab,
    /// /etc/anacrontab.
    Anacron,
    /// A program in /etc/cron.hourly, /etc/cron.daily and so on.
    Script,
    /// A systemd timer.
    Timer,
}

/// A scheduled command or timer.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// `crontab`, `user_crontab`, `anacron`, `script` or `timer`.
    kind: Kind,
    /// The file that defines it; for a script, the script itself.
    file: String,
    /// The line in the file, from 1, counted through all drop-ins of a timer; null for a script.
    line: Option<usize>,
    /// The schedule: cron's five fields or `@…`; anacron's period in days and delay in minutes;
    /// `hourly` and so on; a timer's `OnCalendar=…`.
    schedule: String,
    /// The user that it runs as; null for a timer.
    user: Option<String>,
    /// The command, unchanged, `%` included; null for a timer.
    command: Option<String>,
    /// The unit that a timer starts; null for others.
    unit: Option<String>,
    /// The name of a timer, a script or an anacron job.
    name: Option<String>,
    /// Whether a timer is enabled at boot; null for others, which always are.
    enabled: Option<bool>,
    /// The assignments (`NAME=value`) above it in its file.
    environment: Vec<String>,
}

/// A line or file that is not used.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Problem {
    /// The file.
    file: String,
    /// The line in the file, from 1; null for the whole file.
    line: Option<usize>,
    /// The reason.
    message: String,
}

impl Provider for Cron {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.cron",
            env!("CARGO_PKG_VERSION"),
            "scheduled commands: crontabs, anacron, systemd timers",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all scheduled commands")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        Reply::json(&Answer::collect(selection.root.as_deref().unwrap_or(Path::new("/"))))
    }
}

/// The system whose schedules are read.
#[derive(Default)]
struct Selection {
    root: Option<PathBuf>,
}

const OPTIONS: Options<Selection> = Options::new(&[Opt::value(
    "-r ROOT",
    "read the system below this folder, such as a container's image",
    |selection: &mut Selection, value| {
        selection.root = Some(value.absolute_path()?.to_owned());
        Ok(())
    },
)]);

impl Answer {
    fn collect(root: &Path) -> Self {
        let mut answer = Self { entries: Vec::new(), problems: Vec::new(), unreadable: Vec::new() };
        answer.read(&root.join("etc/crontab"), Kind::Crontab, None);
        let is_debian = root.join("etc/debian_version").exists();
        let folder = root.join("etc/cron.d");
        for name in answer.names(&folder) {
            let file = folder.join(&name);
            if is_left_over(&name) || !file.is_file() {
                continue;
            }
            if is_debian && !is_plain(&name) {
                answer.problem(
                    &file,
                    None,
                    "Debian's cron ignores names with characters other than letters, digits, - and _"
                        .to_owned(),
                );
            } else {
                answer.read(&file, Kind::Crontab, None);
            }
        }
        for spool in SPOOLS {
            let folder = root.join(spool);
            for user in answer.names(&folder) {
                let file = folder.join(&user);
                if !is_left_over(&user) && file.is_file() {
                    answer.read(&file, Kind::UserCrontab, Some(&user));
                }
            }
        }
        answer.read(&root.join("etc/anacrontab"), Kind::Anacron, Some("root"));
        for period in PERIODS {
            answer.read_scripts(&root.join(format!("etc/cron.{period}")), period, is_debian);
        }
        answer.entries.append(&mut timer::read(root));
        answer.entries.truncate(MAX_ENTRIES);
        answer
    }

    /// Reads a file. A missing file is no problem.
    fn read(&mut self, file: &Path, kind: Kind, user: Option<&str>) {
        let text = match read_bounded(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return self.unreadable(file);
            }
            Err(_) => return,
        };
        let mut environment = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let parsed = match kind {
                Kind::Anacron => crontab::parse_anacron(line),
                kind => crontab::parse(line, kind == Kind::Crontab),
            };
            match parsed {
                Line::Nothing => {}
                Line::Setting(setting) => environment.push(setting),
                Line::Bad(why) => self.problem(file, Some(index + 1), why),
                Line::Job { schedule, user: second, command } => {
                    let (name, user) = if kind == Kind::Anacron {
                        (second, user)
                    } else {
                        (None, second.or(user))
                    };
                    self.entries.push(Entry {
                        kind,
                        file: file.to_string_lossy().into_owned(),
                        line: Some(index + 1),
                        schedule,
                        user: user.map(str::to_owned),
                        command: Some(command.to_owned()),
                        unit: None,
                        name: name.map(str::to_owned),
                        enabled: None,
                        environment: environment.clone(),
                    });
                }
            }
            if self.entries.len() >= MAX_ENTRIES {
                break;
            }
        }
    }

    fn read_scripts(&mut self, folder: &Path, period: &str, is_debian: bool) {
        for name in self.names(folder) {
            let file = folder.join(&name);
            let Ok(data) = fs::metadata(&file) else { continue };
            if is_left_over(&name) || !data.is_file() {
                continue;
            }
            if is_debian && !is_plain(&name) {
                self.problem(
                    &file,
                    None,
                    "run-parts ignores names with characters other than letters, digits, - and _"
                        .to_owned(),
                );
            } else if data.permissions().mode() & 0o111 == 0 {
                self.problem(&file, None, "it is not executable, so it is not run".to_owned());
            } else {
                let path = file.to_string_lossy().into_owned();
                self.entries.push(Entry {
                    kind: Kind::Script,
                    file: path.clone(),
                    line: None,
                    schedule: period.to_owned(),
                    user: Some("root".to_owned()),
                    command: Some(path),
                    unit: None,
                    name: Some(name),
                    enabled: None,
                    environment: Vec::new(),
                });
            }
        }
    }

    /// Returns the sorted file names in a folder, and records a folder without read permission.
    fn names(&mut self, folder: &Path) -> Vec<String> {
        if let Err(error) = fs::read_dir(folder)
            && error.kind() == ErrorKind::PermissionDenied
        {
            self.unreadable(folder);
        }
        names(folder)
    }

    fn unreadable(&mut self, path: &Path) {
        self.unreadable.push(path.to_string_lossy().into_owned());
    }

    fn problem(&mut self, file: &Path, line: Option<usize>, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                file: file.to_string_lossy().into_owned(),
                line,
                message,
            });
        }
    }
}

/// Returns whether the name is hidden or a leftover of an editor or a package manager: every
/// cron skips those.
fn is_left_over(name: &str) -> bool {
    let ends = [
        "~",
        ".rpmsave",
        ".rpmnew",
        ".rpmorig",
        ".dpkg-old",
        ".dpkg-dist",
        ".dpkg-new",
        ".dpkg-tmp",
        ".swp",
    ];
    name.starts_with(['.', '#']) || ends.iter().any(|end| name.ends_with(end))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Returns the sorted names in a folder, up to [`MAX_FILES`].
fn names(folder: &Path) -> Vec<String> {
    readers::folder::names(folder, MAX_FILES)
}

/// Returns the text of a regular file, up to [`MAX_FILE_BYTES`].
fn read_bounded(path: &Path) -> io::Result<String> {
    readers::regular::text(path, MAX_FILE_BYTES)
}

export_provider!(Cron);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
