//! The loop that starts what is due.

use super::definition::REBOOT;
use super::plan::{Fate, Jobs, LARGEST_STEP, Times, is_ahead};
use super::planning::BATCH;
use super::reconcile;
use super::scheduler::{Scheduler, now, seconds, told};
use super::timer::{Moment, Timer};
use crate::shutdown::boxed;
use crate::task::{JobRun, Skipped, Submission, wait_until};
use agent_wire::message::Overlap;
use parking_lot::MutexGuard;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

/// Runs of one job that wait for each other (`overlap: queue`); one more is skipped.
const MAX_QUEUED: usize = 8;

/// Runs that are being handed over to the tasks at once.
const MAX_STARTING: usize = 256;

/// Looks jobs up for the plan.
struct Stored<'a>(&'a Scheduler);

impl Jobs for Stored<'_> {
    fn times(&self, job: &str) -> Option<Times> {
        self.0.read_job(job)?.times.clone()
    }
}

/// A run on its way to the store, where nobody sees it yet.
struct Starting {
    scheduler: Arc<Scheduler>,
    job: Arc<str>,
    at: i64,
}

impl Starting {
    /// `None`: it is already on its way, and the job was planned anew meanwhile.
    fn new(scheduler: &Arc<Scheduler>, job: Arc<str>, at: i64) -> Option<Self> {
        let mut starting = scheduler.starting();
        let instants = starting.entry(job.clone()).or_default();
        if instants.contains(&at) {
            return None;
        }
        instants.push(at);
        drop(starting);
        Some(Self { scheduler: scheduler.clone(), job, at })
    }
}

