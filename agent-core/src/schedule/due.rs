//! The loop that starts due runs.

use super::plan::{Fate, Jobs, Times};
use super::planning::BATCH;
use super::reconcile;
use super::runs::StartingRun;
use super::scheduler::Scheduler;
use super::step::{ClockWatch, Step};
use super::timer::{Moment, Timer};
use crate::clock::Seconds;
use crate::shutdown::boxed;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

/// Runs that are being submitted at once.
pub(super) const MAX_STARTING: usize = 256;

/// Looks up jobs for the plan.
struct JobLookup<'a>(&'a Scheduler);

impl Jobs for JobLookup<'_> {
    fn times(&self, job: &str) -> Option<Times> {
        self.0.parsed_job(job)?.times.clone()
    }
}

impl Scheduler {
    pub(super) async fn serve(
        self: Arc<Self>,
        timer: Timer,
        first: Moment,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut starting = JoinSet::new();
        // The watches come before the first reading, so that they miss no change.
        let sources = self.watch_sources();
        let dir = self.dir.borrow().clone();
        let watch = reconcile::watched(&dir);
        self.load(&dir, true).await;
        self.plan_at_start(first.now()).await;
        self.start_after_boot(&mut starting).await;
        // Owned by `shutdown`, as this loop is.
        tokio::spawn(boxed(self.clone().keep_sources(sources, shutdown.clone())));
        let crontabs = self.clone().keep_crontabs(watch, self.dir.subscribe(), shutdown.clone());
        tokio::spawn(boxed(crontabs));
        let mut clock = ClockWatch::new(first);
        loop {
            let moment = match Moment::read() {
                Ok(moment) => moment,
                Err(error) => return log::error!("cannot start jobs any more: {error}"),
            };
            let (step, by) = clock.look(moment);
            let skipped = match step {
                Step::None => None,
                Step::Forward { from } => {
                    log::warn!("the clock was set forward by {by} s");
                    Some(from)
                }
                Step::Back => {
                    log::warn!("the clock was set back by {} s", -by);
                    self.step_back(moment.now()).await;
                    None
                }
                Step::Correction => {
                    log::warn!("the clock was set by {by} s: planning all jobs from now");
                    self.set_clock(moment.now()).await;
                    None
                }
            };
            self.start_due(moment.soon(), skipped, &mut starting).await;
            let wake_at = self.plan().wake_at();
            match timer.set(wake_at) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => return log::error!("cannot start jobs any more: {error}"),
            }
            let woken = async {
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = timer.expired() => {}
                }
            };
            let mut woken = pin!(woken);
            let is_shutdown = loop {
                tokio::select! {
                    _ = shutdown.wait_for(|shutdown| *shutdown) => break true,
                    () = &mut woken => break false,
                    // A run that was submitted changes nothing here.
                    Some(_) = starting.join_next() => {}
                }
            };
            if is_shutdown {
                break;
            }
        }
        while starting.join_next().await.is_some() {}
    }

    async fn start_due(
        self: &Arc<Self>,
        now: i64,
        skipped: Option<i64>,
        starting: &mut JoinSet<()>,
    ) {
        for count in 1_usize.. {
            let next = self.plan().next_due(now, skipped, &JobLookup(self));
            let Some((name, fate)) = next else { return };
            while starting.len() >= MAX_STARTING {
                starting.join_next().await;
            }
            match fate {
                Fate::Due(at) => {
                    if let Some(run) = StartingRun::new(self, name, at) {
                        starting.spawn(boxed(run.start(now)));
                    }
                }
                Fate::Missed(at) => {
                    log::info!(
                        "job {name}: skipped the missed runs that were due until {}",
                        Seconds(at)
                    );
                }
            }
            if count.is_multiple_of(BATCH) {
                yield_now().await;
            }
        }
    }
}
