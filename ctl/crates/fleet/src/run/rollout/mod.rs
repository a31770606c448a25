//! The engine of a run: events in, decisions out.
//!
//! A [`Rollout`] holds where each target of one run stands and decides which host is asked next.
//! The controller's driver tells it what happens ([`Event`]), calls [`Rollout::step`], and does what
//! the [`Output`] says, in this order:
//!
//! 1. it writes [`Output::changes`] and [`Output::run`] to the store, in one transaction;
//! 2. then it sends [`Output::asks`], but for starts that are too late by then
//!    ([`Rollout::too_late`]) or not allowed, which it tells back as [`Event::NotSent`].
//!
//! **At most one start.** A target is `sent` in the store before its bytes leave, and each start of
//! it travels under the same id, which the agent's disk remembers. So after a crash of either side
//! the same request is sent again, and the agent starts it once. A row that has ended by a result
//! never changes again, whatever a late change says.
//!
//! **A request without a reply is in doubt**: the host may have it or not. A target in doubt counts
//! as busy until its host says otherwise, and a refusal of a repeated request says nothing about the
//! first: the agent is asked for the task itself.
//!
//! **Nothing starts too late.** After `not_after`, after a stop and after a cancel no request is sent
//! or repeated; the agent is asked what it knows of it instead.
//!
//! **Every run ends.** Whoever has not started by `not_after` ends as expired; whoever has, and does
//! not answer for [`LOST_AFTER`](super::LOST_AFTER) after that, ends as interrupted.
//!
//! An event costs O(log n) at most; `not_after`, a stop and a cancel cost O(n) once. A rollout is
//! rebuilt from rows after a restart by [`Rollout::new`]: all hosts then count as offline until they
//! come.

mod event;
mod lanes;
mod stages;
mod step;
#[cfg(test)]
mod tests;
mod timers;

use super::budget::{BudgetId, Budgets};
use super::counts::Counts;
use super::options::Options;
use super::reply::Answer;
use super::state::{End, EndState, RunEnd, TargetState};
use crate::UnixMillis;
use lanes::{LaneId, Lanes};
use stages::Stages;
use std::collections::HashMap;
use std::time::Duration;
use timers::Timers;

/// A moment on two clocks. `not_after` is a time of the world; whatever lasts is measured by a clock
/// that nobody sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time of the world.
    pub wall: UnixMillis,
    /// Milliseconds of a clock that never goes back, from any beginning.
    pub steady: u64,
}

/// What a rollout follows.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The plan's options.
    pub options: Options,
    /// Until when a host may accept the request.
    pub not_after: UnixMillis,
    /// How long after that a silent host is waited for; [`LOST_AFTER`](super::LOST_AFTER).
    pub lost_after: Duration,
    /// Whether the request is a command: [`Request::is_task`](super::Request::is_task).
    pub is_task: bool,
}

/// A target's row, in the order of positions.
#[derive(Clone, Debug)]
pub struct TargetRow {
    /// Where it stands.
    pub state: TargetState,
    /// Whether the request was ever sent: the row has a time of sending.
    pub asked: bool,
    /// The code of a target that has ended, if its host told one.
    pub code: Option<u16>,
    /// The budgets that it counts for.
    pub budgets: Vec<BudgetId>,
    /// The sentence of a queued target whose host had no room.
    pub why: Option<Box<str>>,
}

/// Something that happens to a run. Targets are named by their positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host has a channel, or a new one.
    Online(u32),
    /// The host has no channel; replies that have not come will not come.
    Offline(u32),
    /// The agent replied to this ask. If an ask could not be handed to the channel for lack of room,
    /// that is an [`Answer::Retry`].
    Answered(u32, Ask, Answer),
    /// The agent did not reply in time, or not with a readable reply.
    Unanswered(u32),
    /// The store has ended the row by a result, or has corrected its end.
    Stored(u32, EndState),
    /// Its turn came, but nothing was sent: the host's standing or the operator's roles forbid it.
    NotSent(u32, End),
    /// An operator removed the host.
    Removed(u32),
    /// An operator canceled the run; the sentence says who.
    Cancel(String),
}

/// What to send to a target's host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The run's request.
    Start,
    /// `async.status` of the task.
    Status,
    /// `async.cancel` of the task.
    Cancel,
}

/// A target's new state, for its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its position.
    pub target: u32,
    /// The state.
    pub state: TargetState,
    /// The code that the host told.
    pub code: Option<u16>,
    /// Why.
    pub why: Option<Box<str>>,
}

/// The run's new state, for its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunChange {
    /// Nothing more is sent, for this reason.
    Stopping(RunEnd, Box<str>),
    /// Every target has ended.
    Ended(RunEnd, Option<Box<str>>),
}

/// What is to be done. Write `changes` and `run` first, then send `asks`.
#[derive(Debug, Default)]
pub struct Output {
    /// Rows to write, in order.
    pub changes: Vec<Change>,
    /// The run's row, if it changes.
    pub run: Option<RunChange>,
    /// What to send then.
    pub asks: Vec<(u32, Ask)>,
}

