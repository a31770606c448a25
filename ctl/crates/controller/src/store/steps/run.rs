//! What a call does to a run, by the state that its row has.

use crate::store::{Apply, RunRow, StopRun, StoreError};
use fleet::run::{MAX_TARGETS, RunEnd, RunState};

/// What applying a plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum ApplyStep {
    /// The plan becomes a run.
    Now,
    /// It was applied before.
    Before,
}

/// What stopping a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum StopStep {
    /// It is a plan, and ends.
    EndPlan,
    /// It runs, and begins to stop.
    Begin,
    /// It stops already, and is to end in another way.
    Redirect,
    /// It stays as it is.
    Stay,
}

/// Returns an error if a run cannot have so many targets.
pub(in crate::store) fn has_room(targets: usize) -> Result<(), StoreError> {
    if targets <= MAX_TARGETS as usize {
        return Ok(());
    }
    let why = format!("a run has at most {MAX_TARGETS} hosts; narrow the selector");
    Err(StoreError::Conflict(why))
}

/// Makes the error of a plan whose id is taken.
pub(in crate::store) fn taken(id: &str) -> StoreError {
    StoreError::Conflict(format!("the run {id} exists already"))
}

/// Returns what applying a plan does.
pub(in crate::store) fn apply(plan: &RunRow, apply: &Apply) -> Result<ApplyStep, StoreError> {
    if plan.state != RunState::Planned {
        return match plan.applied_at {
            Some(_) => Ok(ApplyStep::Before),
            None => Err(StoreError::Conflict(format!(
                "the plan {} is not valid anymore; make a new one",
                plan.id
            ))),
        };
    }
    if plan.valid_until <= apply.at {
        return Err(StoreError::Conflict(format!(
            "nobody applied the plan {} in time; make a new one",
            plan.id
        )));
    }
    Ok(ApplyStep::Now)
}

/// Returns what stopping a run does.
pub(in crate::store) fn stop(run: &RunRow, stop: &StopRun) -> StopStep {
    match run.state {
        RunState::Planned => StopStep::EndPlan,
        RunState::Running => StopStep::Begin,
        // Somebody cancels a run that stops for its failures: what runs is to be canceled, too.
        RunState::Stopping if stop.end == RunEnd::Canceled && run.end != Some(stop.end) => {
            StopStep::Redirect
        }
        RunState::Stopping | RunState::Ended => StopStep::Stay,
    }
}

/// Returns whether ending a run changes it: it may have ended before.
pub(in crate::store) fn end(run: &RunRow) -> Result<bool, StoreError> {
    if run.state == RunState::Ended {
        return Ok(false);
    }
    if !run.counts.is_over() {
        return Err(StoreError::Conflict(format!(
            "the run {} has targets that have not ended: {}",
            run.id, run.counts
        )));
    }
    Ok(true)
}
