//! The controllers of one site, its nodes: who they are, and which one leads.

use super::StoreError;
use async_trait::async_trait;
use fleet::UnixMillis;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// How long a node keeps its place without renewing it. After that, another one ends its tenure.
pub(crate) const LEASE: Duration = Duration::from_secs(6);

/// The time between two renewals.
pub(crate) const BEAT: Duration = Duration::from_millis(1500);

/// Bytes of a letter: more than the largest message of an agent, which has at most 64 MiB.
pub(crate) const MAX_LETTER: usize = 72 << 20;

/// The nodes of a site. A store that one controller has for itself knows none, and leads.
#[async_trait]
pub(crate) trait Nodes {
    /// Returns this node's number; `None` where the controller is the only one.
    fn node(&self) -> Option<i32>;

    /// Returns whether this node leads at this moment: its lease lasts, by its own clock. What a leader
    /// has decided before it stood still, it must not do after that.
    fn holds_lead(&self) -> bool;

    /// Returns all nodes, as they were at the last renewal, by number.
    fn nodes(&self) -> watch::Receiver<Arc<[NodeRow]>>;

    /// Returns a number that grows with each renewal: the time to look for what nobody has told of.
    fn beats(&self) -> watch::Receiver<u64>;

    /// Returns a number that grows each time that this node has taken its place at the database.
    fn tenures(&self) -> watch::Receiver<u64>;

    /// Returns whether this node does what only one may do: it drives runs, and deletes what is too
    /// old. It is told before another one may begin, unless it was cut off.
    fn leads(&self) -> watch::Receiver<bool>;

    /// Asks whoever acts for the leader to end, and then to [give the lead up](Self::give_up_lead): for
    /// a while, this node does not take it.
    fn decline_lead(&self);

    /// Lets another node lead, if this one does. Whoever acts for the leader has ended.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn give_up_lead(&self) -> Result<(), StoreError>;

    /// Returns a number that grows with each change of this node that others must hear of.
    fn news_written(&self) -> watch::Receiver<u64>;

    /// Returns the files of the site's CA, once a node has put them here.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn ca_files(&self) -> Result<Option<CaFiles>, StoreError>;

    /// Puts the files of the site's CA in the place of those of the version before; returns `false`
    /// where another node was faster.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn put_ca_files(&self, files: CaFiles) -> Result<bool, StoreError>;

    /// Claims the CA for this node's change; returns `false` while another change has it. The claim of a
    /// node that ends ends with it.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn claim_ca(&self) -> Result<bool, StoreError>;

    /// Ends this node's claim.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn release_ca(&self) -> Result<(), StoreError>;

    /// Returns the version of these files that another node has put last.
    fn ca_version(&self) -> watch::Receiver<i64>;

    /// Returns a receiver that sees each change of an own role by another node.
    fn roles_changed(&self) -> watch::Receiver<()>;

    /// Returns what keeps this site apart from others that share a server of the bus.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn site(&self) -> Result<String, StoreError>;

    /// Says where agents and people reach this node.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn is_reached_at(&self, agents: String, http: String) -> Result<(), StoreError>;

    /// Lets the store read what other nodes have changed. It does so by itself with each renewal.
    fn look(&self);

    /// Returns the hosts whose channels other nodes have.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn places(&self) -> Result<Vec<(String, i32)>, StoreError>;

    /// Says that this node has these hosts' channels, after it has taken its place anew.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn has_hosts(&self, hosts: Vec<String>) -> Result<(), StoreError>;

    /// Says that this node has a host's channel now.
    fn has_host(&self, host: &str);

    /// Returns the hosts whose records other nodes change from now on: a key may have lost its host.
    fn records(&self) -> broadcast::Receiver<Arc<[String]>>;

    /// Says how many sessions this node has; the others learn it with the next renewal.
    fn has_sessions(&self, count: SessionCounts);

    /// Returns which hosts come to other nodes, or leave them, from now on. A receiver that lags must
    /// read the [`Nodes::places`].
    fn moves(&self) -> broadcast::Receiver<Arc<Moves>>;

    /// Writes letters to other nodes, each of at most [`MAX_LETTER`] bytes. Where it fails, none is
    /// written.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn post(&self, letters: Vec<Letter>) -> Result<(), StoreError>;

    /// Takes the oldest letters to this node: nobody else gets them.
    ///
    /// # Errors
    /// When the database cannot be written.
    async fn take_letters(&self) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Says whether a node is to take no hosts.
    ///
    /// # Errors
    /// When there is no such node, or the database cannot be written.
    async fn drain(&self, node: i32, drained: bool) -> Result<NodeRow, StoreError>;

