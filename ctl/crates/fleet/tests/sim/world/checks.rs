//! What must hold, at each step and at the end.

use super::nodes::{BEAT, STALL};
use super::*;

impl World {
    pub(super) fn check_send(&self, run: usize, target: u32, ask: Ask) {
        let row = &self.rows[run].targets[target as usize];
        if row.state.end().is_none() {
            assert!(row.state.is_busy(), "{target} of run {run} is asked while {}", row.state);
        }
        if ask == Ask::Start {
            let plan = &self.site.runs[run];
            let label = self.labels[plan.targets[target as usize]];
            assert!(plan.reach[label], "run {run} sends to {target}, which roles do not select");
            assert!(!self.canceled[run], "run {run} is canceled, and sends to {target}");
            assert!(
                self.moment().wall < self.site.runs[run].not_after,
                "run {run} sends to {target} after not_after"
            );
        }
    }

    pub(super) fn check_accept(&self, host: usize, run: usize) {
        let plan = &self.site.runs[run];
        if !self.site.clocks_jump {
            // An agent that knows no not_after: the leader looks last, before a letter is written.
            let letter = if self.site.nodes > 1 { BEAT + STALL } else { 0 };
            let way = i64::try_from(WAY * 3 + letter).unwrap();
            let margin = if self.hosts[host].old { way } else { 0 };
            assert!(self.wall() < plan.not_after + margin, "run {run} starts too late on {host}");
        }
        if self.site.questions_refused {
            return;
        }
        // By what hosts do, not by what rows say. The outcome of a host that was given up is unknown.
        let busy = |run: usize, target: usize| {
            let host = self.site.runs[run].targets[target];
            let task = self.hosts[host].tasks.get(&run);
            let runs = task.is_some_and(|task| !matches!(task.state, Progress::Ended { .. }));
            let gone = [EndState::Interrupted, EndState::Removed].map(TargetState::Ended);
            runs && !gone.contains(&self.rows[run].targets[target].state)
        };
        let count = (0..plan.targets.len()).filter(|target| busy(run, *target)).count();
        assert!(count <= limit(plan), "{count} hosts are busy with run {run} of {}", limit(plan));
        for (budget, name, limit) in self.limited() {
            let count: usize = (0..self.rows.len())
                .map(|run| {
                    let budgets = self.site.runs[run].budgets.iter().enumerate();
                    budgets.filter(|(at, of)| of.contains(&budget) && busy(run, *at)).count()
                })
                .sum();
            assert!(count <= limit as usize, "{count} hosts are busy in {name} of {limit}");
        }
    }

    pub(super) fn check_rows(&self) {
        for (run, row) in self.rows.iter().enumerate() {
            let plan = &self.site.runs[run];
            assert_eq!(row.counts.total(), plan.total(), "run {run} does not add up");
            let busy = row.counts.busy() as usize;
            assert!(busy <= limit(plan), "{busy} rows of run {run} are busy");
        }
        for (budget, name, limit) in self.limited() {
            let count: usize = (0..self.rows.len())
                .map(|run| {
                    let budgets = &self.site.runs[run].budgets;
                    let rows = self.rows[run].targets.iter().zip(budgets);
                    rows.filter(|(row, of)| row.state.is_busy() && of.contains(&budget)).count()
                })
                .sum();
            assert!(count <= limit as usize, "{count} rows are busy in {name} of {limit}");
        }
    }

    /// Returns the budgets that always had a limit, and the highest one: what was busy before a limit
    /// was lowered stays busy. The driver's decisions are checked by the limits of their time.
    fn limited(&self) -> impl Iterator<Item = (usize, &str, u32)> {
        let budgets = self.site.budgets.iter().zip(&self.highest).enumerate();
        budgets.filter_map(|(place, (budget, limit))| Some((place, &*budget.name, (*limit)?)))
    }

    /// Checks at the end that each target has one end, and that it is true.
    pub(super) fn check_ends(&self, seen: &mut Seen) {
        for (run, row) in self.rows.iter().enumerate() {
            let plan = &self.site.runs[run];
            assert!(row.counts.is_over(), "run {run} ended with {}", row.counts);
            let mut recount = 0;
            for (target, at) in row.targets.iter().enumerate() {
                let Some(end) = at.state.end() else { panic!("target {target} has no end") };
                recount += 1;
                *seen.ends.entry(end.word()).or_default() += 1;
                let task = self.hosts[plan.targets[target]].tasks.get(&run);
                let started = task.is_some_and(|task| task.starts > 0);
                let host = plan.targets[target];
                let fits = match end {
                    EndState::Succeeded | EndState::TimedOut => started || !plan.request.is_task(),
                    EndState::Interrupted | EndState::Removed => true,
                    EndState::Failed | EndState::Canceled => started || !plan.request.is_task(),
                    EndState::Refused => !started || self.site.questions_refused,
                    EndState::Invalid | EndState::Expired | EndState::CanceledBeforeStart => {
                        !started
                    }
                };
                assert!(fits, "run {run} says {end} of {host}, which started: {started}");
            }
            assert_eq!(recount, row.counts.total(), "run {run} does not add up");
        }
    }
}
