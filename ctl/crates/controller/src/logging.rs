//! Log lines on standard error: with a severity prefix under journald, otherwise with a time.
//!
//! Text from a peer passes [`agent_wire::json::quote`] before it is logged; control characters from
//! other sources (paths, libraries) are escaped here.

use agent_wire::json::one_line;
use log::Level;
use std::io::Write as _;
use std::time::SystemTime;

/// Starts the log. `RUST_LOG` selects what is written; without it, `info` and above.
pub(crate) fn start() {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let environment = env_logger::Env::default().default_filter_or("info");
    env_logger::Builder::from_env(environment)
        .format(move |out, record| {
            let message = one_line(&record.args().to_string());
            if journal {
                writeln!(out, "<{}>{message}", severity(record.level()))
            } else {
                let time = humantime::format_rfc3339_millis(SystemTime::now());
                writeln!(out, "{time} {} {message}", record.level())
            }
        })
        .init();
}

/// Returns the level's number (sd-daemon(3)).
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
