//! The nodes of a site, in the tables `nodes`, `news` and `mail`.
//!
//! A node holds its place by a `lease`. What a node leaves behind whose lease has ended, another one
//! settles (`settle`). What a change means to the other nodes is its `news`, written with it.

use super::change::{ChangeError, Transaction, change, query};
use super::{PostgresStore, params};
use crate::store::nodes::KnownNodes;
use crate::store::{
    CaFiles, LEASE, Letter, Moves, NodeCard, NodeRow, Nodes, SessionCounts, StoreError,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, broadcast, watch};
use tokio_postgres::Row;

/// Selects nodes, with whether each is settled.
macro_rules! select_nodes {
    ($which:literal) => {
        concat!(
            "SELECT n.number, n.id, n.name, n.version, n.agents, n.http, \
             n.ends > clock_timestamp(), coalesce(n.number = c.lead, false), n.is_drained, \
             n.sessions, n.started_at, n.is_settled, n.clones FROM nodes n, controller c ",
            $which
        )
    };
}

pub(super) mod lease;
mod mail;
pub(super) mod news;
pub(super) mod settle;

/// What a node knows of all of them.
#[derive(Debug)]
pub(super) struct Known {
    published: KnownNodes,
    sessions: Mutex<SessionCounts>,
    /// The time until which this node leaves the lead to others.
    declines: Mutex<Option<Instant>>,
    /// There may be news.
    look: Notify,
    /// The snapshot by which news were read.
    read: Mutex<String>,
    /// This node's number; 0 before it has one, and of the only controller.
    number: AtomicI32,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            published: KnownNodes::new(false),
            sessions: Mutex::default(),
            declines: Mutex::new(None),
            look: Notify::new(),
            read: Mutex::default(),
            number: AtomicI32::new(0),
        }
    }
}

impl Known {
    /// Returns the sessions that this node has.
    pub(super) fn sessions(&self) -> SessionCounts {
        *self.sessions.lock()
    }

    /// Returns whether this node leaves the lead to others.
    pub(super) fn declines(&self) -> bool {
        self.declines.lock().is_some_and(|until| Instant::now() < until)
    }

    /// Takes what a renewal of this node's lease has found.
    pub(super) fn are(&self, own: i32, rows: Arc<[NodeRow]>) {
        let leads = rows.iter().any(|row| row.number == own && row.leads);
        self.published.are(rows);
        self.set_leads(leads && !self.declines());
    }

    /// Notes that a tenure has begun.
    pub(super) fn tenure_has_begun(&self) {
        self.published.tenure_has_begun();
    }

    /// Notes that this node has written news, which are on disk now.
    pub(super) fn has_news(&self) {
        self.published.has_news();
    }

    /// Returns whether this node leads.
    pub(super) fn leads(&self) -> bool {
        *self.published.leads().borrow()
    }

    /// Says whether this node leads.
    pub(super) fn set_leads(&self, leads: bool) {
        self.published.set_leads(leads);
    }

    /// Notes that news are read as far as this snapshot shows them.
    pub(super) fn begin(&self, snapshot: String) {
        *self.read.lock() = snapshot;
    }

    /// Returns the snapshot by which news were read.
    pub(super) fn read(&self) -> String {
        self.read.lock().clone()
    }

    /// Returns this node's number, which it keeps as long as it runs; `None` of the only controller.
    pub(super) fn number(&self) -> Option<i32> {
        let number = self.number.load(Ordering::Relaxed);
        (number != 0).then_some(number)
    }

    /// Notes this node's number.
    pub(super) fn is_number(&self, number: Option<i32>) {
        self.number.store(number.unwrap_or_default(), Ordering::Relaxed);
    }

    /// Lets the node look for news.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }

    /// Waits until there may be news.
    pub(super) async fn asked(&self) {
        self.look.notified().await;
    }
}

#[async_trait]
impl Nodes for PostgresStore {
    fn node(&self) -> Option<i32> {
        self.core.nodes.number()
    }

    fn has_host(&self, host: &str) {
        if self.node().is_some() && self.core.unwritten.is_here(host) {
            self.core.presence_noted.notify_one();
        }
    }

