//! The one owner of all active runs.
//!
//! `wake` waits for something to do, `hosts` follows hosts that come and go, and `rows` reads the
//! database.

mod hosts;
mod rows;
mod wake;

use self::wake::Woken;
use super::MAX_ACTIVE_RUNS;
use super::active::Active;
use super::committer::{Batch, Committer, MAX_BATCHES, now};
use super::dispatch::Doors;
use super::gauges::RunGauges;
use super::handle::{Handle, Happened, Told};
use crate::agents::{Notice, Registry};
use crate::auth::Authenticator;
use crate::stop::{self, Stop};
use crate::store::{RunChange, StandingChange, Store};
use fleet::run::{Budgets, Counts, Event, Moment, Output};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

/// What the driver uses.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The rows.
    pub(crate) store: Arc<dyn Store>,
    /// The operators' roles.
    pub(crate) authenticator: Arc<Authenticator>,
}

/// The driver.
#[derive(Debug)]
pub(crate) struct Driver {
    doors: Doors,
    handle: Handle,
    inbox: mpsc::UnboundedReceiver<Told>,
    sender: mpsc::UnboundedSender<Told>,
    notices: broadcast::Receiver<Notice>,
    changes: broadcast::Receiver<Arc<[RunChange]>>,
    standings: broadcast::Receiver<Arc<[StandingChange]>>,
    budget_changes: watch::Receiver<()>,
    runs: BTreeMap<i64, Active>,
    /// The active runs that each host is in, in the order of their beginning.
    hosts: HashMap<Arc<str>, Vec<(i64, u32)>>,
    budgets: Budgets,
    /// Names with a limit.
    limits: BTreeSet<String>,
    /// Runs that have to decide something.
    touched: BTreeSet<i64>,
    /// Whether an active run has no room until another one ends.
    is_full: bool,
    batch: Batch,
    /// The task that writes and sends, while this node leads.
    committing: Option<JoinHandle<()>>,
    began: Instant,
}

