//! The rows of the controller's database: all that survives a kill of it.

use crate::site::Plan;
use fleet::run::{Change, Counts, End, Event, Outcome, RunChange, RunEnd, RunState, TargetState};

pub(crate) struct RunRow {
    pub(crate) state: RunState,
    pub(crate) stop: Option<(RunEnd, Box<str>)>,
    pub(crate) targets: Vec<Row>,
    pub(crate) counts: Counts,
}

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) state: TargetState,
    pub(crate) asked: bool,
    pub(crate) code: Option<u16>,
    pub(crate) why: Option<Box<str>>,
    /// A result ended it.
    by_result: bool,
}

impl RunRow {
    pub(crate) fn new(plan: &Plan) -> Self {
        let row = Row {
            state: TargetState::Waiting,
            asked: false,
            code: None,
            why: None,
            by_result: false,
        };
        Self {
            state: RunState::Planned,
            stop: None,
            targets: vec![row; plan.targets.len()],
            counts: Counts::all_waiting(plan.total()),
        }
    }

    /// Writes a change. A target that has ended stays as it is.
    pub(crate) fn change(&mut self, change: &Change) {
        let row = &mut self.targets[change.target as usize];
        let backwards = row.state == TargetState::Running && change.state == TargetState::Sent;
        if row.state.end().is_some() || backwards {
            return;
        }
        self.counts.moved(row.state, change.state);
        row.state = change.state;
        row.asked |= change.state == TargetState::Sent;
        row.code = change.code;
        row.why.clone_from(&change.why);
    }

    pub(crate) fn run_change(&mut self, change: &RunChange) {
        match change {
            RunChange::Stopping(end, why) => {
                self.state = RunState::Stopping;
                self.stop = Some((*end, why.clone()));
            }
            RunChange::Ended(end, why) => {
                self.state = RunState::Ended;
                self.stop = Some((*end, why.clone().unwrap_or_default()));
            }
        }
    }

    /// Stores a task's result, which ends the target unless another result did. Returns what the
    /// rollout is told.
    pub(crate) fn result(&mut self, target: u32, outcome: &Outcome<'_>) -> Option<Event> {
        let row = &mut self.targets[target as usize];
        if std::mem::replace(&mut row.by_result, true) {
            return None;
        }
        let End { state: end, code, .. } = outcome.end_of_task();
        row.code = code;
        self.counts.moved(row.state, TargetState::Ended(end));
        row.state = TargetState::Ended(end);
        Some(Event::Stored(target, end))
    }
}
