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
mod supervise;

use std::process::ExitCode;

use agent_sys::daemon;
use clap::Parser;

use cli::{Cli, Options, Status};
use daemonise::Side;
use error::Error;
use supervise::Supervisor;

/// Runs `boot` from its command line to its exit status (`boot --help` lists them).
pub fn main() -> ExitCode {
    daemon::close_inherited();
    match Cli::parse().options().and_then(|options| launch(&options)) {
        Ok(status) => status.into(),
        Err(error) => {
            eprintln!("boot: {error}");
            Status::from(&error).into()
        }
    }
}

fn launch(options: &Options) -> Result<Status, Error> {
    if options.foreground {
        return Supervisor::start(options)?.run();
    }
    match daemonise::daemonise()? {
        Side::Launcher(verdict) => Ok(verdict),
        Side::Daemon(report) => match Supervisor::start(options) {
            Ok(supervisor) => {
                report.ready();
                supervisor.run()
            }
            Err(error) => Ok(report.failed(&error)),
        },
    }
}