impl Driver {
    /// Makes the driver, and the handle that the API holds. What comes from now on is not missed.
    pub(crate) fn new(parts: Parts) -> (Self, Handle) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let handle = Handle { gauges: Arc::new(RunGauges::default()) };
        let Parts { registry, store, authenticator } = parts;
        let driver = Self {
            notices: registry.notices(),
            changes: store.run_changes(),
            standings: store.standings(),
            budget_changes: store.budget_changes(),
            doors: Doors { registry, store, authenticator },
            handle: handle.clone(),
            inbox,
            sender,
            runs: BTreeMap::new(),
            hosts: HashMap::new(),
            budgets: Budgets::default(),
            limits: BTreeSet::new(),
            touched: BTreeSet::new(),
            is_full: false,
            batch: Batch::default(),
            committing: None,
            began: Instant::now(),
        };
        (driver, handle)
    }

    /// Drives the runs while this node leads, until the controller stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let mut leads = self.doors.store.leads();
        loop {
            tokio::select! {
                led = leads.wait_for(|leads| *leads) => if led.is_err() { return },
                () = stop.requested() => return,
            }
            // Ends when either does.
            let (stopper, ends) = stop::pair();
            let is_over = tokio::select! {
                () = self.lead(&ends) => true,
                led = leads.wait_for(|leads| !*leads) => led.is_err(),
                () = stop.requested() => true,
            };
            stopper.stop();
            self.let_go().await;
            if is_over {
                self.doors.store.decline_lead();
            }
            // Nobody waits for the lease of a node that stops, or is drained, to end.
            if let Err(error) = self.doors.store.give_up_lead().await {
                log::debug!("another node has to find out that this one leads no longer: {error}");
            }
            if is_over {
                return;
            }
        }
    }

    /// Goes on with the runs that are active, then serves until another node leads.
    async fn lead(&mut self, ends: &Stop) {
        let (batches, receiver) = mpsc::channel(MAX_BATCHES);
        let committer =
            Committer { doors: self.doors.clone(), batches: receiver, inbox: self.sender.clone() };
        self.committing = Some(tokio::spawn(committer.run(ends.clone())));
        self.begin().await;
        loop {
            self.decide();
            if !self.batch.is_empty() {
                let batch = std::mem::take(&mut self.batch);
                if batches.send(batch).await.is_err() {
                    return;
                }
            }
            match self.wake().await {
                Woken::Stop => return,
                woken => self.take(woken).await,
            }
            self.take_more().await;
            if self.is_full && self.runs.len() < MAX_ACTIVE_RUNS {
                self.is_full = false;
                self.load_active().await;
            }
        }
    }

    /// Forgets the runs, which another node drives now, or the next start.
    async fn let_go(&mut self) {
        if let Some(committing) = self.committing.take()
            && let Err(error) = committing.await
        {
            log::error!("the task that writes how runs go failed: {error}");
        }
        // What is still on its way is told to nobody.
        let (sender, inbox) = mpsc::unbounded_channel();
        (self.sender, self.inbox) = (sender, inbox);
        self.runs.clear();
        self.hosts.clear();
        self.budgets = Budgets::default();
        self.limits.clear();
        self.touched.clear();
        self.is_full = false;
        self.batch = Batch::default();
        self.measure();
    }

    fn moment(&self) -> Moment {
        let steady = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { wall: now(), steady }
    }

    fn happened(&mut self, Told { run, target, happened }: Told) {
        match happened {
            Happened::Answered(ask, answer, reply) => {
                self.handle(
                    run,
                    Event::Answered(target, ask, answer),
                    reply.map(|it| (target, it)),
                );
            }
            Happened::Unanswered => self.handle(run, Event::Unanswered(target), None),
            Happened::NotSent(end) => self.handle(run, Event::NotSent(target, end), None),
            Happened::Offline => {
                // It may be back by now, and the notice of that was taken before.
                let host = self.runs.get(&run).and_then(|run| run.hosts.get(target as usize));
                let is_there = host.is_some_and(|host| self.doors.registry.is_connected(host));
                let event =
                    if is_there { Event::Unanswered(target) } else { Event::Offline(target) };
                self.handle(run, event, None);
            }
            Happened::Removed => self.handle(run, Event::Removed(target), None),
        }
    }

    /// Tells a rollout what happened; `reply` is the text by which the target may end.
    fn handle(&mut self, number: i64, event: Event, reply: Option<(u32, String)>) {
        let now = self.moment();
        let Some(run) = self.runs.get_mut(&number) else { return };
        let mut output = Output::default();
        run.rollout.handle(event, &mut self.budgets, now, &mut output);
        run.note_stop();
        self.batch.add(run, output, &mut reply.into_iter().collect());
        self.touched.insert(number);
    }

    /// Lets the rollouts decide.
    fn decide(&mut self) {
        let now = self.moment();
        let mut touched = std::mem::take(&mut self.touched);
        if touched.is_empty() {
            return;
        }
        // A place in a budget may have become free.
        let wait = self.runs.iter().filter(|(_, run)| run.rollout.waits_for_budgets());
        touched.extend(wait.map(|(number, _)| *number));
        for number in touched {
            let Some(run) = self.runs.get_mut(&number) else { continue };
            let mut output = Output::default();
            run.rollout.step(&mut self.budgets, now, &mut output);
            run.note_stop();
            self.batch.add(run, output, &mut HashMap::new());
            if run.rollout.is_over() {
                self.forget(number);
            }
        }
        self.measure();
    }

    fn measure(&self) {
        let mut all = Counts::default();
        for run in self.runs.values() {
            for (state, targets) in run.rollout.counts().iter() {
                all.add(state, targets);
            }
        }
        self.handle.gauges.set(self.runs.len(), all);
        let used = self.budgets.used().filter(|(_, used, _)| *used > 0);
        self.handle.gauges.set_budgets(used.map(|(name, used, _)| (name, used)));
    }

    fn forget(&mut self, number: i64) {
        let Some(run) = self.runs.remove(&number) else { return };
        for host in &run.hosts {
            if let Some(places) = self.hosts.get_mut(host) {
                places.retain(|(of, _)| *of != number);
                if places.is_empty() {
                    self.hosts.remove(host);
                }
            }
        }
    }
}
