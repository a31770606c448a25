//! BasicAgentController: the other end of the agents' channels.
//!
//! Uses point down: `server` (starts and stops everything) → `api` (the operators' HTTP API) →
//! `agents` (ports and sessions), `auth` (the caller's identity) → `store` (results on disk). `dev`
//! makes the certificates and files of a trial. A store never knows a session; a session never
//! knows HTTP.

mod agents;
mod api;
mod auth;
mod cli;
mod dev;
mod error;
mod files;
mod logging;
mod pem;
mod ready;
mod server;
mod stop;
mod store;

use clap::Parser as _;
use std::process::ExitCode;

/// Reads the command line and serves until SIGTERM or SIGINT.
///
/// Exit status: 0 after a signal (or `--init-only`), 1 when the controller cannot start, 2 for
/// invalid flags.
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
