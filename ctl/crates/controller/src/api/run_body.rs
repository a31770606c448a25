//! The API's bodies of plans, runs and targets, made of the store's rows.

use super::problem::ApiError;
use super::times;
use crate::store::{RunRow, TargetRow};
use agent_wire::Params;
use controller_api::{
    AgentRequest, Amount, Equation, PlanOptions, Run, RunEnd, RunStage, RunState, Target,
    TargetState, Tolerance,
};
use fleet::run::{self, Counts, EndState, NotAfter, Options, Share};
use serde_json::{Map, Value};

/// Replaces a text that is not shown.
const HIDDEN: &str = "…";

/// Shows a run; `stages` has the counts of each.
///
/// # Errors
/// When the stored run cannot be read.
pub(super) fn run(row: &RunRow, stages: &[Counts]) -> Result<Run, ApiError> {
    let options = stored_options(row)?;
    Ok(Run {
        id: row.id.clone(),
        hash: row.hash.clone(),
        state: run_state(row.state),
        end: row.end.filter(|_| row.state == run::RunState::Ended).map(run_end),
        why: row.why.clone(),
        equation: equation(&row.counts),
        stages: stages.iter().map(stage).collect(),
        request: request(row)?,
        selector: row.selector.clone(),
        options: plan_options(&options, row.not_after),
        created_by: row.created_by.clone(),
        created_at: times::text(row.created_at),
        valid_until: times::text(row.valid_until),
        applied_by: row.applied_by.clone(),
        applied_at: row.applied_at.map(times::text),
        ended_at: row.ended_at.map(times::text),
        change: number(row.change),
    })
}

/// Shows a target.
pub(super) fn target(row: TargetRow) -> Target {
    Target {
        state: target_state(row.state),
        run: row.run,
        host: row.host,
        stage: u32::from(row.stage) + 1,
        code: row.code,
        why: row.why,
        sent_at: row.sent_at.map(times::text),
        accepted_at: row.accepted_at.map(times::text),
        ended_at: row.ended_at.map(times::text),
        digest: row.output,
        change: number(row.change),
    }
}

/// Reads a run's options.
///
/// # Errors
/// When they cannot be read, which is logged.
pub(super) fn stored_options(row: &RunRow) -> Result<Options, ApiError> {
    let read = || {
        let mut stored: Map<String, Value> = serde_json::from_str(&row.options)?;
        // They are the hosts', and stand beside the options.
        stored.remove("signatures");
        serde_json::from_value(Value::Object(stored))
    };
    read().map_err(|error: serde_json::Error| {
        log::error!("the options of run {} cannot be read: {error}", row.id);
        ApiError::Internal
    })
}

/// Reads a run's request.
///
/// # Errors
/// When it cannot be read, which is logged.
pub(super) fn stored_request(row: &RunRow) -> Result<run::Request, ApiError> {
    let unreadable = |error: &dyn std::fmt::Display| {
        log::error!("the request of run {} cannot be read: {error}", row.id);
        ApiError::Internal
    };
    let map = serde_json::from_str(&row.request).map_err(|error| unreadable(&error))?;
    run::Request::parse(map).map_err(|error| unreadable(&error))
}

/// Shows a run's request without what may be secret: input, and the values of variables.
pub(super) fn request(row: &RunRow) -> Result<AgentRequest, ApiError> {
    let request = stored_request(row)?;
    let mut fields = request.fields().clone();
    if let Some(input) = fields.get_mut("stdin") {
        *input = HIDDEN.into();
    }
    if let Some(Value::Object(variables)) = fields.get_mut("env") {
        variables.values_mut().for_each(|value| *value = HIDDEN.into());
    }
    Ok(AgentRequest { method: request.method().name().to_owned(), fields })
}

/// Returns what a request's event says of it: names and texts, without input and the values of
/// variables.
pub(super) fn described(request: &run::Request) -> Map<String, Value> {
    let params = Params::new(request.fields());
    let mut detail = Map::from_iter([("method".to_owned(), request.method().name().into())]);
    let command = request.command();
    let texts = [("user", command.user), ("group", command.group)].into_iter();
    let fields = ["cmd", "cwd", "task", "name", "cron"].into_iter();
    let fields = fields.map(|name| (name, params.text(name).ok().flatten()));
    for (name, text) in texts.chain(fields) {
        if let Some(text) = text {
            detail.insert(name.to_owned(), crate::audit::shortened(text).into());
        }
    }
    if let Ok(Some(env)) = params.object("env") {
        let names = env.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
        detail.insert("env".to_owned(), crate::audit::shortened(&names).into());
    }
    detail
}

/// Shows options with each default filled in.
pub(super) fn plan_options(options: &Options, not_after: Option<i64>) -> PlanOptions {
    let fixed = match options.not_after {
        NotAfter::At(at) => Some(at),
        NotAfter::After(_) => None,
    };
    PlanOptions {
        stages: options.stages.iter().copied().map(amount).collect(),
        soak: u64::from(options.soak),
        max_failed: tolerance(options.max_failed.unwrap_or(options.stop_after)),
        concurrency: amount(options.concurrency),
        ramp: options.ramp,
        stop_after: tolerance(options.stop_after),
        not_after: not_after.or(fixed).map(times::text),
        no_wait: options.no_wait,
    }
}

fn amount(share: Share) -> Amount {
    match share {
        Share::Number(number) => Amount::Count(number),
        // The API takes whole percents only.
        Share::Percent(hundredths) => {
            Amount::Percent(u8::try_from(hundredths.div_ceil(100)).unwrap_or(100))
        }
    }
}

