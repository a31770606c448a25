//! What happens to a rollout.

use super::{Answer, Ask, Event, Moment, Output, Rollout};
use crate::run::budget::Budgets;
use crate::run::reply::TASK_UNKNOWN;
use crate::run::state::{End, EndState, RunEnd, TargetState};

impl Rollout {
    /// Takes an event. Call [`Rollout::step`] after the last of several.
    pub fn handle(&mut self, event: Event, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        self.look_at_clock(now);
        match event {
            Event::Online(target) => self.online(target, budgets, now, out),
            Event::Offline(target) => self.offline(target, budgets, now, out),
            Event::Answered(target, ask, answer) => {
                self.answered(target, ask, answer, budgets, now, out);
            }
            Event::Unanswered(target) => self.unanswered(target, budgets, now, out),
            Event::Stored(target, end) => self.stored(target, end, budgets),
            Event::NotSent(target, end) => self.not_sent(target, end, budgets, now, out),
            Event::Removed(target) => self.removed(target, budgets, out),
            Event::Cancel(why) => self.cancel(why, budgets, now, out),
        }
        self.stop_for_failures();
    }

    fn online(&mut self, position: u32, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        let target = &mut self.targets[position as usize];
        target.online = true;
        match target.state {
            TargetState::Queued => {
                self.retries.clear(position);
                self.make_ready(position);
            }
            TargetState::Sent | TargetState::Running => {
                // A new channel: what was sent through the one before has no reply.
                self.lose_reply(position);
                self.ask_again(position, budgets, now, out);
            }
            TargetState::Waiting | TargetState::Ended(_) => {}
        }
    }

    fn offline(&mut self, position: u32, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        self.targets[position as usize].online = false;
        if self.state(position).is_busy() {
            self.lose_reply(position);
            self.retries.clear(position);
            self.silent.set_if_none(position, now.steady);
            self.give_up_reply(position, budgets, out);
        }
    }

    /// Takes a target back whose request was not sent, for a reason that ends it. If it may have been
    /// sent before, the agent is asked first.
    fn not_sent(
        &mut self,
        position: u32,
        end: End,
        budgets: &mut Budgets,
        now: Moment,
        out: &mut Output,
    ) {
        let target = &mut self.targets[position as usize];
        if target.state.end().is_some() {
            return;
        }
        target.outstanding = false;
        if target.doubt && target.state.is_busy() && self.terms.is_task {
            self.verdicts.insert(position, end);
            return self.ask(position, Ask::Status, now, out);
        }
        self.finish(position, end, budgets, out);
    }

    /// Notes that no reply will come to what was sent.
    fn lose_reply(&mut self, position: u32) {
        let target = &mut self.targets[position as usize];
        target.doubt |= target.outstanding && target.state == TargetState::Sent;
        target.outstanding = false;
    }

    /// Ends a target whose request is no command, if its reply is lost and it may not be sent again:
    /// the agent cannot be asked about it.
    pub(super) fn give_up_reply(&mut self, position: u32, budgets: &mut Budgets, out: &mut Output) {
        let target = self.targets[position as usize];
        let too_late = self.stop.is_some() || self.past.is_some();
        if !self.terms.is_task && target.state.is_busy() && !target.outstanding && too_late {
            let why = "outcome unknown: it was sent, and no reply came";
            self.finish(position, End::because(EndState::Interrupted, why), budgets, out);
        }
    }

