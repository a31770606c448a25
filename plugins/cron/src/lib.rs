//! `getinfo.cron`: the commands that this host starts by time: crontabs, anacron, the folders of
//! run-parts, systemd's timers.
//!
//! Everything comes from the files that cron(8), anacron(8) and systemd.timer(5) read; nothing is
//! run. Only root can read users' crontabs; otherwise they are listed as unreadable.

mod accounts;
mod crontab;
mod debian;
mod files;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod timer;
mod trust;

use std::io;
use std::path::{Path, PathBuf};

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::patience::{self, Watch};
use readers::root::Root;
use serde::Serialize;

struct Cron;

/// The most entries in a reply.
const MAX_ENTRIES: usize = 20_000;
/// The most problems in a reply.
const MAX_PROBLEMS: usize = 1000;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The scheduled commands and timers, file by file.
    entries: Vec<Entry>,
    /// Lines and files that are not used, with the reason.
    problems: Vec<Problem>,
    /// Files and folders without read permission (users' crontabs, without root), or whose file
    /// system does not answer.
    unreadable: Vec<String>,
    /// Whether there is more than the answer shows: over 20,000 entries, or over 5,000 files in a
    /// folder.
    truncated: bool,
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
    /// The name of a timer, a script or an anacron job; of a template's timer, an instance.
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

    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        let work = move |watch: &Watch| -> io::Result<Answer> {
            let path = selection.root.as_deref().unwrap_or(Path::new("/"));
            Ok(Answer::collect(&Root::open(path, watch)?))
        };
        let unreadable = |error: io::Error| ProviderError::new("unreadable", error.to_string());
        let answer = patience::run(ctx.deadline_ms, work).and_then(|answer| answer);
        Reply::json(&answer.map_err(unreadable)?)
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
    fn collect(root: &Root) -> Self {
        let mut answer = Self::default();
        answer.read_files(root);
        answer.read_timers(root);
        answer
    }

    fn add(&mut self, entry: Entry) {
        if self.entries.len() < MAX_ENTRIES {
            self.entries.push(entry);
        } else {
            self.truncated = true;
        }
    }

    fn unreadable(&mut self, root: &Root, path: &Path) {
        self.unreadable.push(root.shown(path).to_string_lossy().into_owned());
    }

    fn problem(&mut self, root: &Root, path: &Path, line: Option<usize>, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            let file = root.shown(path).to_string_lossy().into_owned();
            self.problems.push(Problem { file, line, message });
        }
    }
}

export_provider!(Cron);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
