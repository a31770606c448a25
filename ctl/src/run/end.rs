//! How a run ended: the sum, the outputs with the failures first, and the exit status.

use super::{outputs, parsed};
use crate::client::Controller;
use crate::error::Error;
use crate::print::{Format, document};
use crate::terminal::safe;
use crate::{clock, exit, output};
use controller_api::{Equation, OutputList, Run, RunEnd, RunState, Target, TargetState, path};
use serde_json::value::RawValue;
use std::process::ExitCode;

/// The whole of it, for programs.
#[derive(serde::Serialize)]
struct Ended<'a> {
    run: &'a RawValue,
    outputs: &'a RawValue,
}

/// Prints how the run ended and returns the exit status.
///
/// # Errors
/// Any [`Error`].
pub(super) fn print(controller: &Controller, id: &str, format: Format) -> Result<ExitCode, Error> {
    // Read again: the last change may have come before the run's own end was written.
    let run_text = controller.read(&path::run(id))?;
    let run: Run = parsed(&run_text)?;
    if format == Format::Name {
        output::bytes(format!("{}\n", run.id).as_bytes())?;
        return Ok(ExitCode::from(status(&run)));
    }
    let outputs_text = controller.read(&outputs::path(id))?;
    let list: OutputList = parsed(&outputs_text)?;
    let both = Ended { run: &parsed_raw(&run_text)?, outputs: &parsed_raw(&outputs_text)? };
    let text = serde_json::to_string(&both)
        .map_err(|error| Error::failed_by("the run cannot be written as JSON", error))?;
    document(&text, format, || Ok(outputs::text(controller, &run, &list)? + &last_line(&run)))?;
    Ok(ExitCode::from(status(&run)))
}

fn parsed_raw(text: &str) -> Result<Box<RawValue>, Error> {
    parsed(text)
}

/// Returns `run 0195… completed in 12 s: 40 = 38 succeeded + 2 failed`.
pub(super) fn last_line(run: &Run) -> String {
    let took = |text: &Option<String>| text.as_deref().and_then(clock::unix);
    let seconds = match (took(&run.applied_at), took(&run.ended_at)) {
        (Some(from), Some(to)) => format!(" in {} s", (to - from).max(0)),
        _ => String::new(),
    };
    let why = run.why.as_deref().map(|why| format!(" ({})", safe(why))).unwrap_or_default();
    format!("run {} {}{why}{seconds}: {}\n", run.id, state(run), equation(&run.equation))
}

/// Returns how far a run is, in a word.
pub(super) fn state(run: &Run) -> &'static str {
    match (run.state, run.end) {
        (RunState::Planned, _) => "planned",
        (RunState::Running, _) => "running",
        (RunState::Stopping, _) => "stopping",
        (RunState::Ended, None) => "ended",
        (RunState::Ended, Some(RunEnd::Completed)) => "completed",
        (RunState::Ended, Some(RunEnd::Stopped)) => "stopped",
        (RunState::Ended, Some(RunEnd::Canceled)) => "canceled",
        (RunState::Ended, Some(RunEnd::Expired)) => "expired",
    }
}

/// Returns the exit status of a run that has ended.
pub(super) fn status(run: &Run) -> u8 {
    match run.end {
        Some(RunEnd::Stopped) => exit::STOPPED,
        Some(RunEnd::Canceled) => exit::CANCELED,
        _ if run.equation.succeeded == run.equation.total => exit::DONE,
        _ => exit::FAILED,
    }
}

/// Returns the hosts by state and their sum: `38 succeeded + 2 failed = 40`.
pub(super) fn equation(counts: &Equation) -> String {
    let parts: Vec<String> = TargetState::ALL
        .into_iter()
        .filter(|state| counts.of(*state) > 0)
        .map(|state| format!("{} {}", counts.of(state), word(state)))
        .collect();
    match parts.as_slice() {
        [] => format!("0 = {}", counts.total),
        parts => format!("{} = {}", parts.join(" + "), counts.total),
    }
}

/// Returns a state in words.
pub(super) fn word(state: TargetState) -> &'static str {
    match state {
        TargetState::Queued => "offline",
        TargetState::TimedOut => "timed out",
        TargetState::CanceledBeforeStart => "not started",
        other => other.name(),
    }
}

/// Returns a target that ended without success in one line: `web-3: failed (1)`.
pub(super) fn failed_line(target: &Target) -> String {
    let code = target.code.filter(|code| *code != 0).map(|code| format!(" ({code})"));
    let why = target.why.as_deref().map(|why| format!(": {}", safe(why)));
    format!(
        "{}: {}{}{}",
        safe(&target.host),
        word(target.state),
        code.unwrap_or_default(),
        why.unwrap_or_default()
    )
}
