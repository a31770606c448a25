//! The launcher: starts the agent, keeps it running, and owns its pid file and log.
//!
//! Called by the binary `boot` alone. One thread, no runtime: `daemonise → pid file, log →
//! supervise`. It refuses to run twice on one pid file, and to write through links or into files
//! it does not own. It knows nothing of the agent but its path and how a process ends.

mod backoff;
mod cli;
mod daemonise;
mod log;
mod output;
mod own_file;
mod pid_file;
mod supervise;

use std::process::ExitCode;

use agent_sys::daemon;
use clap::Parser;

use crate::Error;
use cli::{Cli, Options, Status};
use daemonise::Side;
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
