//! BasicAgentController: the other end of the agents' channels.
//!
//! One TCP port takes agents (`listener` → `connection` → `session`), one loopback port takes
//! operators (`http` → `api`); `hosts` is where they meet. Results of tasks go from a session to `store`, on
//! disk, and from there to the API. `server` owns all of them and ends them. `dev` makes the certificates and files that a trial needs.

mod agents;
mod api;
mod auth;
mod cli;
mod dev;
mod error;
mod files;
mod logging;
mod ready;
mod server;
mod stop;
mod store;

use clap::Parser as _;
use std::process::ExitCode;

/// Reads the command line and serves until SIGTERM or SIGINT.
///
/// Exit status: 0 after a signal (or `--init-only`), 1 when it can't start, 2 for a wrong flag.
pub fn main() -> ExitCode {
    let flags = cli::Flags::parse();
    logging::start();
    match server::run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