impl Drop for Starting {
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
    pub(super) async fn serve(
        self: Arc<Self>,
        timer: Timer,
        mut last: Moment,
        mut over: watch::Receiver<bool>,
    ) {
        let mut starting = JoinSet::new();
        // Before its first reading, so that no change is missed.
        let dir = self.dir.borrow().clone();
        let watch = reconcile::watched(&dir);
        self.load(&dir, true).await;
        let now = last.now;
        if self.tasks.any_job(|at, last| is_ahead(now, seconds(at), last)) {
            log::warn!("the clock was set back while the agent was down: all jobs are planned anew from now");
            self.begin_anew(now).await;
        } else {
            self.plan_all(|base| base).await;
        }
        self.after_boot(&mut starting).await;
        // Owned by `over`, as this is.
        tokio::spawn(boxed(self.clone().keep_crontabs(watch, self.dir.subscribe(), over.clone())));
        loop {
            let moment = match Moment::now() {
                Ok(moment) => moment,
                Err(error) => return log::error!("schedules: {error}; no job is started any more"),
            };
            let step = moment.set_since(last);
            last = moment;
            if step.abs() > LARGEST_STEP {
                log::warn!("the clock was set by {step} s: all jobs are planned anew from now");
                self.begin_anew(moment.now).await;
            }
            self.start_due(moment.soon, &mut starting).await;
            let wake_at = self.plan().wake_at();
            match timer.set(wake_at) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => return log::error!("schedules: {error}; no job is started any more"),
            }
            let woken = async {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = timer.expired() => {}
                }
            };
            let mut woken = pin!(woken);
            let ended = loop {
                tokio::select! {
                    _ = over.wait_for(|over| *over) => break true,
                    () = &mut woken => break false,
                    // A run that was handed over changes nothing here.
                    Some(_) = starting.join_next() => {}
                }
            };
            if ended {
                break;
            }
        }
        while starting.join_next().await.is_some() {}
    }

    async fn start_due(self: &Arc<Self>, now: i64, starting: &mut JoinSet<()>) {
        for count in 1_usize.. {
            let next = self.plan().next_due(now, &Stored(self));
            let Some((name, fate)) = next else { return };
            while starting.len() >= MAX_STARTING {
                starting.join_next().await;
            }
            match fate {
                Fate::Due(at) => {
                    if let Some(run) = Starting::new(self, name, at) {
                        starting
                            .spawn(boxed(async move { run.scheduler.start_run(&run.job, at, now).await }));
                    }
                }
                Fate::Missed(at) => {
                    log::info!("job {name}: what was due until {} was missed and is left out", told(at));
                }
            }
            if count.is_multiple_of(BATCH) {
                yield_now().await;
            }
        }
    }

    /// One run, of the instant `at`, that is to start when it is `when`: in a moment, or now.
    async fn start_run(&self, name: &str, at: i64, when: i64) {
        let Some(job) = self.read_job(name) else { return };
        let when = u64::try_from(when).unwrap_or(0).saturating_mul(1000);
        let open = || {
            // But this one.
            let starting = self.starting().get(name).map_or(0, |instants| instants.len() - 1);
            self.tasks.open_runs(name) + starting
        };
        let most = match job.overlap {
            Overlap::Skip => 1,
            Overlap::Queue => 1 + MAX_QUEUED,
            Overlap::Allow => usize::MAX,
        };
        if open() >= most {
            // It may be over in time.
            wait_until(when).await;
        }
        let open = open();
        if open >= most {
            let why = match job.overlap {
                Overlap::Queue => format!("{open} runs of it run or wait"),
                Overlap::Skip | Overlap::Allow => "the run before it is not over".to_owned(),
            };
            return self.skip(name, at, why).await;
        }
        let queue = job.overlap == Overlap::Queue;
        let due = JobRun { job: name.to_owned(), at: Some(at), queue, boot: None, orphan: false, ahead: false };
        self.hand_over(name, at, &self.id_of_run(name, at), job.command.for_run(due, when)).await;
    }

    /// The id of the run of an instant. Another one where the clock was set back so far that this instant comes again:
    /// then the job counts as not started for it, and yet its run of then is known.
    fn id_of_run(&self, name: &str, at: i64) -> String {
        let id = format!("cron:{name}:{}", told(at));
        let is_started = self.tasks.job(name, |job| job.last >= Some(at)).unwrap_or(true);
        if is_started || !self.tasks.is_known(&id) {
            return id;
        }
        let again = |pass: u32| format!("{id}:{pass}");
        (2..).map(again).find(|id| !self.tasks.is_known(id)).unwrap_or(id.clone())
    }

    async fn hand_over(&self, name: &str, at: i64, id: &str, run: Submission) {
        if let Err(error) = self.tasks.submit(id, run).await {
            log::error!("job {name}: its run of {} is not started: {error}", told(at));
            self.skip(name, at, error.to_string()).await;
        }
    }

    async fn skip(&self, name: &str, at: i64, why: String) {
        log::info!("job {name}: its run of {} is skipped: {why}", told(at));
        let skipped = Skipped { job: name.to_owned(), at, why };
        if let Err(error) = self.tasks.skip(skipped).await {
            log::error!("job {name}: that its run was skipped can't be kept: {error}");
        }
    }

    /// Jobs that run once after each start of the host.
    async fn after_boot(self: &Arc<Self>, starting: &mut JoinSet<()>) {
        for name in self.names().await {
            let Some(definition) = self.definition(&name) else { continue };
            let ran = self.tasks.job(&name, |job| job.boot.as_deref() == Some(self.boot.as_str()));
            if ran != Some(false) || !definition.options.enabled || definition.schedule != REBOOT {
                continue;
            }
            let scheduler = self.clone();
            starting.spawn(boxed(async move {
                let (at, boot) = (now(), Some(scheduler.boot.clone()));
                let due = JobRun {
                    job: name.to_string(),
                    at: Some(at),
                    queue: false,
                    boot,
                    orphan: false,
                    ahead: false,
                };
                let id = format!("cron:{name}:{}", told(at));
                if let Some(job) = scheduler.read_job(&name) {
                    scheduler.hand_over(&name, at, &id, job.command.for_run(due, 0)).await;
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
