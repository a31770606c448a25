//! A second count of what a rollout was told and decided, by which each decision is checked.

use crate::site::Plan;
use crate::store::RunRow;
use fleet::run::{Ask, EndState, Event, Moment, Output, RunChange, Share, TargetState, Tolerance};

pub(crate) struct Shadow {
    /// Where each target stands, and whether its host was asked and failed.
    targets: Vec<(TargetState, bool)>,
    stopping: bool,
    canceled: bool,
    /// The position behind the last target of each stage.
    stage_ends: Vec<usize>,
    /// Stages that have begun.
    begun: usize,
}

impl Shadow {
    pub(crate) fn new(plan: &Plan, row: &RunRow, begun: usize) -> Self {
        let ends = plan.options.stage_ends(plan.total());
        let stage_ends = ends.into_iter().map(|end| end as usize).collect();
        Self {
            targets: row
                .targets
                .iter()
                .map(|row| (row.state, failed(row.state, row.code)))
                .collect(),
            stopping: row.stop.is_some(),
            canceled: false,
            stage_ends,
            begun,
        }
    }

    pub(crate) fn told(&mut self, event: &Event) {
        match event {
            Event::Stored(target, end) => {
                let (state, failed) = &mut self.targets[*target as usize];
                // An end that is corrected counts as it did.
                *failed = if state.end().is_some() { *failed } else { end.is_failure() };
                *state = TargetState::Ended(*end);
            }
            Event::Cancel(_) => self.canceled = true,
            Event::Online(_)
            | Event::Offline(_)
            | Event::Answered(..)
            | Event::Unanswered(_)
            | Event::NotSent(..)
            | Event::Removed(_) => {}
        }
    }

    /// Checks decisions, in their order. Returns the targets whose hosts become busy.
    pub(crate) fn decided(
        &mut self,
        plan: &Plan,
        out: &Output,
        begun: usize,
        now: Moment,
    ) -> Vec<usize> {
        let mut starts = Vec::new();
        for change in &out.changes {
            let target = change.target as usize;
            let stage = self.stage_ends.partition_point(|end| *end <= target);
            if matches!(change.state, TargetState::Sent | TargetState::Queued) {
                // A stage begins with the first turn in it.
                while self.begun <= stage {
                    self.check_stage(plan);
                }
            }
            assert!(self.targets[target].0.end().is_none(), "target {target} ended twice");
            if change.state == TargetState::Sent && !self.targets[target].0.is_busy() {
                starts.push(target);
            }
            self.targets[target] = (change.state, failed(change.state, change.code));
            if change.state == TargetState::Sent {
                self.check_start(plan, target, now);
            }
        }
        while self.begun < begun {
            self.check_stage(plan);
        }
        assert_eq!(self.begun, begun);
        for (target, ask) in &out.asks {
            if *ask == Ask::Start {
                assert!(!self.canceled && !self.stopping, "{target} is asked in a stopping run");
                assert!(now.wall < plan.not_after, "{target} is asked after not_after");
            }
        }
        match out.run {
            Some(RunChange::Stopping(..)) => self.stopping = true,
            Some(RunChange::Ended(..)) => {
                assert!(self.targets.iter().all(|(state, _)| state.end().is_some()));
            }
            None => {}
        }
        starts
    }

    /// Returns how many hosts of a budget are busy.
    pub(crate) fn busy_in(&self, plan: &Plan, budget: usize) -> usize {
        let targets = self.targets.iter().zip(&plan.budgets);
        targets.filter(|((state, _), of)| state.is_busy() && of.contains(&budget)).count()
    }

    fn check_start(&mut self, plan: &Plan, target: usize, now: Moment) {
        assert!(now.wall < plan.not_after, "target {target} is sent after not_after");
        assert!(!self.canceled && !self.stopping, "target {target} is sent in a stopping run");
        let failures = self.failures(0..self.targets.len());
        if let Tolerance::UpTo(share) = plan.options.stop_after {
            let most = share.at_most(plan.total());
            assert!(
                failures <= most,
                "target {target} is sent after {failures} failures of {most}"
            );
        }
        let busy = self.targets.iter().filter(|(state, _)| state.is_busy()).count();
        let limit = limit(plan);
        assert!(busy <= limit, "{busy} of {limit} hosts are busy");
        if plan.options.ramp {
            let done = self
                .targets
                .iter()
                .filter(|(state, _)| *state == TargetState::Ended(EndState::Succeeded))
                .count();
            let any = plan.options.stop_after == Tolerance::Any;
            let ramp = 1 + done + if any { failures as usize } else { 0 };
            assert!(busy <= ramp, "{busy} hosts are busy, after {done} successes");
        }
    }

    /// When a stage begins, nothing of those before is under way, and not too many failed.
    fn check_stage(&mut self, plan: &Plan) {
        self.begun += 1;
        let ends = &self.stage_ends;
        let Some(end) = self.begun.checked_sub(2).map(|place| ends[place]) else { return };
        for (before, (state, _)) in self.targets[..end].iter().enumerate() {
            let settled = *state == TargetState::Queued || state.end().is_some();
            assert!(settled, "stage {} begins while target {before} is {state}", self.begun);
        }
        if let Some(Tolerance::UpTo(share)) = plan.options.max_failed {
            let from = self.begun.checked_sub(3).map_or(0, |place| ends[place]);
            let failures = self.failures(from..end);
            let most = share.at_most(u32::try_from(end - from).unwrap());
            assert!(failures <= most, "stage {} begins after {failures} failures", self.begun);
        }
    }

    fn failures(&self, of: std::ops::Range<usize>) -> u32 {
        u32::try_from(self.targets[of].iter().filter(|(_, failed)| *failed).count()).unwrap()
    }
}

/// Returns whether a target failed: a refusal without a code is the controller's own.
fn failed(state: TargetState, code: Option<u16>) -> bool {
    let own = state == TargetState::Ended(EndState::Refused) && code.is_none();
    state.end().is_some_and(EndState::is_failure) && !own
}

/// Returns how many hosts may be busy with a run.
pub(crate) fn limit(plan: &Plan) -> usize {
    let limit = match plan.options.concurrency {
        Share::Number(number) => number.min(plan.total()),
        share @ Share::Percent(_) => share.of(plan.total()),
    };
    limit.max(1) as usize
}
