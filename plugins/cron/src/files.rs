//! The crontabs and scripts of a root, and why cron ignores some of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use readers::patience::is_unreadable;
use readers::root::Root;

use crate::accounts::{Account, Accounts};
use crate::crontab::{self, Line};
use crate::trust::{Rules, objection};
use crate::{Answer, Entry, Kind, debian};

/// The most bytes read from one file; crontab(1) rejects longer ones.
const MAX_FILE_BYTES: usize = 512 << 10;
/// The most files read from one folder.
const MAX_FILES: usize = 5000;
/// The line from which on Debian's cron rejects a file (MAX_TAB_LINES, and the header's lines).
const MAX_LINES: usize = 10_003;

/// The folders of users' crontabs, one file per user: Debian, SUSE, Alpine, Red Hat.
const SPOOLS: [&str; 4] =
    ["var/spool/cron/crontabs", "var/spool/cron/tabs", BUSYBOX, "var/spool/cron"];
const BUSYBOX: &str = "etc/crontabs";
/// The periods of the folders whose programs run regularly.
const PERIODS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];

/// A crontab, and by which rules it is read.
struct Crontab<'a> {
    path: &'a Path,
    kind: Kind,
    /// The user whose crontab it is.
    user: Option<&'a str>,
    account: Account,
    rules: Rules,
    is_debian: bool,
}

/// A crontab of the system.
fn system(path: &Path, is_debian: bool) -> Crontab<'_> {
    let (kind, rules) = (Kind::Crontab, Rules::System);
    Crontab { path, kind, user: None, account: Account::Uid(0), rules, is_debian }
}

impl Answer {
    /// Reads all crontabs and folders of scripts.
    pub(crate) fn read_files(&mut self, root: &Root) {
        let is_debian = root.exists(Path::new("etc/debian_version"));
        let accounts = Accounts::read(root);
        self.read_crontab(root, &system(Path::new("etc/crontab"), is_debian), &accounts);
        let folder = Path::new("etc/cron.d");
        for name in self.names(root, folder) {
            let path = folder.join(&name);
            if is_left_over(&name) || root.metadata(&path).is_ok_and(|data| data.is_dir()) {
                continue;
            }
            if is_debian && !is_plain(&name) {
                self.problem(root, &path, None, bad_name("Debian's cron"));
            } else {
                self.read_crontab(root, &system(&path, is_debian), &accounts);
            }
        }
        for spool in SPOOLS {
            self.read_spool(root, spool, is_debian, &accounts);
        }
        self.read_anacrontab(root, Path::new("etc/anacrontab"));
        for period in PERIODS {
            self.read_scripts(root, Path::new(&format!("etc/cron.{period}")), period, is_debian);
        }
    }

    fn read_spool(&mut self, root: &Root, spool: &str, is_debian: bool, accounts: &Accounts<'_>) {
        let folder = Path::new(spool);
        for user in self.names(root, folder) {
            let path = folder.join(&user);
            let is_skipped = if is_debian { is_hidden(&user) } else { is_left_over(&user) };
            if is_skipped || root.metadata(&path).is_ok_and(|data| data.is_dir()) {
                continue;
            }
            if is_debian && spool != SPOOLS[0] {
                let message = format!("Debian's cron reads users' crontabs in /{} only", SPOOLS[0]);
                self.problem(root, &path, None, message);
                continue;
            }
            let account = accounts.find(&user);
            if account == Account::Missing {
                let message = format!("there is no user {user:?}, so cron ignores the file");
                self.problem(root, &path, None, message);
                continue;
            }
            let rules = match spool {
                _ if is_debian => Rules::DebianUser,
                BUSYBOX => Rules::Busybox,
                _ => Rules::User,
            };
            let kind = Kind::UserCrontab;
            let crontab =
                Crontab { path: &path, kind, user: Some(&user), account, rules, is_debian };
            self.read_crontab(root, &crontab, accounts);
        }
    }