    fn records(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.core.published.records()
    }

    fn holds_lead(&self) -> bool {
        let node = self.core.hold.tenure().map(|tenure| tenure.node);
        node.is_ok_and(|node| node.is_none() || self.core.nodes.leads())
    }

    fn nodes(&self) -> watch::Receiver<Arc<[NodeRow]>> {
        self.core.nodes.published.rows()
    }

    fn beats(&self) -> watch::Receiver<u64> {
        self.core.nodes.published.beats()
    }

    fn tenures(&self) -> watch::Receiver<u64> {
        self.core.nodes.published.tenures()
    }

    async fn has_hosts(&self, hosts: Vec<String>) -> Result<(), StoreError> {
        change!(self, |transaction| mail::has_hosts(&mut transaction, &hosts))
    }

    fn has_sessions(&self, count: SessionCounts) {
        *self.core.nodes.sessions.lock() = count;
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.core.nodes.published.leads()
    }

    fn decline_lead(&self) {
        *self.core.nodes.declines.lock() = Some(Instant::now() + LEASE);
        self.core.nodes.set_leads(false);
    }

    async fn give_up_lead(&self) -> Result<(), StoreError> {
        if self.node().is_none() {
            return Ok(());
        }
        change!(self, |transaction| give_up_lead(&transaction))
    }

    fn news_written(&self) -> watch::Receiver<u64> {
        self.core.nodes.published.news_written()
    }

    async fn ca_files(&self) -> Result<Option<CaFiles>, StoreError> {
        let read = "SELECT version, texts FROM ca";
        query!(self, "the CA's files", |sql| async {
            let files =
                |row: &Row| Ok(CaFiles { version: row.try_get(0)?, texts: row.try_get(1)? });
            sql.first(read, params![], files).await
        })
    }

    async fn put_ca_files(&self, files: CaFiles) -> Result<bool, StoreError> {
        change!(self, |transaction| put_ca_files(&mut transaction, &files))
    }

    async fn claim_ca(&self) -> Result<bool, StoreError> {
        let claim = "UPDATE ca SET claimed_by = $1 WHERE claimed_by IS NULL";
        change!(self, |transaction| on_ca(&transaction, claim)).map(|rows| rows > 0)
    }

    async fn release_ca(&self) -> Result<(), StoreError> {
        let release = "UPDATE ca SET claimed_by = NULL WHERE claimed_by = $1";
        change!(self, |transaction| on_ca(&transaction, release)).map(drop)
    }

    fn ca_version(&self) -> watch::Receiver<i64> {
        self.core.published.ca_version()
    }

    fn roles_changed(&self) -> watch::Receiver<()> {
        self.core.published.roles()
    }

    async fn site(&self) -> Result<String, StoreError> {
        let read = "SELECT site FROM controller";
        let site = query!(self, "the site's id", |sql| async {
            sql.first(read, params![], |row| Ok(row.try_get(0)?)).await
        });
        Ok(site?.unwrap_or_default())
    }

    async fn is_reached_at(&self, agents: String, http: String) -> Result<(), StoreError> {
        change!(self, |transaction| is_reached_at(&transaction, &agents, &http))
    }

    fn look(&self) {
        self.core.nodes.look();
    }

    async fn places(&self) -> Result<Vec<(String, i32)>, StoreError> {
        let own = self.node();
        query!(self, "which node has which host", |sql| mail::places(&sql, own))
    }

    fn moves(&self) -> broadcast::Receiver<Arc<Moves>> {
        self.core.published.moves()
    }

    async fn post(&self, letters: Vec<Letter>) -> Result<(), StoreError> {
        change!(self, |transaction| mail::post(&transaction, &letters))
    }

    async fn take_letters(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        change!(self, |transaction| mail::take(&transaction))
    }

    async fn drain(&self, node: i32, drained: bool) -> Result<NodeRow, StoreError> {
        change!(self, |transaction| drain(&transaction, node, drained))
    }