    fn answered(
        &mut self,
        position: u32,
        ask: Ask,
        answer: Answer,
        budgets: &mut Budgets,
        now: Moment,
        out: &mut Output,
    ) {
        let target = &mut self.targets[position as usize];
        if !target.state.is_busy() {
            return;
        }
        target.outstanding = false;
        let doubt = target.doubt && self.terms.is_task;
        match answer {
            Answer::Accepted => self.accepted(position, out),
            Answer::Ended(end) if ask == Ask::Start && doubt => {
                self.verdicts.insert(position, end);
                self.ask(position, Ask::Status, now, out);
            }
            Answer::Ended(end) => self.finish(position, end, budgets, out),
            Answer::Retry(why) if ask == Ask::Start && !doubt => {
                self.no_room(position, why, budgets, now, out);
            }
            Answer::Retry(_) => {
                self.heard(position);
                self.retry_later(position, now);
            }
            Answer::Denied(_) => {
                // The agent does not say. A refused repetition was most likely refused at first too;
                // without one, the result or its absence will tell.
                self.heard(position);
                if let Some(end) = self.verdicts.remove(&position) {
                    self.finish(position, end, budgets, out);
                }
            }
            Answer::Unknown => self.unknown(position, budgets, now, out),
        }
    }

    /// Notes that the agent of a running command is there, though it does not tell the state.
    fn heard(&mut self, position: u32) {
        if self.state(position) == TargetState::Running {
            self.silent.clear(position);
        }
    }

    fn accepted(&mut self, position: u32, out: &mut Output) {
        self.targets[position as usize].doubt = false;
        self.silent.clear(position);
        self.retries.clear(position);
        self.attempts.remove(&position);
        self.verdicts.remove(&position);
        if self.state(position) == TargetState::Sent {
            self.change(position, TargetState::Running, None, None, out);
        }
    }

    /// Takes a target back that its host certainly has not.
    fn no_room(
        &mut self,
        position: u32,
        why: Box<str>,
        budgets: &mut Budgets,
        now: Moment,
        out: &mut Output,
    ) {
        self.no_room.insert(position, why.clone());
        if self.stop.is_some() || self.past.is_some() {
            let end = self.end_unsent(position);
            return self.finish(position, end, budgets, out);
        }
        budgets.release(self.lanes.budgets(self.targets[position as usize].lane));
        self.silent.clear(position);
        self.change(position, TargetState::Queued, None, Some(why), out);
        self.retry_later(position, now);
    }

    /// Decides about a target whose task its agent does not know.
    fn unknown(&mut self, position: u32, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        if let Some(end) = self.verdicts.remove(&position) {
            self.finish(position, end, budgets, out);
        } else if self.state(position) == TargetState::Running {
            let end = End::because(EndState::Interrupted, TASK_UNKNOWN);
            self.finish(position, end, budgets, out);
        } else if self.stop.is_some() || self.past.is_some() {
            let end = self.end_unsent(position);
            self.finish(position, end, budgets, out);
        } else {
            self.targets[position as usize].doubt = false;
            self.ask_again(position, budgets, now, out);
        }
    }

    fn unanswered(&mut self, position: u32, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        if self.state(position).is_busy() {
            self.lose_reply(position);
            self.give_up_reply(position, budgets, out);
        }
        if self.state(position).is_busy() {
            self.retry_later(position, now);
        }
    }

    fn stored(&mut self, position: u32, end: EndState, budgets: &mut Budgets) {
        if self.state(position).end().is_none() {
            self.conclude(position, end, true, budgets);
        } else {
            self.move_to(position, TargetState::Ended(end));
        }
    }

    fn removed(&mut self, position: u32, budgets: &mut Budgets, out: &mut Output) {
        let why = match self.state(position) {
            TargetState::Waiting | TargetState::Queued => "an operator removed the host",
            TargetState::Sent | TargetState::Running => {
                "outcome unknown: an operator removed the host"
            }
            TargetState::Ended(_) => return,
        };
        self.finish(position, End::because(EndState::Removed, why), budgets, out);
    }

    fn cancel(&mut self, why: String, budgets: &mut Budgets, now: Moment, out: &mut Output) {
        if matches!(self.stop, Some((RunEnd::Canceled, _))) || self.counts.is_over() {
            return;
        }
        self.stop_because(RunEnd::Canceled, why.into());
        for position in 0..self.counts.total() {
            self.ask_again(position, budgets, now, out);
        }
    }
}
