//! BasicAgentController: the other end of the agents' channels.
//!
//! Uses point down: `server` (starts and stops everything) → `api` (the operators' HTTP API) →
//! `audit` (events around what they change), `planning` (whom a run would reach), `runs` (requests to
//! many hosts) → `agents` (ports and sessions), `auth` (who asks) →
//! `identity` (our own CA, and who is a host) → `store` (everything on disk). `first_start` and
//! `joining` make the links and lines by which people and hosts come in, `dev` the files of a trial;
//! `metrics` counts what the others do. `migrate` moves a site to another database. A store never knows a session; a session never knows HTTP.

mod about;
mod agents;
mod answers;
mod api;
mod audit;
mod auth;
mod bus;
mod check;
mod cli;
mod descriptors;
mod dev;
mod error;
mod facts;
mod files;
mod first_start;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod joining;
mod log_limit;
mod logging;
mod metrics;
mod migrate;
mod nodes;
mod pem;
mod planning;
mod proxy;
mod ready;
mod reload;
mod runs;
mod schedules;
mod server;
mod signals;
mod stop;
mod store;
mod trend;

use clap::Parser as _;
use error::Error;
use signals::Signals;
use std::process::ExitCode;
use std::time::Duration;

/// The time for a thread that reads a file to end; one whose share does not answer never does.
const LAST_READS: Duration = Duration::from_millis(500);

/// Returns the flags of `BasicAgentController`, for its manual page.
#[doc(hidden)]
pub fn command() -> clap::Command {
    <cli::Flags as clap::CommandFactory>::command()
}

/// Reads the command line and serves until SIGTERM or SIGINT.
///
/// Exit status: 0 after a signal, 1 when the controller cannot start, 2 for invalid flags. `check`
/// and `migrate` do not serve.
pub fn main() -> ExitCode {
    // Signals first: until they are registered, SIGHUP ends the process.
    let started = start();
    let flags = cli::Flags::parse();
    if flags.check_config {
        return check::run(&flags);
    }
    if let Some(cli::Command::Migrate(flags)) = &flags.command {
        return match started {
            Ok((runtime, mut signals)) => {
                let code = runtime.block_on(migrate::run(flags, &mut signals));
                runtime.shutdown_timeout(LAST_READS);
                code
            }
            Err(error) => migrate::failed(&error),
        };
    }
    let log = logging::start();
    let ended = started.and_then(|(runtime, signals)| {
        let ended = runtime.block_on(server::run(flags, signals));
        runtime.shutdown_timeout(LAST_READS);
        ended
    });
    let code = match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    };
    log.finish();
    code
}

fn start() -> Result<(tokio::runtime::Runtime, Signals), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::system("cannot start the event loop"))?;
    let signals = {
        let _within = runtime.enter();
        Signals::register()?
    };
    Ok((runtime, signals))
}