fn tolerance(tolerance: run::Tolerance) -> Tolerance {
    match tolerance {
        run::Tolerance::Any => Tolerance::Unlimited,
        run::Tolerance::UpTo(share) => Tolerance::AtMost(amount(share)),
    }
}

fn stage(counts: &Counts) -> RunStage {
    let ended = counts.ended();
    RunStage {
        size: u64::from(counts.total()),
        ended: u64::from(ended),
        failed: u64::from(ended.saturating_sub(counts.ended_as(EndState::Succeeded))),
    }
}

/// Shows a run's counts.
pub(super) fn equation(counts: &Counts) -> Equation {
    let of = |state| u64::from(counts.of(state));
    let ended = |state| u64::from(counts.ended_as(state));
    Equation {
        total: u64::from(counts.total()),
        waiting: of(run::TargetState::Waiting),
        queued: of(run::TargetState::Queued),
        sent: of(run::TargetState::Sent),
        running: of(run::TargetState::Running),
        succeeded: ended(EndState::Succeeded),
        failed: ended(EndState::Failed),
        timed_out: ended(EndState::TimedOut),
        refused: ended(EndState::Refused),
        invalid: ended(EndState::Invalid),
        expired: ended(EndState::Expired),
        canceled_before_start: ended(EndState::CanceledBeforeStart),
        canceled: ended(EndState::Canceled),
        interrupted: ended(EndState::Interrupted),
        removed: ended(EndState::Removed),
    }
}

/// Returns a state as the API names it.
pub(super) const fn target_state(state: run::TargetState) -> TargetState {
    match state {
        run::TargetState::Waiting => TargetState::Waiting,
        run::TargetState::Queued => TargetState::Queued,
        run::TargetState::Sent => TargetState::Sent,
        run::TargetState::Running => TargetState::Running,
        run::TargetState::Ended(end) => match end {
            EndState::Succeeded => TargetState::Succeeded,
            EndState::Failed => TargetState::Failed,
            EndState::TimedOut => TargetState::TimedOut,
            EndState::Refused => TargetState::Refused,
            EndState::Invalid => TargetState::Invalid,
            EndState::Expired => TargetState::Expired,
            EndState::CanceledBeforeStart => TargetState::CanceledBeforeStart,
            EndState::Canceled => TargetState::Canceled,
            EndState::Interrupted => TargetState::Interrupted,
            EndState::Removed => TargetState::Removed,
        },
    }
}

/// Returns the state that the API names so.
pub(super) const fn state_of(state: TargetState) -> run::TargetState {
    match state {
        TargetState::Waiting => run::TargetState::Waiting,
        TargetState::Queued => run::TargetState::Queued,
        TargetState::Sent => run::TargetState::Sent,
        TargetState::Running => run::TargetState::Running,
        TargetState::Succeeded => run::TargetState::Ended(EndState::Succeeded),
        TargetState::Failed => run::TargetState::Ended(EndState::Failed),
        TargetState::TimedOut => run::TargetState::Ended(EndState::TimedOut),
        TargetState::Refused => run::TargetState::Ended(EndState::Refused),
        TargetState::Invalid => run::TargetState::Ended(EndState::Invalid),
        TargetState::Expired => run::TargetState::Ended(EndState::Expired),
        TargetState::CanceledBeforeStart => run::TargetState::Ended(EndState::CanceledBeforeStart),
        TargetState::Canceled => run::TargetState::Ended(EndState::Canceled),
        TargetState::Interrupted => run::TargetState::Ended(EndState::Interrupted),
        TargetState::Removed => run::TargetState::Ended(EndState::Removed),
    }
}

const fn run_state(state: run::RunState) -> RunState {
    match state {
        run::RunState::Planned => RunState::Planned,
        run::RunState::Running => RunState::Running,
        run::RunState::Stopping => RunState::Stopping,
        run::RunState::Ended => RunState::Ended,
    }
}

/// Returns the run's state that the API names so.
pub(super) const fn run_state_of(state: RunState) -> run::RunState {
    match state {
        RunState::Planned => run::RunState::Planned,
        RunState::Running => run::RunState::Running,
        RunState::Stopping => run::RunState::Stopping,
        RunState::Ended => run::RunState::Ended,
    }
}

const fn run_end(end: run::RunEnd) -> RunEnd {
    match end {
        run::RunEnd::Completed => RunEnd::Completed,
        run::RunEnd::Stopped => RunEnd::Stopped,
        run::RunEnd::Canceled => RunEnd::Canceled,
        run::RunEnd::Expired => RunEnd::Expired,
    }
}

/// Shows a number of the database.
pub(super) fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_target_has_the_same_name_everywhere() {
        for state in run::TargetState::ALL {
            let shown = target_state(state);
            assert_eq!((shown.name(), shown.is_end()), (state.word(), state.end().is_some()));
            assert_eq!(state_of(shown), state);
        }
        assert_eq!(run::TargetState::ALL.len(), TargetState::ALL.len());
    }

    #[test]
    fn the_shown_equation_adds_up() {
        let mut counts = Counts::default();
        for (state, targets) in run::TargetState::ALL.into_iter().zip(1..) {
            counts.add(state, targets);
        }
        let shown = equation(&counts);
        let sum: u64 = TargetState::ALL.into_iter().map(|state| shown.of(state)).sum();
        assert_eq!((shown.total, sum), (105, 105));
    }
}
