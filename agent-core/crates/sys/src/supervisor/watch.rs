//! A supervisor's watch over its command, from the command's start to the end of its tree.

use std::io;
use std::time::Duration;

use nix::unistd;

use super::command::Command;
use super::output::Output;
use super::tree::Tree;
use super::wake::{Wake, Woken};
use crate::child::{FailureReport, StartFailure};
use crate::end::{CommandEnd, Exit, ProcessEnd};
use crate::ending::{Ending, Event, Step};
use crate::pidfd;
use crate::slot::Leftovers;

/// The end of a task, as its supervisor saw it.
pub(super) struct Watched {
    pub(super) end: Result<CommandEnd, StartFailure>,
    /// `None`: the command itself does not die.
    pub(super) process: Option<ProcessEnd>,
    pub(super) leftovers: Leftovers,
}

/// Follows the command to its end; the driver of [`Ending`] for tasks.
pub(super) fn follow(
    command: &Command,
    output: &mut Output<'_>,
    wake: &Wake,
    tree: &Tree<'_>,
    grace: Duration,
) -> io::Result<Watched> {
    let mut ending = Ending::new(grace);
    let mut process = None;
    loop {
        let Woken { due, cancelled } = wake.wait(output)?;
        let none_left = pidfd::reap_all(command.pid, &mut process)?;
        // The dead first: a deadline that crosses the command's own end must not reach the rest of
        // its tree. At most one event counts: a new step starts a new wait.
        let events = [
            (process.is_some(), Event::CommandEnded),
            (none_left, Event::TreeGone),
            (cancelled, Event::Cancelled),
            (due, Event::TimeUp),
        ];
        let happened = events.into_iter().filter_map(|(happened, event)| happened.then_some(event));
        let mut steps = happened.map(|event| ending.on(event));
        let mut step = steps.find(|step| *step != Step::Wait).unwrap_or(Step::Wait);
        match step {
            Step::Wait | Step::Finish => {}
            Step::Terminate { within } => {
                tree.terminate();
                wake.after(within)?;
            }
            Step::Kill { within } => {
                tree.kill();
                wake.after(within)?;
            }
            Step::Drain { within } => wake.after(within)?,
        }
        if step != Step::Finish && output.at_end() {
            step = ending.on(Event::OutputEnded);
        }
        if step == Step::Finish {
            let leftovers = match (none_left, ending.stopped()) {
                (true, _) => Leftovers::Nothing,
                (false, None) => Leftovers::Background,
                (false, Some(_)) => Leftovers::Survivors,
            };
            let end = match (ending.stopped(), process) {
                (Some(reason), _) => Ok(reason.into()),
                (None, Some(process)) => own_end(command, process),
                // Not reached: without a reason only the command's end leads here.
                (None, None) => return Err(io::ErrorKind::NotFound.into()),
            };
            return Ok(Watched { end, process, leftovers });
        }
    }
}

/// Returns how a command ended by itself, or why it never became its program.
fn own_end(command: &Command, process: ProcessEnd) -> Result<CommandEnd, StartFailure> {
    if process.exit == Exit::Exited(FailureReport::STATUS) {
        let mut report = [0; FailureReport::LEN];
        let complete = unistd::read(&command.failure, &mut report) == Ok(FailureReport::LEN);
        if let Some(report) = FailureReport::from_bytes(&report).filter(|_| complete) {
            return Err(report.failure);
        }
    }
    Ok(process.exit.into())
}