/// One run on its way through its targets.
#[derive(Debug)]
pub struct Rollout {
    terms: Terms,
    targets: Vec<Target>,
    counts: Counts,
    stages: Stages,
    lanes: Lanes,
    /// Hosts that may be busy at once when the ramp is over.
    limit: u32,
    /// How far the ramp has grown.
    grown: u32,
    /// Failures of hosts that were asked.
    failures: u32,
    /// Failures that do not stop the run; `None` for any number.
    tolerated: Option<u32>,
    /// Why nothing more is sent.
    stop: Option<(RunEnd, Box<str>)>,
    /// Whether an output has said so.
    told_stop: bool,
    /// The steady time at which `not_after` was seen to be over.
    past: Option<u64>,
    /// Whether an output has said that the run is over.
    over: bool,
    /// When to ask again, for hosts that had no room or did not reply.
    retries: Timers,
    attempts: HashMap<u32, u32>,
    /// Since when busy hosts have been silent.
    silent: Timers,
    /// What agents said about lack of room.
    no_room: HashMap<u32, Box<str>>,
    /// The ends that a repeated request had, while its first delivery is in doubt.
    verdicts: HashMap<u32, End>,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    state: TargetState,
    lane: LaneId,
    online: bool,
    /// A reply is expected.
    outstanding: bool,
    /// A start was sent, and its reply never came.
    doubt: bool,
    /// It is in its lane.
    ready: bool,
}

impl Rollout {
    /// Makes the rollout of a run that is applied, or that a restart interrupted. `stop` is what the
    /// run's row says if the run is stopping already.
    pub fn new(
        terms: Terms,
        rows: impl IntoIterator<Item = TargetRow>,
        stop: Option<(RunEnd, Box<str>)>,
        budgets: &mut Budgets,
        now: Moment,
    ) -> Self {
        let mut lanes = Lanes::default();
        let mut no_room = HashMap::new();
        let mut targets = Vec::new();
        let mut counts = Counts::default();
        let mut silent = Timers::default();
        let mut tried = Vec::new();
        let mut furthest = None;
        for (position, row) in (0_u32..).zip(rows) {
            let lane = lanes.lane(row.budgets);
            counts.add(row.state, 1);
            if row.asked || row.state.is_busy() || row.state == TargetState::Queued {
                furthest = Some(position);
            }
            tried.push(row.state != TargetState::Ended(EndState::Refused) || row.code.is_some());
            if row.state.is_busy() {
                budgets.take(lanes.budgets(lane));
                silent.set(position, now.steady);
            }
            if let (TargetState::Queued, Some(why)) = (row.state, row.why) {
                no_room.insert(position, why);
            }
            targets.push(Target {
                state: row.state,
                lane,
                online: false,
                outstanding: false,
                doubt: row.state == TargetState::Sent,
                ready: false,
            });
        }
        let total = counts.total();
        let mut rollout = Self {
            stages: Stages::new(&terms.options, total),
            limit: terms.options.limit(total),
            tolerated: terms.options.stop_after.of(total),
            terms,
            targets,
            counts,
            lanes,
            grown: 0,
            failures: 0,
            told_stop: stop.is_some(),
            stop,
            past: None,
            over: false,
            retries: Timers::default(),
            attempts: HashMap::new(),
            silent,
            no_room,
            verdicts: HashMap::new(),
        };
        rollout.recall(&tried, furthest);
        rollout
    }

    /// Counts what the rows tell of the time before; `furthest` is the last target whose turn came.
    fn recall(&mut self, tried: &[bool], furthest: Option<u32>) {
        for (position, tried) in (0_u32..).zip(tried) {
            if let Some(end) = self.state(position).end() {
                self.count_end(position, end, *tried);
            }
        }
        let begun = furthest.map_or(1, |furthest| self.stages.of(furthest) + 1);
        for _ in 0..begun.min(self.stages.len()) {
            self.open_stage();
        }
    }

    /// Returns how many targets are in each state.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns where a target stands.
    pub fn state(&self, target: u32) -> TargetState {
        self.targets[target as usize].state
    }

    /// Returns why nothing more is sent, if nothing is.
    pub fn stopping(&self) -> Option<(RunEnd, &str)> {
        self.stop.as_ref().map(|(end, why)| (*end, &**why))
    }

    /// Returns how a target ends whose start is not to be sent anymore, if that is so: the run is
    /// stopping, or `not_after` is over.
    pub fn too_late(&self, now: Moment) -> Option<End> {
        match &self.stop {
            Some((_, why)) => Some(End::because(EndState::CanceledBeforeStart, why)),
            None if self.past.is_some() || now.wall >= self.terms.not_after => {
                Some(End::because(EndState::Expired, "its turn came too late for not_after"))
            }
            None => None,
        }
    }

    /// Returns how many stages have begun.
    pub const fn stages_begun(&self) -> usize {
        self.stages.begun()
    }

    /// Returns whether every target has ended.
    pub fn is_over(&self) -> bool {
        self.counts.is_over()
    }

    /// Returns whether targets wait for a budget: the run takes a step whenever another run may have
    /// given back a place.
    pub fn waits_for_budgets(&self) -> bool {
        self.lanes.wait_for_budgets()
    }

    /// Returns the time until [`Rollout::step`] has something to do without an event.
    pub fn wait(&self, now: Moment) -> Option<Duration> {
        if self.over {
            return None;
        }
        let to_end = self.past.is_none().then(|| {
            u64::try_from(self.terms.not_after.saturating_sub(now.wall)).unwrap_or_default()
        });
        let goes_on = self.stop.is_none() && self.past.is_none();
        let soaked = self.stages.soaked_at().filter(|_| goes_on);
        let steady = [self.retries.first(), self.lost_at(), soaked];
        let timers = steady.into_iter().flatten().map(|at| at.saturating_sub(now.steady));
        to_end.into_iter().chain(timers).min().map(Duration::from_millis)
    }
}
