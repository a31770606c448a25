//! `cron`: schedules, and the jobs of an agent.
//!
//! `next`, `explain` and `check` read schedules locally, with the same crate as the agent. The
//! other subcommands send requests to this machine's agent over its local socket, or to another
//! machine's through its controller.

mod batch;
mod check;
mod explain;
mod inspect;
mod instant;
mod job;
mod jobs;
mod next;
mod plan;
mod zone;

pub(crate) use batch::MAX_COUNT;
pub(crate) use instant::{Given, local, utc};
pub(crate) use jobs::all as jobs;

use crate::agent::Agent;
use crate::cli::{Cron, Remote};
use crate::error::Error;
use std::process::ExitCode;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn run(cron: &Cron, remote: Option<&Remote>) -> Result<ExitCode, Error> {
    let agent = Agent::new(remote, cron.socket());
    match cron {
        Cron::Next(next) => next::run(next),
        Cron::Explain(explain) => explain::run(explain),
        Cron::Check(check) => check::run(check),
        Cron::List(list) => jobs::list(&agent, list),
        Cron::History(history) => jobs::history(&agent, history),
        Cron::Set(set) => job::set(&agent, set),
        Cron::Remove(about) => job::remove(&agent, about),
        Cron::Run(about) => job::run(&agent, about),
    }
}
