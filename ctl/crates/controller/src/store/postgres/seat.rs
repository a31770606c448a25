//! The seat of a controller at its database: the only one, or that of a node beside others.
//!
//! The only controller holds a lock that no other one shares; nodes share it, and each holds another
//! one that keeps a second process with its id out. Who takes a seat waits until the changes of the
//! tenure before have ended, and then counts the epoch up: the database's, or the node's.

use super::error::{DbError, Failure};
use super::lock::{CLASS, CONTROLLER, NODE_WRITERS, NODES, WRITERS};
use super::mark::{self, Marks};
use crate::store::{LEASE, NodeCard, milliseconds};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio_postgres::Client;

/// How a controller uses its database.
#[derive(Clone, Debug)]
pub(crate) enum Seat {
    /// It is the only one.
    Alone,
    /// It is a node beside others.
    Node(NodeCard),
}

/// The time from when a controller takes its seat until it loses it.
#[derive(Clone, Debug)]
pub(super) struct Tenure {
    /// The epoch that a change must find.
    pub(super) epoch: i64,
    /// The node's number; `None` of the only controller.
    pub(super) node: Option<i32>,
    /// A moment before the lease began.
    pub(super) since: Instant,
    /// The marks of its transactions.
    pub(super) marks: Arc<Marks>,
    /// The statements that begin a change; the statement after them sees what their locks have waited
    /// for.
    pub(super) begin: Arc<str>,
    /// The statement that writes a change's mark and returns the epoch.
    pub(super) write_mark: &'static str,
}

/// Counts the changes of hands.
const COUNT: &str = "UPDATE controller SET epoch = epoch + 1 RETURNING epoch";

/// Enters a node, or finds it. One that was removed while it was cut off comes back with its number.
const ENTER: &str = "\
    INSERT INTO nodes (number, id, name, version, agents, http, epoch, ends, is_settled, \
    is_drained, sessions, clones, started_at) \
    VALUES (coalesce($7::integer, nextval(pg_get_serial_sequence('nodes', 'number'))), \
    $1, $2, $3, $4, $5, 0, clock_timestamp(), true, false, 0, 0, $6) \
    ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING number";

/// Begins a node's tenure. What it leaves behind when it ends is to be settled.
const BEGIN: &str = "\
    UPDATE nodes SET name = $2, version = $3, epoch = $4, \
    ends = clock_timestamp() + $5::float8 * interval '1 second', \
    is_settled = false, sessions = 0, clones = 0, started_at = $6 WHERE number = $1";

impl Tenure {
    fn alone(epoch: i64, marks: Marks) -> Self {
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT pg_advisory_xact_lock_shared({CLASS}, {WRITERS})"
        );
        let (marks, begin) = (Arc::new(marks), begin.into());
        let since = Instant::now();
        Self { epoch, node: None, since, marks, begin, write_mark: mark::WRITE }
    }

    fn of_node(epoch: i64, node: i32, since: Instant, marks: Marks) -> Self {
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT pg_advisory_xact_lock_shared({CLASS}, {WRITERS}), \
             pg_advisory_xact_lock_shared({CLASS}, {})",
            NODE_WRITERS + node
        );
        let (marks, begin) = (Arc::new(marks), begin.into());
        let node = Some(node);
        Self { epoch, node, since, marks, begin, write_mark: mark::WRITE_OF_A_NODE }
    }
}

impl Seat {
    /// Takes the seat on this session, waiting for others at most so long, or for ever; returns the
    /// tenure that begins. `before` is the number of a node that had the seat already.
    pub(super) async fn take(
        &self,
        client: &Client,
        wait: Option<Duration>,
        before: Option<i32>,
    ) -> Result<Tenure, DbError> {
        let most = wait.map_or(0, |wait| wait.as_millis());
        let bounds = format!("SET statement_timeout = 0; SET lock_timeout = {most}");
        client.batch_execute(&bounds).await?;
        match self {
            Self::Alone => take_alone(client).await,
            Self::Node(card) => take_node(client, card, before).await,
        }
    }

    /// Returns why the seat was not free, where `error` says that it was not.
    pub(super) async fn taken_by(&self, client: &Client, error: &DbError) -> Option<String> {
        if error.failure() != Failure::Slow {
            return None;
        }
        let holder = holder(client).await.unwrap_or_else(|_| "unknown".to_owned());
        Some(match self {
            Self::Alone => format!(
                "another BasicAgentController uses it ({holder}); stop that one, choose another \
                 database, or let both be nodes of one site: --bus"
            ),
            Self::Node(_) => format!(
                "a BasicAgentController without --bus uses it, or one with the id of this state \
                 directory, of which it is a copy ({holder}); stop that one"
            ),
        })
    }
}

async fn take_alone(client: &Client) -> Result<Tenure, DbError> {
    let take = format!(
        "SELECT pg_advisory_lock({CLASS}, {CONTROLLER}); SELECT pg_advisory_lock({CLASS}, {WRITERS})"
    );
    client.batch_execute(&take).await?;
    // Committed before changes may begin again.
    let epoch = client.query_one(COUNT, &[]).await?.try_get(0)?;
    let marks = Marks::make(client, epoch, None).await?;
    unlock(client, WRITERS).await?;
    Ok(Tenure::alone(epoch, marks))
}

async fn take_node(
    client: &Client,
    card: &NodeCard,
    before: Option<i32>,
) -> Result<Tenure, DbError> {
    let share = format!("SELECT pg_advisory_lock_shared({CLASS}, {CONTROLLER})");
    client.batch_execute(&share).await?;
    let NodeCard { id, name, version, agents, http } = card;
    let now = milliseconds(SystemTime::now());
    let entered =
        client.query_one(ENTER, &[id, name, version, agents, http, &now, &before]).await?;
    let node: i32 = entered.try_get(0)?;
    let take = format!(
        "SELECT pg_advisory_lock({CLASS}, {}); SELECT pg_advisory_lock({CLASS}, {})",
        NODES + node,
        NODE_WRITERS + node
    );
    client.batch_execute(&take).await?;
    let epoch: i64 = client.query_one(COUNT, &[]).await?.try_get(0)?;
    let marks = Marks::make(client, epoch, Some(node)).await?;
    let lease = LEASE.as_secs_f64();
    let since = Instant::now();
    client.execute(BEGIN, &[&node, name, version, &epoch, &lease, &now]).await?;
    unlock(client, NODE_WRITERS + node).await?;
    Ok(Tenure::of_node(epoch, node, since, marks))
}

async fn unlock(client: &Client, lock: i32) -> Result<(), DbError> {
    Ok(client.batch_execute(&format!("SELECT pg_advisory_unlock({CLASS}, {lock})")).await?)
}

/// Returns who holds the lock of the only controller or, if nobody does, of a node.
async fn holder(client: &Client) -> Result<String, DbError> {
    let found = client
        .query_opt(
            "SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket'), a.pid \
             FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int8::oid \
             AND l.pid <> pg_backend_pid() AND a.datname = current_database() \
             AND (l.objid = $2::int8::oid OR l.objid > $3::int8::oid AND l.objid < $4::int8::oid) \
             ORDER BY l.mode = 'ExclusiveLock' AND l.objid = $2::int8::oid DESC LIMIT 1",
            &[
                &i64::from(CLASS),
                &i64::from(CONTROLLER),
                &i64::from(NODES),
                &i64::from(NODE_WRITERS),
            ],
        )
        .await?;
    let Some(row) = found else { return Ok("which has just ended".to_owned()) };
    let (name, from, pid): (String, String, i32) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(format!("{name}, from {from}, the server's process {pid}"))
}
