//! Schedules, kept true on the hosts that they are for.
//!
//! The [`Catalog`] is what there should be; a `pass` compares one host's jobs with it, by the rules of
//! `fleet::schedule`, and sets and removes what differs. The [`Keeper`] is the task that decides which
//! hosts need a pass: those that connect, whose labels or state change, that a change of the
//! schedules concerns, or that somebody asks about. A host is in its `queue` at most once, and at
//! most [`AT_ONCE`] passes run at a time, so a fleet that reconnects does not become a herd. Nothing
//! is polled. [`Schedules`] is the end that the API holds.
//!
//! `authors` knows what those who wrote them may do. `view` tells how a schedule stands on each host; `forecast` collects the jobs of hosts for a
//! forecast. Nothing here knows HTTP.

mod ask;
mod authors;
mod catalog;
mod change;
mod forecast;
mod keeper;
mod pass;
mod queue;
mod view;

pub(crate) use catalog::{Catalog, definition as stored_definition};
pub(crate) use change::zone_problem;
pub(crate) use forecast::{Coverage, Forecaster};
pub(crate) use keeper::Keeper;
pub(crate) use view::{HostStanding, hosts as standings, of_host as standings_of_host};

use crate::agents::{Query, Registry};
use crate::auth::Authenticator;
use crate::store::Store;
use authors::Authors;
use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use queue::{Counts, Queue, Waiter};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};

/// Passes at a time.
const AT_ONCE: usize = 64;

/// The end that the API and the keeper share.
#[derive(Clone)]
pub(crate) struct Schedules(Arc<Shared>);

struct Shared {
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    authenticator: Arc<Authenticator>,
    authors: Authors,
    catalog: RwLock<Arc<Catalog>>,
    queue: Mutex<Queue>,
    /// Notified when a host was put into the queue from outside.
    queued: Notify,
    /// The generation of the catalog; `None` before it was read.
    generation: watch::Sender<Option<i64>>,
}

impl fmt::Debug for Schedules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedules(…)")
    }
}

impl Schedules {
    /// Makes the schedules of a controller; the [`Keeper`] reads them.
    pub(crate) fn new(
        registry: Arc<Registry>,
        store: Arc<dyn Store>,
        authenticator: Arc<Authenticator>,
    ) -> Self {
        Self(Arc::new(Shared {
            registry,
            store,
            authenticator,
            authors: Authors::default(),
            catalog: RwLock::default(),
            queue: Mutex::default(),
            queued: Notify::new(),
            generation: watch::Sender::new(None),
        }))
    }

    /// Returns what there should be, as of the last change that the keeper has seen.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.0.catalog.read())
    }

    /// Waits until the keeper has seen the change that led to this generation.
    pub(crate) async fn caught_up(&self, generation: i64) {
        let mut seen = self.0.generation.subscribe();
        // The sender lives as long as `self`.
        let _ = seen.wait_for(|seen| *seen >= Some(generation)).await;
    }

    /// Looks at hosts that are connected; the waiter knows when each was looked at.
    pub(crate) fn look_at<'a>(&self, hosts: impl IntoIterator<Item = &'a str>) -> Arc<Waiter> {
        let waiter = Arc::new(Waiter::default());
        let mut queue = self.0.queue.lock();
        for host in hosts {
            if self.0.registry.find(host).is_some() {
                queue.add(host, Some(&waiter));
            }
        }
        drop(queue);
        self.0.queued.notify_one();
        waiter
    }

    /// Looks at hosts that are connected here, once this change of the schedules is known; returns how far
    /// that has come within a time.
    pub(crate) async fn checked(
        &self,
        generation: i64,
        hosts: &[String],
        within: Duration,
    ) -> Counts {
        let end = Instant::now() + within;
        if timeout_at(end, self.caught_up(generation)).await.is_err() {
            return Counts::default();
        }
        let waiter = self.look_at(hosts.iter().map(String::as_str));
        // The others follow.
        let _ = timeout_at(end, waiter.done()).await;
        waiter.counts()
    }

    /// Looks at hosts that are connected here or to other nodes, as [`Self::checked`].
    pub(crate) async fn checked_everywhere(
        &self,
        generation: i64,
        hosts: Vec<String>,
        within: Duration,
    ) -> Counts {
        let mut at_others: BTreeMap<i32, Vec<String>> = BTreeMap::new();
        let mut here = Vec::new();
        for host in hosts {
            match self.0.registry.node_of(&host) {
                Some(node) => at_others.entry(node).or_default().push(host),
                None => here.push(host),
            }
        }
        let ask = async |(node, hosts): (i32, Vec<String>)| {
            let count = hosts.len();
            let query = Query::Schedules { generation, hosts, within: within.as_secs() };
            self.0.registry.query(node, query, within).await.unwrap_or_else(|why| {
                log::warn!("node {node} has not said whether it looks at its hosts: {why}");
                Counts { hosts: count, ..Counts::default() }
            })
        };
        let asked = join_all(at_others.into_iter().map(ask));
        let (own, others) = tokio::join!(self.checked(generation, &here, within), asked);
        others.into_iter().fold(own, Counts::with)
    }

    /// Looks at every connected host, after operators or roles changed: what an author may do has
    /// perhaps changed with them. Costs nothing where there are no schedules.
    pub(crate) fn roles_changed(&self) {
        self.0.authors.forget();
        if self.catalog().schedules().is_empty() {
            return;
        }
        let sessions = self.0.registry.all();
        self.look_at(sessions.iter().map(|session| session.host.as_str()));
    }
}
