//! The controller's driver, around the real engine: what a kill of the controller loses.

use crate::bug::Bug;
use crate::shadow::Shadow;
use crate::site::{LOST_AFTER, Site};
use crate::store::RunRow;
use fleet::run::{
    Budgets, Event, Moment, Output, Rollout, RunState, Share, TargetRow, TargetState, Terms,
    Tolerance,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(crate) struct Driver {
    pub(crate) rollouts: Vec<Option<(Rollout, Shadow)>>,
    budgets: Budgets,
    /// The limits of the budgets, as the controller was told.
    limits: Vec<Option<u32>>,
    /// The channel of each host, as far as the controller knows.
    pub(crate) channels: BTreeMap<usize, u64>,
    /// What is decided and not written yet, by run.
    pub(crate) batches: VecDeque<(usize, Output)>,
    /// Replies that are waited for: by run and target, the number of the ask.
    pub(crate) pending: BTreeMap<(usize, u32), u64>,
}

impl Driver {
    /// Starts the controller with what the store has.
    pub(crate) fn start(
        site: &Site,
        rows: &[RunRow],
        limits: &[Option<u32>],
        labels: &[usize],
        now: Moment,
    ) -> Self {
        let mut budgets = Budgets::default();
        for (budget, limit) in site.budgets.iter().zip(limits) {
            let limit = limit.filter(|_| site.bug != Some(Bug::BudgetIgnored));
            budgets.limit(&budget.name, limit);
        }
        let mut driver = Self {
            rollouts: (0..rows.len()).map(|_| None).collect(),
            budgets,
            limits: limits.to_vec(),
            channels: BTreeMap::new(),
            batches: VecDeque::new(),
            pending: BTreeMap::new(),
        };
        for (run, row) in rows.iter().enumerate() {
            if matches!(row.state, RunState::Running | RunState::Stopping) {
                driver.begin(site, run, row, labels, now);
            }
        }
        driver
    }

    /// Takes the limits that operators have set.
    pub(crate) fn read_limits(&mut self, site: &Site, limits: &[Option<u32>], now: Moment) {
        self.limits = limits.to_vec();
        if !matches!(site.bug, Some(Bug::BudgetIgnored | Bug::BudgetChangeMissed)) {
            for (budget, limit) in site.budgets.iter().zip(limits) {
                self.budgets.limit(&budget.name, *limit);
            }
        }
        self.step(site, now);
    }

    /// Begins to drive a run.
    pub(crate) fn begin(
        &mut self,
        site: &Site,
        run: usize,
        row: &RunRow,
        labels: &[usize],
        now: Moment,
    ) {
        let plan = &site.runs[run];
        let mut options = plan.options.clone();
        let mut not_after = plan.not_after;
        match site.bug {
            Some(Bug::ConcurrencyOffByOne) => {
                let limit = options.concurrency.of(plan.total()).max(1);
                options.concurrency = Share::Number(limit + 1);
            }
            Some(Bug::StopAfterIgnored) => options.stop_after = Tolerance::Any,
            Some(Bug::NotAfterUnchecked) => not_after += 86_400_000,
            _ => {}
        }
        let new_labels = site.bug == Some(Bug::BudgetsOfNewLabels);
        let rows = row.targets.iter().zip(&plan.budgets).zip(&plan.targets);
        let rows = rows.map(|((row, budgets), host)| {
            let now = new_labels.then(|| site.budgets_of(labels[*host]));
            let budgets = now.as_ref().unwrap_or(budgets);
            let forgets = site.bug == Some(Bug::SentForgottenAtRestart);
            let state = match row.state {
                TargetState::Sent if forgets => TargetState::Waiting,
                state => state,
            };
            let names = budgets.iter().map(|budget| &site.budgets[*budget].name);
            TargetRow {
                state,
                asked: row.asked,
                code: row.code,
                budgets: names.map(|name| self.budgets.id(name)).collect(),
                why: row.why.clone(),
            }
        });
        let rows: Vec<_> = rows.collect();
        let terms = Terms {
            options,
            not_after,
            lost_after: Duration::from_millis(LOST_AFTER),
            is_task: plan.request.is_task(),
        };
        let stop = row.stop.clone().filter(|_| site.bug != Some(Bug::StopForgottenAtRestart));
        let rollout = Rollout::new(terms, rows, stop, &mut self.budgets, now);
        let shadow = Shadow::new(plan, row, rollout.stages_begun());
        self.rollouts[run] = Some((rollout, shadow));
        let mut out = Output::default();
        for host in self.channels.keys().copied().collect::<Vec<_>>() {
            if let Some(target) = plan.of_host[host] {
                self.pass(run, Event::Online(target), now, &mut out);
            }
        }
        self.decide(site, run, out, now);
    }

    /// Tells a run of an event, and takes its decisions.
    pub(crate) fn tell(&mut self, site: &Site, run: usize, event: Event, now: Moment) {
        let mut out = Output::default();
        match (&event, site.bug) {
            (Event::Cancel(_), Some(Bug::CancelForgetsQueue)) => {
                if let Some((_, shadow)) = &mut self.rollouts[run] {
                    shadow.told(&event);
                }
            }
            _ => self.pass(run, event, now, &mut out),
        }
        self.decide(site, run, out, now);
    }

    fn pass(&mut self, run: usize, event: Event, now: Moment, out: &mut Output) {
        if let Some((rollout, shadow)) = &mut self.rollouts[run] {
            shadow.told(&event);
            rollout.handle(event, &mut self.budgets, now, out);
        }
    }

    /// Lets every run take a step.
    pub(crate) fn step(&mut self, site: &Site, now: Moment) {
        for run in 0..self.rollouts.len() {
            self.decide(site, run, Output::default(), now);
        }
    }

    fn decide(&mut self, site: &Site, run: usize, mut out: Output, now: Moment) {
        let Some((rollout, shadow)) = &mut self.rollouts[run] else { return };
        rollout.step(&mut self.budgets, now, &mut out);
        let starts = shadow.decided(&site.runs[run], &out, rollout.stages_begun(), now);
        self.check_budgets(site, run, &starts);
        let Some((rollout, _)) = &self.rollouts[run] else { return };
        if !out.changes.is_empty() || !out.asks.is_empty() || out.run.is_some() {
            self.batches.push_back((run, out));
        }
        if rollout.is_over() {
            self.rollouts[run] = None;
        }
    }

    /// Whatever was busy before a limit was lowered ends its work; a host becomes busy only where
    /// there is room by the limit as it is now.
    fn check_budgets(&self, site: &Site, run: usize, starts: &[usize]) {
        for (place, limit) in self.limits.iter().enumerate() {
            let Some(limit) = limit else { continue };
            if !starts.iter().any(|target| site.runs[run].budgets[*target].contains(&place)) {
                continue;
            }
            let shadows = self.rollouts.iter().zip(&site.runs);
            let busy: usize = shadows
                .filter_map(|(rollout, plan)| Some(rollout.as_ref()?.1.busy_in(plan, place)))
                .sum();
            let name = &site.budgets[place].name;
            assert!(busy <= *limit as usize, "{busy} hosts are busy in {name} of {limit}");
        }
    }

    /// Returns how long nothing has to be done without an event.
    pub(crate) fn wait(&self, now: Moment) -> Option<Duration> {
        self.rollouts.iter().flatten().filter_map(|(rollout, _)| rollout.wait(now)).min()
    }

    /// Returns whether a run waits for a place in a budget that another may have given back.
    pub(crate) fn waits_for_budgets(&self) -> bool {
        self.rollouts.iter().flatten().any(|(rollout, _)| rollout.waits_for_budgets())
    }
}
