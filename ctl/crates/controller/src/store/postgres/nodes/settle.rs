//! What a node leaves behind that has ended without a word: actions whose outcome nobody knows,
//! channels that are gone, the lead.

use crate::store::StoreError;
use crate::store::milliseconds;
use crate::store::postgres::change::{ChangeError, Transaction, attempt};
use crate::store::postgres::core::Core;
use crate::store::postgres::error::{DbError, Failure};
use crate::store::postgres::lock::{CLASS, NODE_WRITERS};
use crate::store::postgres::{events, idempotency, params};
use fleet::UnixMillis;
use std::sync::Arc;
use std::time::SystemTime;

/// Ends the tenure of another node whose lease has ended, and settles what it left behind.
pub(super) async fn other(core: Arc<Core>, node: i32) {
    match try_other(&core, node).await {
        Ok(true) => log::warn!(
            "node {node} has not renewed its lease: its hosts have to connect to other nodes, and \
             another node goes on with its work"
        ),
        Ok(false) => {}
        // The next renewal tries again.
        Err(error) => log::warn!("node {node} has gone, and that cannot be settled yet: {error}"),
    }
}

/// Returns whether the node has gone and is settled now.
async fn try_other(core: &Core, node: i32) -> Result<bool, StoreError> {
    // Committed before the node's changes are waited for: no other one begins.
    if !attempt!(core, |transaction| end(&transaction, node))? {
        return Ok(false);
    }
    if let Err(error) = wait_for_changes(core, node).await {
        return Err(core.unwritten(&error));
    }
    attempt!(core, |transaction| if_gone(&mut transaction, node))
}

/// Takes a node's epoch away, if its lease has ended.
async fn end(transaction: &Transaction, node: i32) -> Result<bool, ChangeError> {
    let end = "UPDATE nodes SET epoch = 0 \
               WHERE number = $1 AND ends < clock_timestamp() AND NOT is_settled";
    Ok(transaction.sql.run(end, params![node]).await? > 0)
}

/// Waits until no change of the node is under way. One that takes long is cut off: its machine may
/// have lost its network in the middle of it.
async fn wait_for_changes(core: &Core, node: i32) -> Result<(), DbError> {
    let lock = NODE_WRITERS + node;
    let wait = format!(
        "SET lock_timeout = '1s'; SELECT pg_advisory_lock({CLASS}, {lock}); \
         SELECT pg_advisory_unlock({CLASS}, {lock})"
    );
    let cut = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND classid::int8 = {CLASS} AND objid::int8 = {lock} AND granted"
    );
    let mut cut_off = false;
    loop {
        let sql = core.pool.get().await?;
        let waited = sql.script(&wait).await;
        // Its time-out is not that of others.
        sql.give_up();
        match waited {
            Ok(_) => return Ok(()),
            Err(error) if error.failure() == Failure::Slow && !cut_off => {
                log::warn!("cutting off the changes of node {node}, which has gone");
                cut_off = true;
                core.pool.get().await?.script(&cut).await?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Settles a node that has gone, unless another node was faster, or it has come back.
async fn if_gone(transaction: &mut Transaction, node: i32) -> Result<bool, ChangeError> {
    let gone = "SELECT true FROM nodes \
                WHERE number = $1 AND ends < clock_timestamp() AND NOT is_settled FOR UPDATE";
    let gone: Option<bool> =
        transaction.sql.first(gone, params![node], |row| Ok(row.try_get(0)?)).await?;
    if gone.is_none() {
        return Ok(false);
    }
    let settled = "UPDATE nodes SET is_settled = true, sessions = 0, clones = 0 WHERE number = $1";
    transaction.sql.run(settled, params![node]).await?;
    clear(transaction, node, milliseconds(SystemTime::now())).await?;
    Ok(true)
}

/// Leaves the site: when this node stops, there is nothing to settle.
pub(in crate::store::postgres) async fn leave(core: &Core) {
    let Some(node) = core.hold.tenure().ok().and_then(|tenure| tenure.node) else { return };
    core.nodes.set_leads(false);
    let left: Result<(), StoreError> = attempt!(core, |transaction| left(&mut transaction, node));
    if let Err(error) = left {
        log::warn!("another node has to find out that this one has stopped: {error}");
    }
}

async fn left(transaction: &mut Transaction, node: i32) -> Result<(), ChangeError> {
    let left = "UPDATE nodes SET is_settled = true, sessions = 0, clones = 0, ends = clock_timestamp(), \
                epoch = 0 \
                WHERE number = $1";
    transaction.sql.run(left, params![node]).await?;
    clear(transaction, node, milliseconds(SystemTime::now())).await?;
    Ok(())
}

/// Clears what a node has left behind: one that has gone, or this one at its start. Returns how many
/// actions it has left open.
pub(in crate::store::postgres) async fn clear(
    transaction: &mut Transaction,
    node: i32,
    at: UnixMillis,
) -> Result<usize, ChangeError> {
    let sql = &transaction.sql;
    sql.run("UPDATE controller SET lead = NULL WHERE lead = $1", params![node]).await?;
    sql.run("UPDATE ca SET claimed_by = NULL WHERE claimed_by = $1", params![node]).await?;
    sql.run("DELETE FROM mail WHERE recipient = $1", params![node]).await?;
    idempotency::interrupt(sql, Some(node)).await?;
    let left = "UPDATE presence SET node = NULL, last_seen = greatest(last_seen, $2), \
                departure = coalesce(departure, 'lost') WHERE node = $1";
    sql.run(left, params![node, at]).await?;
    // Also where its hosts have written already that they are elsewhere: nobody hears of that again.
    transaction.effects.moves.emptied.push(node);
    events::close_open(transaction, Some(node), at).await
}
