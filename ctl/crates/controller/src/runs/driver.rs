//! The one owner of all active runs.

use super::active::Active;
use super::committer::{Batch, Committer, MAX_BATCHES, now};
use super::dispatch::Doors;
use super::gauges::RunGauges;
use super::handle::{Handle, Happened, Told};
use super::{MAX_ACTIVE_RUNS, load};
use crate::agents::{Notice, Registry};
use crate::auth::Authenticator;
use crate::stop::Stop;
use crate::store::{RunChange, RunRow, StandingChange, Store, StoreError};
use fleet::HostState;
use fleet::run::{
    Budgets, Counts, End, EndState, Event, Moment, Output, RunEnd, RunState, TargetState,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// Events that are taken before the rollouts decide.
const MAX_EVENTS: usize = 4096;

/// The wait before a database that cannot be read is read again.
const RETRY: Duration = Duration::from_secs(5);

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
    began: Instant,
}

/// What woke the driver.
enum Woken {
    Told(Told),
    Notice(Notice),
    Changes(Arc<[RunChange]>),
    Standings(Arc<[StandingChange]>),
    Budgets,
    /// Some notices or changes were missed.
    Missed,
    Time,
    Stop,
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
            began: Instant::now(),
        };
        (driver, handle)
    }

    /// Goes on with the runs that are active, then serves until the controller stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let (batches, receiver) = mpsc::channel(MAX_BATCHES);
        let committer =
            Committer { doors: self.doors.clone(), batches: receiver, inbox: self.sender.clone() };
        let committing = tokio::spawn(committer.run(stop.clone()));
        tokio::select! {
            () = self.begin() => {}
            () = stop.requested() => return,
        }
        loop {
            self.decide();
            if !self.batch.is_empty() {
                let batch = std::mem::take(&mut self.batch);
                tokio::select! {
                    sent = batches.send(batch) => if sent.is_err() { break },
                    () = stop.requested() => break,
                }
            }
            match self.wake(&mut stop).await {
                Woken::Stop => break,
                woken => self.take(woken).await,
            }
            self.take_more().await;
            if self.is_full && self.runs.len() < MAX_ACTIVE_RUNS {
                self.is_full = false;
                self.load_active().await;
            }
        }
        if let Err(error) = committing.await {
            log::error!("the task that writes how runs go failed: {error}");
        }
    }

    fn moment(&self) -> Moment {
        let steady = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { wall: now(), steady }
    }

    /// Reads the budgets and the active runs.
    async fn begin(&mut self) {
        self.read_budgets().await;
        self.load_active().await;
        if !self.runs.is_empty() {
            log::info!("going on with {} runs", self.runs.len());
        }
    }

    /// Waits for something to do.
    async fn wake(&mut self, stop: &mut Stop) -> Woken {
        let now = self.moment();
        let wait = self.runs.values().filter_map(|run| run.rollout.wait(now)).min();
        let time = async {
            match wait {
                Some(wait) => sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.requested() => Woken::Stop,
            Some(told) = self.inbox.recv() => Woken::Told(told),
            Ok(()) = self.budget_changes.changed() => Woken::Budgets,
            notice = self.notices.recv() => received(notice, Woken::Notice),
            changes = self.changes.recv() => received(changes, Woken::Changes),
            standings = self.standings.recv() => received(standings, Woken::Standings),
            () = time => Woken::Time,
        }
    }

    /// Takes what is there already, so that the rollouts decide once for all of it.
    async fn take_more(&mut self) {
        for _ in 0..MAX_EVENTS {
            let woken = match self.inbox.try_recv() {
                Ok(told) => Some(Woken::Told(told)),
                Err(_) => there(self.changes.try_recv(), Woken::Changes)
                    .or_else(|| there(self.notices.try_recv(), Woken::Notice)),
            };
            match woken {
                Some(woken) => self.take(woken).await,
                None => return,
            }
        }
    }

    async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Told(told) => self.happened(told),
            Woken::Budgets => self.read_budgets().await,
            Woken::Notice(notice) => self.presence(&notice.host, notice.came),
            Woken::Changes(changes) => {
                for change in changes.iter() {
                    match change.target {
                        Some(target) => self.stored(change.number, target),
                        None => self.run_changed(&change.run).await,
                    }
                }
            }
            Woken::Standings(changes) => changes.iter().for_each(|change| self.standing(change)),
            Woken::Missed => self.look_at_all().await,
            Woken::Time => {
                let now = self.moment();
                let due = |(number, run): (&i64, &Active)| {
                    run.rollout.wait(now).is_some_and(|wait| wait.is_zero()).then_some(*number)
                };
                self.touched.extend(self.runs.iter().filter_map(due));
            }
            Woken::Stop => {}
        }
    }

    /// Looks at a run's row: it was applied, or is to be canceled.
    async fn run_changed(&mut self, id: &str) {
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
                let is_there = host.is_some_and(|host| self.doors.registry.find(host).is_some());
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
            if self.doors.registry.find(host).is_some() {
                online.push(position);
            }
        }
        self.runs.insert(number, run);
        self.touched.insert(number);
        for position in online {
            self.handle(number, Event::Online(position), None);
        }
    }

    /// Tells the runs of a host that it has come or gone. What is true by now counts.
    fn presence(&mut self, host: &str, came: bool) {
        let Some(places) = self.hosts.get(host).cloned() else { return };
        let is_there = self.doors.registry.find(host).is_some();
        for (run, target) in places {
            match (came, is_there) {
                (true, true) => self.handle(run, Event::Online(target), None),
                (_, false) => self.handle(run, Event::Offline(target), None),
                // It is back already, and a notice of that follows.
                (false, true) => {}
            }
        }
    }

    /// Tells a run that a row has ended.
    fn stored(&mut self, run: i64, (target, state): (u32, TargetState)) {
        if let TargetState::Ended(end) = state {
            self.handle(run, Event::Stored(target, end), None);
        }
    }

    /// Tells the runs of a host that it will get nothing anymore.
    fn standing(&mut self, change: &StandingChange) {
        let banned = match &change.state {
            None => false,
            Some(HostState::Banned) => true,
            Some(_) => return,
        };
        let Some(places) = self.hosts.get(&*change.host).cloned() else { return };
        for (run, target) in places {
            let Some(active) = self.runs.get(&run) else { continue };
            let event = match (banned, active.rollout.state(target).is_busy()) {
                (false, _) => Event::Removed(target),
                (true, false) => {
                    let why = "an operator banned the host";
                    Event::NotSent(target, End::because(EndState::Refused, why))
                }
                (true, true) => {
                    let why = "outcome unknown: an operator banned the host";
                    Event::NotSent(target, End::because(EndState::Interrupted, why))
                }
            };
            self.handle(run, event, None);
        }
    }

    /// Looks at every host and row, after something was missed.
    async fn look_at_all(&mut self) {
        let hosts: Vec<Arc<str>> = self.hosts.keys().cloned().collect();
        for host in hosts {
            self.presence(&host, self.doors.registry.find(&host).is_some());
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
    async fn load_active(&mut self) {
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

    async fn read_budgets(&mut self) {
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
pub(super) async fn insist<T, F>(what: &str, read: impl Fn() -> F) -> T
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

/// Returns what was there, or that something was missed.
fn there<T>(received: Result<T, TryRecvError>, woken: impl FnOnce(T) -> Woken) -> Option<Woken> {
    match received {
        Ok(value) => Some(woken(value)),
        Err(TryRecvError::Lagged(_)) => Some(Woken::Missed),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}

fn received<T>(received: Result<T, RecvError>, woken: impl FnOnce(T) -> Woken) -> Woken {
    match received {
        Ok(value) => woken(value),
        Err(RecvError::Lagged(_)) => Woken::Missed,
        // The sender lives as long as the controller.
        Err(RecvError::Closed) => Woken::Stop,
    }
}
