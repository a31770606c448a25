//! The launcher: starts the agent, keeps it running, and owns its pid file and log.
//!
//! Only the binary `boot` calls it. One thread, no runtime: `daemonise → pid file, log →
//! supervise`. It refuses to run twice on one pid file, to write through links, and to write into
//! files of other users. It knows nothing about the agent except its path and how processes end.

mod backoff;
mod cli;
mod daemonise;
mod error;
mod log;
mod output;
mod own_file;
mod pid_file;
mod signals;
mod supervise;

use std::process::ExitCode;

use crate::logging;
use agent_sys::daemon;
use clap::Parser;

use cli::{Cli, Options, Status};
use daemonise::Side;
use error::Error;
use signals::Signals;
use supervise::Supervisor;

/// The launcher's name in messages.
const PROGRAM: &str = "boot";

/// Returns the flags of `boot`, for its manual page.
#[doc(hidden)]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs `boot` from its command line to its exit status (`boot --help` lists them).
pub fn main() -> ExitCode {
    // First: a signal that comes early waits until boot handles it.
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => {
            logging::complain(PROGRAM, &error);
            return Status::from(&error).into();
        }
    };
    daemon::close_inherited();
    match Cli::parse().options().and_then(|options| launch(&options, signals)) {
        Ok(status) => status.into(),
        Err(error) => {
            logging::complain(PROGRAM, &error);
            Status::from(&error).into()
        }
    }
}

fn launch(options: &Options, signals: Signals) -> Result<Status, Error> {
    if options.foreground {
        return Supervisor::start(options, signals)?.run();
    }
    match daemonise::daemonise(&signals)? {
        Side::Launcher(verdict) => Ok(verdict),
        Side::Daemon(report) => match Supervisor::start(options, signals) {
            Ok(supervisor) => {
                report.ready();
                supervisor.run()
            }
            Err(error) => Ok(report.failed(&error)),
        },
    }
}
