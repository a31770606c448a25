//! The stages of a run: how far it may go.

use crate::run::options::Options;
use crate::run::share::Tolerance;

#[derive(Debug)]
pub(super) struct Stages {
    stages: Vec<Stage>,
    begun: usize,
    /// Targets of begun stages that hold the next one up.
    pub(super) unsettled: u32,
    /// Milliseconds between stages.
    soak: u64,
    /// The steady time at which the present stage was seen to be done.
    done_at: Option<u64>,
}

#[derive(Debug, Default)]
struct Stage {
    begin: u32,
    end: u32,
    ended: u32,
    /// Targets that were asked and have ended.
    tried: u32,
    failures: u32,
    /// Failures that let the next stage begin; `None` for any number.
    tolerated: Option<u32>,
}

/// What comes after the present stage.
pub(super) enum Next {
    /// The present one is not done, or its soak is not over, or there is none.
    Wait,
    /// The next one may begin.
    Begin,
    /// Too many hosts of the present one failed.
    Stop(Box<str>),
}

impl Stages {
    pub(super) fn new(options: &Options, total: u32) -> Self {
        let mut begin = 0;
        let mut stages = Vec::new();
        for end in options.stage_ends(total) {
            let tolerated = options.max_failed.unwrap_or(Tolerance::Any).of(end - begin);
            stages.push(Stage { begin, end, tolerated, ..Stage::default() });
            begin = end;
        }
        let soak = u64::from(options.soak) * 1000;
        Self { stages, begun: 0, unsettled: 0, soak, done_at: None }
    }

    pub(super) const fn len(&self) -> usize {
        self.stages.len()
    }

    pub(super) const fn begun(&self) -> usize {
        self.begun
    }

    /// Returns the stage of a target, from 0.
    pub(super) fn of(&self, target: u32) -> usize {
        self.stages.partition_point(|stage| stage.end <= target)
    }

    /// Returns whether a target's stage has begun.
    pub(super) fn has_begun(&self, target: u32) -> bool {
        self.begun.checked_sub(1).is_some_and(|last| target < self.stages[last].end)
    }

    /// Begins the next stage and returns its targets.
    pub(super) fn begin(&mut self) -> std::ops::Range<u32> {
        let stage = &self.stages[self.begun];
        self.begun += 1;
        self.done_at = None;
        stage.begin..stage.end
    }

    /// Counts a target that has ended.
    pub(super) fn count(&mut self, target: u32, tried: bool, failed: bool) {
        let place = self.of(target);
        let stage = &mut self.stages[place];
        stage.ended += 1;
        stage.tried += u32::from(tried);
        stage.failures += u32::from(failed);
    }

    /// Decides whether the next stage begins. A stage is done when each of its targets has ended or
    /// waits for a host that is away, and at least one host has tried it, if any can.
    pub(super) fn next(&mut self, now: u64) -> Next {
        let Some(place) = self.begun.checked_sub(1) else { return Next::Wait };
        let stage = &self.stages[place];
        let tried = stage.tried > 0 || stage.ended == stage.end - stage.begin;
        if self.begun == self.stages.len() || self.unsettled > 0 || !tried {
            return Next::Wait;
        }
        if stage.tolerated.is_some_and(|tolerated| stage.failures > tolerated) {
            let hosts = if stage.failures == 1 { "host" } else { "hosts" };
            let why = format!("{} {hosts} of stage {} failed", stage.failures, self.begun);
            return Next::Stop(why.into());
        }
        let done_at = *self.done_at.get_or_insert(now);
        if now < done_at.saturating_add(self.soak) { Next::Wait } else { Next::Begin }
    }

    /// Returns when the soak is over, if there is one.
    pub(super) fn soaked_at(&self) -> Option<u64> {
        let waits = self.begun < self.stages.len() && self.unsettled == 0;
        self.done_at.filter(|_| waits).map(|at| at.saturating_add(self.soak))
    }
}
