//! The task that keeps schedules true: it hears what happens and gives each host that is concerned a
//! pass.

use super::catalog::Catalog;
use super::pass::{self, Outlook};
use super::{AT_ONCE, Schedules, Shared};
use crate::agents::Notice;
use crate::stop::Stop;
use crate::store::{HostQuery, StateName, StoreError, plain_labels};
use fleet::HostState;
use fleet::schedule::Definition;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

/// The wait before the first new try on a host whose agent could not do it; it doubles.
const FIRST_AGAIN: Duration = Duration::from_secs(60);

/// The longest such wait.
const LAST_AGAIN: Duration = Duration::from_secs(3600);

/// The wait after the database could not be read.
const STORE_AGAIN: Duration = Duration::from_secs(5);

/// Hosts that are read at once.
const PAGE: usize = 1000;

/// The task.
pub(crate) struct Keeper {
    schedules: Schedules,
    work: JoinSet<Done>,
    /// The hosts with a pass, by its task.
    passes: HashMap<Id, Arc<str>>,
    /// The catalog is being read.
    reading: bool,
    /// It must be read again: at the start, after a change, or when it could not be read.
    stale: bool,
    /// Hosts to look at again: when, and after how many tries.
    again: HashMap<Arc<str>, (Instant, u32)>,
    /// The same, by time.
    due: BTreeSet<(Instant, Arc<str>)>,
    /// When the catalog may be read again that could not be read.
    read_at: Option<Instant>,
}

/// Work that has ended.
enum Done {
    /// A pass over a host.
    Pass(Arc<str>, Outlook),
    /// The new catalog, and the hosts that the change concerns.
    Read(Result<(Catalog, Vec<String>), StoreError>),
}

impl Keeper {
    /// Makes the task of these schedules.
    pub(crate) fn new(schedules: Schedules) -> Self {
        Self {
            schedules,
            work: JoinSet::new(),
            passes: HashMap::new(),
            reading: false,
            stale: true,
            again: HashMap::new(),
            due: BTreeSet::new(),
            read_at: None,
        }
    }