    async fn remove_node(&self, node: i32) -> Result<(), StoreError> {
        change!(self, |transaction| remove(&transaction, node))
    }
}

async fn put_ca_files(transaction: &mut Transaction, files: &CaFiles) -> Result<bool, ChangeError> {
    let CaFiles { version, texts } = files;
    let put = "INSERT INTO ca (single, version, texts) SELECT 1, $1::bigint, $2::text \
               WHERE $1::bigint = 1 OR EXISTS (SELECT 1 FROM ca) \
               ON CONFLICT (single) DO UPDATE SET version = excluded.version, texts = excluded.texts \
               WHERE ca.version = excluded.version - 1";
    let put = transaction.sql.run(put, params![version, texts]).await? > 0;
    if put {
        transaction.effects.ca = Some(*version);
    }
    Ok(put)
}

/// Runs a statement about who claims the CA; returns how many rows it has changed.
async fn on_ca(transaction: &Transaction, statement: &str) -> Result<u64, ChangeError> {
    Ok(transaction.sql.run(statement, params![transaction.node]).await?)
}

async fn is_reached_at(
    transaction: &Transaction,
    agents: &str,
    http: &str,
) -> Result<(), ChangeError> {
    let reached = "UPDATE nodes SET agents = $2, http = $3 WHERE number = $1";
    transaction.sql.run(reached, params![transaction.node, agents, http]).await?;
    Ok(())
}

async fn give_up_lead(transaction: &Transaction) -> Result<(), ChangeError> {
    let give_up = "UPDATE controller SET lead = NULL WHERE lead = $1";
    transaction.sql.run(give_up, params![transaction.node]).await?;
    Ok(())
}

async fn drain(
    transaction: &Transaction,
    node: i32,
    drained: bool,
) -> Result<NodeRow, ChangeError> {
    let sql = &transaction.sql;
    let set = "UPDATE nodes SET is_drained = $2 WHERE number = $1";
    sql.run(set, params![node, drained]).await?;
    let find = select_nodes!("WHERE n.number = $1");
    let row = sql.first(find, params![node], |row| Ok(read(row)?)).await?;
    row.ok_or_else(|| missing(node))
}

async fn remove(transaction: &Transaction, node: i32) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    let lock =
        "SELECT ends > clock_timestamp(), is_settled FROM nodes WHERE number = $1 FOR UPDATE";
    let found: Option<(bool, bool)> =
        sql.first(lock, params![node], |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?;
    match found {
        None => Err(missing(node)),
        Some((false, true)) => {
            sql.run("UPDATE controller SET lead = NULL WHERE lead = $1", params![node]).await?;
            sql.run("DELETE FROM marks WHERE node = $1", params![node]).await?;
            sql.run("DELETE FROM nodes WHERE number = $1", params![node]).await?;
            Ok(())
        }
        Some((true, _)) => {
            let why = "it runs; stop the controller first".to_owned();
            Err(StoreError::Conflict(format!("node {node}: {why}")).into())
        }
        Some((false, false)) => {
            let why = "it has just ended, and another node is still settling what it left behind";
            Err(StoreError::Conflict(format!("node {node}: {why}")).into())
        }
    }
}

fn missing(node: i32) -> ChangeError {
    StoreError::missing("node", &node.to_string()).into()
}

/// Reads a row of [`select_nodes!`].
fn read(row: &Row) -> Result<NodeRow, tokio_postgres::Error> {
    let (sessions, clones): (i32, i32) = (row.try_get(9)?, row.try_get(12)?);
    Ok(NodeRow {
        number: row.try_get(0)?,
        card: NodeCard {
            id: row.try_get(1)?,
            name: row.try_get(2)?,
            version: row.try_get(3)?,
            agents: row.try_get(4)?,
            http: row.try_get(5)?,
        },
        is_alive: row.try_get(6)?,
        leads: row.try_get(7)?,
        is_drained: row.try_get(8)?,
        sessions: sessions.try_into().unwrap_or_default(),
        clones: clones.try_into().unwrap_or_default(),
        started_at: row.try_get(10)?,
    })
}

#[cfg(test)]
mod tests;
