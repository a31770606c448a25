//! What a rollout does by itself: send, begin stages, expire, give up, end.

use super::stages::Next;
use super::{Ask, Change, Moment, Output, Rollout, RunChange, Target};
use crate::run::budget::Budgets;
use crate::run::share::Tolerance;
use crate::run::state::{End, EndState, RunEnd, TargetState};

/// The first wait before a host that had no room is asked again, in milliseconds; doubled each time.
const FIRST_RETRY: u64 = 1_000;

/// The longest such wait.
const LAST_RETRY: u64 = 60_000;

impl Rollout {
    /// Does what is due: after any number of events, when [`Rollout::wait`] is over, and when another
    /// run gave back a place in a budget that this one waits for.
    pub fn step(&mut self, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        self.look_at_clock(now);
        while let Some(target) = self.retries.pop(now.steady) {
            self.retry_now(target, budgets, now, out);
        }
        while self.lost_at().is_some_and(|at| at <= now.steady) {
            let Some(target) = self.silent.pop(now.steady) else { break };
            let why = "outcome unknown: the host has not answered since it was asked";
            self.finish(target, End::because(EndState::Interrupted, why), budgets, out);
        }
        self.stop_for_failures();
        while self.stop.is_none() && self.past.is_none() {
            self.send(budgets, now, out);
            match self.stages.next(now.steady) {
                Next::Wait => break,
                Next::Begin => self.open_stage(),
                Next::Stop(why) => self.stop_because(RunEnd::Stopped, why),
            }
        }
        self.end_rest(budgets, out);
        self.tell_run(out);
    }

    /// Notes that `not_after` is over. Once over it stays so, wherever the clock goes.
    pub(super) fn look_at_clock(&mut self, now: Moment) {
        if self.past.is_none() && now.wall >= self.terms.not_after {
            self.past = Some(now.steady);
        }
    }

    /// Sends to targets whose turn it is.
    fn send(&mut self, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        while self.counts.busy() < self.allowed() {
            let Some(position) = self.lanes.pop(budgets) else { return };
            self.update(position, |target| target.ready = false);
            let target = self.targets[position as usize];
            match target.state {
                TargetState::Waiting | TargetState::Queued => {}
                TargetState::Sent | TargetState::Running | TargetState::Ended(_) => continue,
            }
            if !target.online {
                if target.state == TargetState::Waiting {
                    self.change(position, TargetState::Queued, None, None, out);
                }
                continue;
            }
            budgets.take(self.lanes.budgets(target.lane));
            self.change(position, TargetState::Sent, None, None, out);
            self.ask(position, Ask::Start, now, out);
        }
    }

    /// Returns how many hosts may be busy at present.
    fn allowed(&self) -> u32 {
        if self.terms.options.ramp {
            self.grown.saturating_add(1).min(self.limit)
        } else {
            self.limit
        }
    }

    /// Begins the next stage.
    pub(super) fn open_stage(&mut self) {
        for position in self.stages.begin() {
            let target = self.targets[position as usize];
            self.stages.unsettled += u32::from(target.is_unsettled());
            if target.state == TargetState::Waiting {
                self.make_ready(position);
            }
        }
    }

    /// Puts a target into its lane.
    pub(super) fn make_ready(&mut self, position: u32) {
        let target = self.targets[position as usize];
        if !target.ready {
            self.update(position, |target| target.ready = true);
            self.lanes.push(target.lane, position);
        }
    }

    /// Adds something to send.
    pub(super) fn ask(&mut self, position: u32, ask: Ask, now: Moment, out: &mut Output) {
        let target = &mut self.targets[position as usize];
        // The reply to the ask before may still come; if it was a start, it may be in doubt.
        target.doubt |= target.outstanding && target.state == TargetState::Sent;
        target.outstanding = true;
        self.silent.set_if_none(position, now.steady);
        out.asks.push((position, ask));
    }

    /// Sets the time of the next attempt.
    pub(super) fn retry_later(&mut self, position: u32, now: Moment) {
        let attempt = self.attempts.entry(position).or_default();
        let wait = FIRST_RETRY.saturating_mul(1 << (*attempt).min(16)).min(LAST_RETRY);
        *attempt += 1;
        self.retries.set(position, now.steady.saturating_add(wait));
    }

    fn retry_now(&mut self, position: u32, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        let target = self.targets[position as usize];
        match target.state {
            TargetState::Queued if target.online => self.make_ready(position),
            TargetState::Sent | TargetState::Running => {
                self.ask_again(position, budgets, now, out);
            }
            TargetState::Queued | TargetState::Waiting | TargetState::Ended(_) => {}
        }
    }

    /// Asks a busy host again, in the way that is right by now.
    pub(super) fn ask_again(
        &mut self,
        position: u32,
        budgets: &mut Budgets,
        now: Moment,
        out: &mut Output,
    ) {
        let target = self.targets[position as usize];
        if !target.state.is_busy() {
            return;
        }
        let too_late = self.stop.is_some() || self.past.is_some();
        let ask = if matches!(self.stop, Some((RunEnd::Canceled, _))) {
            Ask::Cancel
        } else if too_late || target.state == TargetState::Running {
            Ask::Status
        } else {
            Ask::Start
        };
        if ask != Ask::Start && !self.terms.is_task {
            self.give_up_reply(position, budgets, out);
        } else if target.online {
            self.ask(position, ask, now, out);
        }
    }

    /// Decides that nothing more is sent.
    pub(super) fn stop_because(&mut self, end: RunEnd, why: Box<str>) {
        self.stop = Some((end, why));
        self.told_stop = false;
    }