    /// Works until the controller stops.
    pub(crate) async fn run(mut self, mut stop: Stop) {
        let shared = Arc::clone(&self.schedules.0);
        let mut presence = shared.registry.notices();
        let mut generation = shared.store.schedule_generation();
        let mut relabeled = shared.store.relabeled();
        let mut standings = shared.store.standings();
        loop {
            self.begin(&shared);
            let due = self.next_due();
            tokio::select! {
                seen = presence.recv() => match seen {
                    Ok(Notice { host, came: true }) => self.add(&shared, &host),
                    Ok(Notice { host, came: false }) => {
                        self.forget(&host);
                    }
                    Err(RecvError::Lagged(_)) => self.add_all(&shared),
                    Err(RecvError::Closed) => return,
                },
                seen = relabeled.recv() => match seen {
                    Ok(hosts) => hosts.iter().for_each(|host| self.add(&shared, host)),
                    Err(RecvError::Lagged(_)) => self.add_all(&shared),
                    Err(RecvError::Closed) => return,
                },
                seen = standings.recv() => match seen {
                    Ok(changes) => {
                        for change in changes.iter() {
                            if matches!(change.state, Some(HostState::Active)) {
                                self.add(&shared, &change.host);
                            }
                        }
                    }
                    Err(RecvError::Lagged(_)) => self.add_all(&shared),
                    Err(RecvError::Closed) => return,
                },
                Ok(()) = generation.changed() => {
                    generation.borrow_and_update();
                    self.stale = true;
                }
                () = shared.queued.notified() => {}
                Some(ended) = self.work.join_next_with_id(), if !self.work.is_empty() => {
                    match ended {
                        Ok((task, done)) => self.end(&shared, task, done),
                        Err(error) => self.failed(&shared, &error),
                    }
                }
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    self.come_due(&shared);
                }
                () = stop.requested() => return self.work.shutdown().await,
            }
        }
    }

    /// Begins what can begin.
    fn begin(&mut self, shared: &Arc<Shared>) {
        if self.stale && !self.reading && self.read_at.is_none() {
            (self.stale, self.reading) = (false, true);
            let shared = Arc::clone(shared);
            self.work.spawn(async move { Done::Read(read(&shared).await) });
        }
        // A host is not compared with schedules that were not read.
        if shared.catalog.read().generation == 0 && self.reading {
            return;
        }
        while self.passes.len() < AT_ONCE {
            let Some(host) = shared.queue.lock().take() else { return };
            let (shared, of) = (Arc::clone(shared), Arc::clone(&host));
            let task = self.work.spawn(async move {
                let outlook = pass::run(&shared, &host).await;
                Done::Pass(host, outlook)
            });
            self.passes.insert(task.id(), of);
        }
    }

    fn end(&mut self, shared: &Shared, task: Id, done: Done) {
        self.passes.remove(&task);
        match done {
            Done::Pass(host, outlook) => {
                shared.queue.lock().done(&host, outlook.drifted);
                let tries = self.forget(&host);
                if outlook.again && shared.registry.find(&host).is_some() {
                    let wait = FIRST_AGAIN.saturating_mul(1 << tries.min(8)).min(LAST_AGAIN);
                    self.try_again(host, Instant::now() + wait, tries + 1);
                }
            }
            Done::Read(Ok((catalog, hosts))) => {
                self.reading = false;
                let generation = catalog.generation;
                *shared.catalog.write() = Arc::new(catalog);
                shared.generation.send_replace(Some(generation));
                hosts.iter().for_each(|host| self.add(shared, host));
            }
            Done::Read(Err(error)) => {
                log::error!("cannot read the schedules: {error}");
                (self.reading, self.stale) = (false, true);
                self.read_at = Some(Instant::now() + STORE_AGAIN);
            }
        }
    }

    /// Ends work that has panicked.
    fn failed(&mut self, shared: &Shared, error: &JoinError) {
        log::error!("work on the schedules failed: {error}");
        match self.passes.remove(&error.id()) {
            Some(host) => shared.queue.lock().done(&host, 0),
            None => {
                (self.reading, self.stale) = (false, true);
                self.read_at = Some(Instant::now() + STORE_AGAIN);
            }
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let again = self.due.first().map(|(at, _)| *at);
        again.into_iter().chain(self.read_at).min()
    }

    fn try_again(&mut self, host: Arc<str>, at: Instant, tries: u32) {
        self.due.insert((at, Arc::clone(&host)));
        self.again.insert(host, (at, tries));
    }

    /// Forgets that a host is to be looked at again; returns how often that was tried.
    fn forget(&mut self, host: &Arc<str>) -> u32 {
        let Some((at, tries)) = self.again.remove(host) else { return 0 };
        self.due.remove(&(at, Arc::clone(host)));
        tries
    }

    /// Takes up what is due to be tried again.
    fn come_due(&mut self, shared: &Shared) {
        let now = Instant::now();
        self.read_at.take_if(|at| *at <= now);
        while self.due.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, host)) = self.due.pop_first()
        {
            // The end of the pass decides what follows; until then, the tries are remembered.
            shared.queue.lock().add(&host, None);
        }
    }

    fn add(&self, shared: &Shared, host: &str) {
        if shared.registry.find(host).is_some() {
            shared.queue.lock().add(host, None);
        }
    }

    fn add_all(&self, shared: &Shared) {
        for session in shared.registry.all() {
            shared.queue.lock().add(&session.host, None);
        }
    }
}

/// Reads the schedules, and finds the hosts that the change since the last reading concerns.
async fn read(shared: &Shared) -> Result<(Catalog, Vec<String>), StoreError> {
    let catalog = Catalog::read(shared.store.schedule_set().await?);
    let before = Arc::clone(&shared.catalog.read());
    if before.generation == 0 {
        // Hosts that are connected already were not looked at.
        let sessions = shared.registry.all();
        let hosts = sessions.iter().map(|session| session.host.clone()).collect();
        return Ok((catalog, hosts));
    }
    let differing = before.differing(&catalog);
    let hosts = concerned(shared, &differing).await?;
    drop(differing);
    Ok((catalog, hosts))
}

/// Returns the hosts that any of these schedules selects.
async fn concerned(shared: &Shared, schedules: &[&Definition]) -> Result<Vec<String>, StoreError> {
    let mut hosts = Vec::new();
    let selector = match schedules {
        [] => return Ok(hosts),
        [one] => Some(one.selector().clone()),
        [one, rest @ ..] => {
            let same = rest.iter().all(|other| other.selector() == one.selector());
            same.then(|| one.selector().clone())
        }
    };
    let mut query =
        HostQuery { selector, state: Some(StateName::Active), limit: PAGE, ..HostQuery::default() };
    loop {
        let page = shared.store.hosts(query.clone()).await?;
        let is_last = page.len() < PAGE;
        if let Some(last) = page.last() {
            query.after.clone_from(&last.identity.id);
        }
        for row in page {
            let id = &row.identity.id;
            if shared.registry.find(id).is_none() {
                continue;
            }
            let labels = plain_labels(&row);
            if schedules.iter().any(|schedule| schedule.selector().matches(id, &labels)) {
                hosts.push(row.identity.id);
            }
        }
        if is_last {
            return Ok(hosts);
        }
    }
}
