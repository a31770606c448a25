//! The rows that the driver reads: active runs, their targets and the budgets.

use super::Driver;
use crate::runs::{MAX_ACTIVE_RUNS, load};
use crate::store::{RunRow, StoreError};
use fleet::run::{Event, RunEnd, RunState, TargetState};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The wait before a database that cannot be read is read again.
const RETRY: Duration = Duration::from_secs(5);

impl Driver {
    /// Reads the budgets and the active runs.
    pub(super) async fn begin(&mut self) {
        self.read_budgets().await;
        self.load_active().await;
        if !self.runs.is_empty() {
            log::info!("going on with {} runs", self.runs.len());
        }
    }

    /// Looks at a run's row: it was applied, or is to be canceled.
    pub(super) async fn run_changed(&mut self, id: &str) {
        let store = Arc::clone(&self.doors.store);
        let Some(row) = insist("a run", || store.run(id)).await else { return };
        if self.runs.contains_key(&row.number) {
            self.cancel_if_asked(&row);
        } else {
            self.load(row).await;
        }
    }

    fn cancel_if_asked(&mut self, row: &RunRow) {
        if row.state == RunState::Stopping && row.end == Some(RunEnd::Canceled) {
            self.handle(row.number, Event::Cancel(row.why.clone().unwrap_or_default()), None);
        }
    }

    /// Makes the rollout of a run that is active by its row.
    async fn load(&mut self, row: RunRow) {
        if !matches!(row.state, RunState::Running | RunState::Stopping) {
            return;
        }
        if self.runs.len() >= MAX_ACTIVE_RUNS {
            self.is_full = true;
            return;
        }
        let (number, id) = (row.number, row.id.clone());
        let loaded = match load::read(&*self.doors.store, row).await {
            Ok(loaded) => loaded,
            Err(error) => return log::error!("run {id} cannot go on: {error}"),
        };
        let now = self.moment();
        let hosts = &mut self.hosts;
        let run = loaded.start(&mut self.budgets, now, |host| match hosts.get_key_value(&*host) {
            Some((known, _)) => Arc::clone(known),
            None => {
                let host: Arc<str> = host.into();
                hosts.insert(Arc::clone(&host), Vec::new());
                host
            }
        });
        let mut online = Vec::new();
        for (position, host) in (0_u32..).zip(&run.hosts) {
            self.hosts.entry(Arc::clone(host)).or_default().push((number, position));
            if self.doors.registry.is_connected(host) {
                online.push(position);
            }
        }
        self.runs.insert(number, run);
        self.touched.insert(number);
        for position in online {
            self.handle(number, Event::Online(position), None);
        }
    }

    /// Tells a run that a row has ended.
    pub(super) fn stored(&mut self, run: i64, (target, state): (u32, TargetState)) {
        if let TargetState::Ended(end) = state {
            self.handle(run, Event::Stored(target, end), None);
        }
    }

    /// Looks at every host and row, after something was missed.
    pub(super) async fn look_at_all(&mut self) {
        let hosts: Vec<Arc<str>> = self.hosts.keys().cloned().collect();
        for host in hosts {
            self.presence(&host, self.doors.registry.is_connected(&host));
        }
        let store = Arc::clone(&self.doors.store);
        for number in self.runs.keys().copied().collect::<Vec<_>>() {
            let seeds = insist("a run's targets", || load::seeds(&*store, number)).await;
            for (position, seed) in (0_u32..).zip(seeds) {
                self.stored(number, (position, seed.state));
            }
        }
        self.load_active().await;
    }

    /// Loads the active runs that there is room for.
    pub(super) async fn load_active(&mut self) {
        let store = Arc::clone(&self.doors.store);
        let rows = insist("the active runs", || store.active_runs(MAX_ACTIVE_RUNS)).await;
        for row in rows {
            if self.runs.contains_key(&row.number) {
                self.cancel_if_asked(&row);
            } else {
                self.load(row).await;
            }
        }
    }

    pub(super) async fn read_budgets(&mut self) {
        let store = Arc::clone(&self.doors.store);
        let all = insist("the budgets", || store.budgets("", fleet::run::MAX_BUDGETS)).await;
        let mut gone = std::mem::take(&mut self.limits);
        for budget in all {
            self.budgets.limit(&budget.name, Some(budget.most));
            gone.remove(&budget.name);
            self.limits.insert(budget.name);
        }
        for name in gone {
            self.budgets.limit(&name, None);
        }
        self.touched.extend(self.runs.keys());
    }
}

/// Reads from the database until that works: without its rows no run can go on.
async fn insist<T, F>(what: &str, read: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match read().await {
            Ok(found) => return found,
            Err(error) => {
                log::error!("runs wait for {what}: {error}");
                sleep(RETRY).await;
            }
        }
    }
}