    /// Reads a crontab. A missing file is no problem.
    fn read_crontab(&mut self, root: &Root, crontab: &Crontab<'_>, accounts: &Accounts<'_>) {
        match objection(root, crontab.path, crontab.rules, crontab.account) {
            Ok(None) => {}
            Ok(Some(message)) => return self.problem(root, crontab.path, None, message),
            Err(error) => {
                if is_unreadable(&error) {
                    self.unreadable(root, crontab.path);
                }
                return;
            }
        }
        let Some((text, is_whole)) = self.text(root, crontab.path) else { return };
        let exists = |user: &str| accounts.find(user) != Account::Missing;
        let file = root.shown(crontab.path).to_string_lossy().into_owned();
        let (mut entries, mut environment) = (Vec::new(), Vec::new());
        let mut is_spoiled = false;
        let mut last = 0;
        for (index, line) in text.split('\n').enumerate() {
            let number = index + 1;
            let names_users = crontab.user.is_none();
            let parsed = if crontab.is_debian {
                debian::parse(line, names_users)
            } else {
                crontab::parse(line.strip_suffix('\r').unwrap_or(line), names_users)
            };
            if parsed != Line::Nothing {
                last = number;
            }
            let parsed = match parsed {
                Line::Job { user: Some(user), .. } | Line::Idle(_, Some(user)) if !exists(user) => {
                    Line::Bad(format!("there is no user {user:?}"))
                }
                other => other,
            };
            match parsed {
                Line::Nothing => {}
                Line::Setting(setting) => environment.push(setting),
                Line::Idle(why, _) => self.problem(root, crontab.path, Some(number), why),
                Line::Bad(why) => {
                    is_spoiled = true;
                    self.problem(root, crontab.path, Some(number), why);
                }
                Line::Job { schedule, user, command } => {
                    if entries.len() + self.entries.len() >= crate::MAX_ENTRIES {
                        self.truncated = true;
                        continue;
                    }
                    entries.push(Entry {
                        kind: crontab.kind,
                        file: file.clone(),
                        line: Some(number),
                        schedule,
                        user: user.or(crontab.user).map(str::to_owned),
                        command: Some(command.to_owned()),
                        unit: None,
                        name: None,
                        enabled: None,
                        environment: environment.clone(),
                    });
                }
            }
        }
        let lines = text.split('\n').count();
        let why = if !crontab.is_debian {
            None
        } else if is_spoiled {
            Some((None, "cron ignores the whole file, for its bad lines"))
        } else if is_whole && last == lines {
            Some((Some(last), "the last line has no line end, so cron ignores the whole file"))
        } else if last > MAX_LINES {
            Some((Some(last), "there are more than 10,000 lines, so cron ignores the whole file"))
        } else {
            None
        };
        match why {
            Some((line, why)) => self.problem(root, crontab.path, line, why.to_owned()),
            None => entries.into_iter().for_each(|entry| self.add(entry)),
        }
    }

    fn read_anacrontab(&mut self, root: &Root, path: &Path) {
        let Some((text, _)) = self.text(root, path) else { return };
        let file = root.shown(path).to_string_lossy().into_owned();
        let mut environment = Vec::new();
        for (index, line) in text.lines().enumerate() {
            match crontab::parse_anacron(line) {
                Line::Nothing => {}
                Line::Setting(setting) => environment.push(setting),
                Line::Bad(why) | Line::Idle(why, _) => {
                    self.problem(root, path, Some(index + 1), why)
                }
                Line::Job { schedule, user: name, command } => self.add(Entry {
                    kind: Kind::Anacron,
                    file: file.clone(),
                    line: Some(index + 1),
                    schedule,
                    user: Some("root".to_owned()),
                    command: Some(command.to_owned()),
                    unit: None,
                    name: name.map(str::to_owned),
                    enabled: None,
                    environment: environment.clone(),
                }),
            }
        }
    }

    fn read_scripts(&mut self, root: &Root, folder: &Path, period: &str, is_debian: bool) {
        for name in self.names(root, folder) {
            let path = folder.join(&name);
            if is_left_over(&name) {
                continue;
            }
            let data = match root.metadata(&path) {
                Ok(data) => data,
                Err(error) if is_unreadable(&error) => {
                    self.unreadable(root, &path);
                    continue;
                }
                Err(_) => {
                    self.problem(root, &path, None, "the symbolic link leads nowhere".to_owned());
                    continue;
                }
            };
            if !data.is_file() {
                continue;
            }
            if is_debian && !is_plain(&name) {
                self.problem(root, &path, None, bad_name("run-parts"));
            } else if data.permissions().mode() & 0o111 == 0 {
                let message = "it is not executable, so it is not run".to_owned();
                self.problem(root, &path, None, message);
            } else {
                let shown = root.shown(&path).to_string_lossy().into_owned();
                self.add(Entry {
                    kind: Kind::Script,
                    file: shown.clone(),
                    line: None,
                    schedule: period.to_owned(),
                    user: Some("root".to_owned()),
                    command: Some(shown),
                    unit: None,
                    name: Some(name),
                    enabled: None,
                    environment: Vec::new(),
                });
            }
        }
    }

    /// Returns the text of a file, and whether that is all of it. A missing file is no problem.
    fn text(&mut self, root: &Root, path: &Path) -> Option<(String, bool)> {
        match root.bytes(path, MAX_FILE_BYTES + 1) {
            Ok(mut bytes) => {
                let is_whole = bytes.len() <= MAX_FILE_BYTES;
                if !is_whole {
                    bytes.truncate(MAX_FILE_BYTES);
                    let message = "only its first 512 KiB are read".to_owned();
                    self.problem(root, path, None, message);
                }
                Some((readers::text::lossy(bytes), is_whole))
            }
            Err(error) => {
                if is_unreadable(&error) {
                    self.unreadable(root, path);
                }
                None
            }
        }
    }

    /// Returns the sorted file names in a folder, and records a folder that can't be read.
    fn names(&mut self, root: &Root, folder: &Path) -> Vec<String> {
        let names = root.names(folder, MAX_FILES + 1);
        let mut names = names.unwrap_or_else(|error| {
            if is_unreadable(&error) {
                self.unreadable(root, folder);
            }
            Vec::new()
        });
        self.truncated |= names.len() > MAX_FILES;
        names.truncate(MAX_FILES);
        names
    }
}

/// Returns whether Debian's cron passes over a file in its spool: a hidden one, or one that
/// crontab(1) is writing.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("tmp.")
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

fn bad_name(program: &str) -> String {
    format!("{program} ignores names with characters other than letters, digits, - and _")
}
