//! `run`: one request to many hosts, from the plan to the sum.
//!
//! `request` makes a plan's body of the flags; `plan` shows the plan; `start` asks, applies it and
//! hands it to `watch`, which follows the changes and draws the `bar`; `end` prints how it ended,
//! with equal `outputs` once, and has the exit status. `list` and `about` are the other
//! subcommands. `detach` turns Ctrl-C into a sentence: a run belongs to the controller, and nothing
//! here ends it but `run cancel`.

mod about;
mod bar;
mod detach;
mod end;
mod list;
mod outputs;
mod plan;
mod request;
mod start;
mod watch;

use crate::cli::{Run, RunSub};
use crate::client::Controller;
use crate::control::{is_selector, parsed};
use crate::error::Error;
use crate::exit;
use std::process::ExitCode;

/// Runs the subcommand, or starts a run.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn run(controller: &Controller, run: &Run) -> Result<ExitCode, Error> {
    match &run.sub {
        None => {
            if run.start.selector.as_deref().is_some_and(|selector| !is_selector(selector)) {
                return Ok(ExitCode::from(exit::USAGE));
            }
            return start::new(controller, &run.start);
        }
        Some(RunSub::Apply(apply)) => return start::apply(controller, apply),
        Some(RunSub::Again(again)) => return start::again(controller, again),
        Some(RunSub::Watch(about)) => return watch::run(controller, about),
        Some(RunSub::List(list)) => list::runs(controller, list),
        Some(RunSub::Targets(targets)) => list::targets(controller, targets),
        Some(RunSub::Show(show)) => about::show(controller, show),
        Some(RunSub::Output(output)) => about::output(controller, output),
        Some(RunSub::Cancel(cancel)) => about::cancel(controller, cancel),
    }?;
    Ok(ExitCode::from(exit::DONE))
}

/// Returns an id that may stand in a path.
///
/// # Errors
/// [`Error::Usage`] for an empty one, which would name the list.
fn checked_id(id: &str) -> Result<&str, Error> {
    match id {
        "" => Err(Error::usage("the id of a run is missing; run list shows them")),
        id => Ok(id),
    }
}
