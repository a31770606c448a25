//! `cron`: schedules read here, as the agent reads them, and the jobs of an agent.
//!
//! `next`, `explain` and `check` need no agent: they ask the same crate.

mod batch;
mod caret;
mod check;
mod explain;
mod inspect;
mod instant;
mod next;
mod plan;
mod zone;

pub(crate) use batch::MAX_COUNT;
pub(crate) use instant::Given;

use crate::cli::Cron;
use crate::error::Error;
use std::process::ExitCode;

/// Does it.
///
/// # Errors
/// [`Error::Failed`] and its like.
pub(crate) fn run(cron: &Cron) -> Result<ExitCode, Error> {
    match cron {
        Cron::Next(next) => next::run(next),
        Cron::Explain(explain) => explain::run(explain),
        Cron::Check(check) => check::run(check),
    }
}
