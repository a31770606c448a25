//! Log lines on standard error: with a severity prefix under journald, otherwise with a time.
//!
//! Text from a peer passes [`agent_wire::json::quote`] before it is logged; control characters from
//! other sources (paths, libraries) are escaped here. A thread of its own writes the lines: where
//! nobody reads standard error, lines are counted and discarded, and nothing else waits.

use agent_log::{Descriptor, Outlet, severity};
use agent_wire::json::one_line;
use log::Level;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, SystemTime};

/// The time to write the last lines when the controller ends.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log; it writes its last lines when the controller ends.
pub(crate) struct Log(Option<Outlet>);

/// Starts the log. `RUST_LOG` selects what is written; without it, `info` and above.
pub(crate) fn start() -> Log {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let environment = env_logger::Env::default().default_filter_or("info");
    let mut builder = env_logger::Builder::from_env(environment);
    builder.format(move |out, record| {
        writeln!(out, "{}", text(journal, record.level(), &record.args().to_string()))
    });
    // Without a descriptor left, lines are written directly.
    let outlet = std::io::stderr().as_fd().try_clone_to_owned().ok().map(|descriptor| {
        let notice = if journal { journal_notice } else { notice };
        Outlet::new(Descriptor::new(descriptor), notice)
    });
    if let Some(outlet) = &outlet {
        builder.target(env_logger::Target::Pipe(Box::new(outlet.clone())));
    }
    builder.init();
    // The default hook writes to standard error itself, and waits for its reader.
    std::panic::set_hook(Box::new(|panic| log::error!("panic: {panic}")));
    Log(outlet)
}

impl Log {
    /// Waits until the last lines are written, for a moment at most.
    pub(crate) fn finish(&self) {
        if let Some(outlet) = &self.0 {
            outlet.finish(LAST_LINES);
        }
    }
}

fn text(journal: bool, level: Level, message: &str) -> String {
    let message = one_line(message);
    if journal {
        format!("<{}>{message}", severity(level))
    } else {
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        format!("{time} {level} {message}")
    }
}

fn notice(lines: u64) -> String {
    text(false, Level::Warn, &discarded(lines)) + "\n"
}

fn journal_notice(lines: u64) -> String {
    text(true, Level::Warn, &discarded(lines)) + "\n"
}

fn discarded(lines: u64) -> String {
    format!("discarded {lines} log lines here: standard error was not read fast enough")
}