    /// Stops after too many failures.
    pub(super) fn stop_for_failures(&mut self) {
        if self.stop.is_none() && self.tolerated.is_some_and(|most| self.failures > most) {
            let failures = self.failures;
            let hosts = if failures == 1 { "host" } else { "hosts" };
            let why = format!("stopped after {failures} {hosts} failed");
            self.stop_because(RunEnd::Stopped, why.into());
        }
    }

    /// Ends the targets that will not be sent anymore.
    fn end_rest(&mut self, budgets: &mut Budgets, out: &mut Output) {
        let rest = self.counts.of(TargetState::Waiting) + self.counts.of(TargetState::Queued);
        if rest == 0 || (self.stop.is_none() && self.past.is_none()) {
            return;
        }
        for position in 0..self.counts.total() {
            let state = self.targets[position as usize].state;
            if matches!(state, TargetState::Waiting | TargetState::Queued) {
                let end = self.end_unsent(position);
                self.finish(position, end, budgets, out);
            }
        }
    }

    /// Returns the end of a target that was not started and will not be.
    pub(super) fn end_unsent(&mut self, position: u32) -> End {
        if let Some((_, why)) = &self.stop {
            return End::because(EndState::CanceledBeforeStart, why);
        }
        let state = self.targets[position as usize].state;
        let why = match (state, self.no_room.remove(&position)) {
            (TargetState::Queued, None) => "the host was offline until not_after".into(),
            (TargetState::Waiting, _) => "its turn did not come before not_after".into(),
            (_, Some(why)) => format!("until not_after: {why}"),
            (_, None) => "the host did not accept it before not_after".into(),
        };
        End::because(EndState::Expired, why)
    }

    /// Ends a target and adds that to the changes.
    pub(super) fn finish(
        &mut self,
        position: u32,
        end: End,
        budgets: &mut Budgets,
        out: &mut Output,
    ) {
        // A refusal without a code is the controller's own: the host was not asked.
        let tried = end.state != EndState::Refused || end.code.is_some();
        self.conclude(position, end.state, tried, budgets);
        let state = TargetState::Ended(end.state);
        out.changes.push(Change { target: position, state, code: end.code, why: end.why });
    }

    /// Ends a target, whose row says so already or is about to.
    pub(super) fn conclude(
        &mut self,
        position: u32,
        end: EndState,
        tried: bool,
        budgets: &mut Budgets,
    ) {
        let target = self.targets[position as usize];
        if target.state.is_busy() {
            budgets.release(self.lanes.budgets(target.lane));
        }
        self.move_to(position, TargetState::Ended(end));
        self.count_end(position, end, tried);
        self.retries.clear(position);
        self.silent.clear(position);
        self.attempts.remove(&position);
        self.no_room.remove(&position);
        self.verdicts.remove(&position);
    }

    /// Counts an end for the ramp, the stage and the tolerated failures. `tried` says whether the
    /// host was asked, where the state leaves that open.
    pub(super) fn count_end(&mut self, position: u32, end: EndState, tried: bool) {
        let failed = tried && end.is_failure();
        let succeeded = end == EndState::Succeeded;
        let any = self.terms.options.stop_after == Tolerance::Any;
        self.failures += u32::from(failed);
        self.grown += u32::from(succeeded || any && failed);
        self.stages.count(position, succeeded || failed || end == EndState::Canceled, failed);
    }

    /// Moves a target to a state and adds that to the changes.
    pub(super) fn change(
        &mut self,
        position: u32,
        state: TargetState,
        code: Option<u16>,
        why: Option<Box<str>>,
        out: &mut Output,
    ) {
        self.move_to(position, state);
        out.changes.push(Change { target: position, state, code, why });
    }

    /// Moves a target to a state; the equation holds.
    pub(super) fn move_to(&mut self, position: u32, state: TargetState) {
        let before = self.targets[position as usize].state;
        self.counts.moved(before, state);
        self.update(position, |target| target.state = state);
    }

    /// Changes a target, and counts whether it holds the next stage up.
    fn update(&mut self, position: u32, change: impl FnOnce(&mut Target)) {
        let target = &mut self.targets[position as usize];
        let before = target.is_unsettled();
        change(target);
        let after = target.is_unsettled();
        if self.stages.has_begun(position) {
            self.stages.unsettled += u32::from(after);
            self.stages.unsettled -= u32::from(before);
        }
    }

    /// Returns the steady time at which the first silent host is given up.
    pub(super) fn lost_at(&self) -> Option<u64> {
        let since = self.silent.first()?.max(self.past?);
        let patience = u64::try_from(self.terms.lost_after.as_millis()).unwrap_or(u64::MAX);
        Some(since.saturating_add(patience))
    }

    /// Adds the run's change, if there is one.
    fn tell_run(&mut self, out: &mut Output) {
        if self.over {
            return;
        }
        if self.counts.is_over() {
            self.over = true;
            out.run = Some(match self.stop.clone() {
                Some((end, why)) => RunChange::Ended(end, Some(why)),
                None => RunChange::Ended(RunEnd::Completed, None),
            });
        } else if let Some((end, why)) = &self.stop
            && !std::mem::replace(&mut self.told_stop, true)
        {
            out.run = Some(RunChange::Stopping(*end, why.clone()));
        }
    }
}

impl Target {
    /// Returns whether it holds the next stage up: its turn is to come, or its host is busy. A host
    /// that is away does not.
    const fn is_unsettled(&self) -> bool {
        match self.state {
            TargetState::Waiting | TargetState::Sent | TargetState::Running => true,
            TargetState::Queued => self.ready,
            TargetState::Ended(_) => false,
        }
    }
}
