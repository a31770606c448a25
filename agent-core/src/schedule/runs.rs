//! Submits the runs that are due as tasks, or records that they are skipped.

use super::definition::REBOOT;
use super::due::MAX_STARTING;
use super::scheduler::{Scheduler, now};
use crate::clock::Seconds;
use crate::shutdown::boxed;
use crate::task::{JobRun, Skipped, Submission, wait_until};
use agent_wire::message::Overlap;
use parking_lot::MutexGuard;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Runs of one job that wait for each other (`overlap: queue`); a further run is skipped.
const MAX_QUEUED: usize = 8;

/// A run on its way to the store, which does not have it yet.
pub(super) struct StartingRun {
    scheduler: Arc<Scheduler>,
    job: Arc<str>,
    at: i64,
}

impl StartingRun {
    /// Registers a run; `None` when it is on its way already and its job was planned again
    /// meanwhile.
    pub(super) fn new(scheduler: &Arc<Scheduler>, job: Arc<str>, at: i64) -> Option<Self> {
        let mut starting = scheduler.starting();
        let instants = starting.entry(job.clone()).or_default();
        if instants.contains(&at) {
            return None;
        }
        instants.push(at);
        drop(starting);
        Some(Self { scheduler: scheduler.clone(), job, at })
    }

    /// Starts the run at the second `when`, which has come or is about to.
    pub(super) async fn start(self, when: i64) {
        self.scheduler.start_run(&self.job, self.at, when).await;
    }
}

impl Drop for StartingRun {
    fn drop(&mut self) {
        let mut starting = self.scheduler.starting();
        if let Some(instants) = starting.get_mut(&self.job) {
            instants.retain(|at| *at != self.at);
            if instants.is_empty() {
                starting.remove(&self.job);
            }
        }
    }
}

impl Scheduler {
    /// Starts the run of the instant `at` at the second `when`, which has come or is about to.
    async fn start_run(&self, name: &str, at: i64, when: i64) {
        let Some(job) = self.parsed_job(name) else { return };
        if let Some(user) = &job.user
            && let Some(why) = self.unknown_user(user).await
        {
            return self.skip(name, at, why).await;
        }
        let when = u64::try_from(when).unwrap_or(0).saturating_mul(1000);
        let open = || {
            // Not counting this one.
            let starting = self.starting().get(name).map_or(0, |instants| instants.len() - 1);
            self.tasks.open_runs(name) + starting
        };
        let most = match job.overlap {
            Overlap::Skip => 1,
            Overlap::Queue => 1 + MAX_QUEUED,
            Overlap::Allow => usize::MAX,
        };
        if open() >= most {
            // An earlier run may end in time.
            wait_until(when).await;
        }
        let open = open();
        if open >= most {
            let why = match job.overlap {
                Overlap::Queue => format!("{open} of its runs are running or waiting"),
                Overlap::Skip | Overlap::Allow => "the previous run is still running".to_owned(),
            };
            return self.skip(name, at, why).await;
        }
        let queue = job.overlap == Overlap::Queue;
        let run = JobRun { job: name.to_owned(), at: Some(at), queue, ..JobRun::default() };
        self.submit(name, at, &self.run_id(name, at), job.command.for_run(run, when)).await;
    }

    /// Returns the id of the run of an instant. The id gets a suffix where the clock was set back
    /// so that the instant comes again, or another job of this name had a run with this id.
    fn run_id(&self, name: &str, at: i64) -> String {
        let id = format!("cron:{name}:{}", Seconds(at));
        if !self.tasks.is_taken(&id, name) {
            return id;
        }
        let again = |pass: u32| format!("{id}:{pass}");
        (2..).map(again).find(|id| !self.tasks.is_taken(id, name)).unwrap_or(id.clone())
    }

    async fn submit(&self, name: &str, at: i64, id: &str, run: Submission) {
        if let Err(error) = self.tasks.submit(id, run).await {
            log::error!("job {name}: cannot start its run of {}: {error}", Seconds(at));
            self.skip(name, at, error.to_string()).await;
        }
    }

    async fn skip(&self, name: &str, at: i64, why: String) {
        let is_repeat =
            self.tasks.job(name, |job| job.skipped.as_ref().is_some_and(|last| last.1 == why));
        let level = match is_repeat {
            Some(true) => log::Level::Debug,
            Some(false) | None => log::Level::Info,
        };
        log::log!(level, "job {name}: skipped its run of {}: {why}", Seconds(at));
        let skipped = Skipped { job: name.to_owned(), at, why };
        if let Err(error) = self.tasks.skip(skipped).await {
            log::error!("job {name}: cannot record the skipped run: {error}");
        }
    }

    /// Starts the jobs that run once after each start of the host.
    pub(super) async fn start_after_boot(self: &Arc<Self>, starting: &mut JoinSet<()>) {
        for name in self.names().await {
            let Some(definition) = self.definition(&name) else { continue };
            let ran = self.tasks.job(&name, |job| job.boot.as_deref() == Some(self.boot.as_str()));
            if ran != Some(false) || !definition.options.enabled || definition.schedule != REBOOT {
                continue;
            }
            let scheduler = self.clone();
            starting.spawn(boxed(async move {
                let at = now();
                let boot = Some(scheduler.boot.clone());
                let run = JobRun { job: name.to_string(), at: Some(at), boot, ..JobRun::default() };
                let id = format!("cron:{name}:{}", Seconds(at));
                if let Some(job) = scheduler.parsed_job(&name) {
                    scheduler.submit(&name, at, &id, job.command.for_run(run, 0)).await;
                }
            }));
            while starting.len() >= MAX_STARTING {
                starting.join_next().await;
            }
        }
    }

    fn starting(&self) -> MutexGuard<'_, HashMap<Arc<str>, Vec<i64>>> {
        self.starting.lock()
    }
}