    /// Removes a node that does not run anymore.
    ///
    /// # Errors
    /// When there is no such node, it runs, or the database cannot be written.
    async fn remove_node(&self, node: i32) -> Result<(), StoreError>;
}

/// What a store publishes of the nodes.
#[derive(Debug)]
pub(in crate::store) struct KnownNodes {
    rows: watch::Sender<Arc<[NodeRow]>>,
    leads: watch::Sender<bool>,
    news_written: watch::Sender<u64>,
    beats: watch::Sender<u64>,
    tenures: watch::Sender<u64>,
}

impl KnownNodes {
    /// Makes what is known at the beginning.
    pub(in crate::store) fn new(leads: bool) -> Self {
        Self {
            rows: watch::Sender::new(Arc::from([])),
            leads: watch::Sender::new(leads),
            news_written: watch::Sender::new(0),
            beats: watch::Sender::new(0),
            tenures: watch::Sender::new(0),
        }
    }

    /// Returns all nodes.
    pub(in crate::store) fn rows(&self) -> watch::Receiver<Arc<[NodeRow]>> {
        self.rows.subscribe()
    }

    /// Returns whether this node leads.
    pub(in crate::store) fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// Returns how many changes of this node others must hear of.
    pub(in crate::store) fn news_written(&self) -> watch::Receiver<u64> {
        self.news_written.subscribe()
    }

    /// Counts one more of them.
    pub(in crate::store) fn has_news(&self) {
        self.news_written.send_modify(|count| *count += 1);
    }

    /// Returns a number that grows with each renewal.
    pub(in crate::store) fn beats(&self) -> watch::Receiver<u64> {
        self.beats.subscribe()
    }

    /// Returns a number that grows with each tenure of this node.
    pub(in crate::store) fn tenures(&self) -> watch::Receiver<u64> {
        self.tenures.subscribe()
    }

    /// Counts a tenure that has begun.
    pub(in crate::store) fn tenure_has_begun(&self) {
        self.tenures.send_modify(|count| *count += 1);
    }

    /// Takes all nodes, as a renewal has found them.
    pub(in crate::store) fn are(&self, rows: Arc<[NodeRow]>) {
        self.beats.send_modify(|count| *count += 1);
        self.rows.send_if_modified(|known| {
            let differ = **known != *rows;
            *known = rows;
            differ
        });
    }

    /// Says whether this node leads.
    pub(in crate::store) fn set_leads(&self, leads: bool) {
        self.leads.send_if_modified(|known| std::mem::replace(known, leads) != leads);
    }
}

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeCard {
    /// The id of its state directory.
    pub(crate) id: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Where agents reach it, as a redirect has it.
    pub(crate) agents: String,
    /// Where people reach it.
    pub(crate) http: String,
}

/// The files of a CA, as the nodes exchange them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CaFiles {
    /// One more with each change.
    pub(crate) version: i64,
    /// JSON: the texts by path.
    pub(crate) texts: String,
}

impl fmt::Debug for CaFiles {
    /// Leaves out the texts, which hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaFiles").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A letter to another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The node.
    pub(crate) to: i32,
    /// What it says.
    pub(crate) body: Vec<u8>,
}

/// Hosts that come to nodes and leave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moves {
    /// The hosts.
    pub(crate) places: Vec<PlaceChange>,
    /// Nodes that all of their hosts have left.
    pub(crate) emptied: Vec<i32>,
}

/// A host whose channel has come to a node, or gone from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaceChange {
    /// The host.
    pub(crate) host: String,
    /// The node.
    pub(crate) from: i32,
    /// Whether it has come.
    pub(crate) is_there: bool,
}

/// The sessions of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionCounts {
    /// With hosts.
    pub(crate) hosts: u32,
    /// With clones of hosts.
    pub(crate) clones: u32,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeRow {
    /// Its number.
    pub(crate) number: i32,
    /// What it says of itself.
    pub(crate) card: NodeCard,
    /// Whether its lease goes on.
    pub(crate) is_alive: bool,
    /// Whether it leads.
    pub(crate) leads: bool,
    /// Whether it is to take no hosts.
    pub(crate) is_drained: bool,
    /// Its sessions with hosts.
    pub(crate) sessions: u32,
    /// Its sessions with clones of hosts.
    pub(crate) clones: u32,
    /// When it started.
    pub(crate) started_at: UnixMillis,
}
