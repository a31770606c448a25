//! `getinfo.cron`: what this host starts by time: crontabs, anacron, the folders of run-parts,
//! systemd's timers.
//!
//! Everything comes from the files that cron(8), anacron(8) and systemd.timer(5) read; nothing is
//! run. Users' crontabs can be read by root alone, and are said to be unreadable otherwise.

mod crontab;
mod timer;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use crontab::Line;

struct Cron;

/// What is read of one file; crontab(1) refuses longer ones.
const MAX_FILE_BYTES: u64 = 512 << 10;
/// The most files of one folder that are read.
const MAX_FILES: usize = 5000;
/// The most entries answered.
const MAX_ENTRIES: usize = 20_000;
/// The most problems answered.
const MAX_PROBLEMS: usize = 1000;

/// Users' crontabs, a file a user: Debian, SUSE, Alpine, Red Hat.
const SPOOLS: [&str; 4] =
    ["var/spool/cron/crontabs", "var/spool/cron/tabs", "etc/crontabs", "var/spool/cron"];
/// Folders whose programs are run, and how often.
const PERIODS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// What is started, file by file.
    entries: Vec<Entry>,
    /// Lines and files that are not used, and why.
    problems: Vec<Problem>,
    /// Files and folders that may not be read: users' crontabs, without root.
    unreadable: Vec<String>,
}

/// Where an entry comes from.
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
    /// A program of /etc/cron.hourly and its like.
    Script,
    /// A timer of systemd.
    Timer,
}

/// One thing that is started, at one time.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// `crontab`, `user_crontab`, `anacron`, `script` or `timer`.
    kind: Kind,
    /// The file that says so; of a script, the script.
    file: String,
    /// The line in it, from 1; of a timer with drop-ins counted through all of them. Null of a
    /// script.
    line: Option<usize>,
    /// Five fields or `@…` of cron; period in days and delay in minutes of anacron; `hourly`, …;
    /// `OnCalendar=…` of a timer.
    schedule: String,
    /// Who runs it; null of a timer.
    user: Option<String>,
    /// What is run, as it stands, `%` and all; null of a timer.
    command: Option<String>,
    /// What a timer starts.
    unit: Option<String>,
    /// The name of a timer, a script or anacron's job.
    name: Option<String>,
    /// Whether a timer is started at boot; null of others, which always are.
    enabled: Option<bool>,
    /// The settings (`NAME=value`) above it in its file.
    environment: Vec<String>,
}

/// Something that is not used.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Problem {
    /// The file.
    file: String,
    /// The line in it, from 1; null where it is the whole file.
    line: Option<usize>,
    /// What is wrong with it.
    message: String,
}

impl Provider for Cron {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.cron",
            env!("CARGO_PKG_VERSION"),
            "what is started by time: crontabs, anacron, timers",
        )
        .arg("-r ROOT", "of the system below this folder, such as a container's image")
        .output_schema(include_str!("../schema.json"))
        .example("", "everything that is started by time")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let mut words = args.words();
        let root = match (words.next(), words.next(), words.next()) {
            (None, ..) => "/",
            (Some("-r"), Some(root), None) if root.starts_with('/') => root,
            _ => return Err(ProviderError::usage("nothing, or -r ROOT, an absolute path")),
        };
        Reply::json(&Answer::collect(Path::new(root)))
    }
}

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
                    "Debian's cron leaves out names with other than letters, digits, - and _"
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

    /// A file that is not there is no problem.
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
                    "run-parts leaves out names with other than letters, digits, - and _"
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

    /// The files of a folder, sorted; one that may not be read is said.
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

/// Of an editor or a package manager, or hidden: all kinds of cron leave it out.
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

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_FILES);
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

/// A text; not valid UTF-8 is shown with replacement characters.
fn read_bounded(path: &Path) -> io::Result<String> {
    // Below a foreign root anything may stand; a pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

export_provider!(Cron);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }
}
