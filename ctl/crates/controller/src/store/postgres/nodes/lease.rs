//! The lease of a node: renewed over the session that holds its seat, until that fails.
//!
//! With each renewal the node sees the others. It ends the tenure of one whose lease has ended only
//! when it has renewed its own for as long: after a time without a database, no lease goes on, and
//! nobody has gone.

use super::{read, settle};
use crate::store::postgres::core::Core;
use crate::store::postgres::error::Sentence;
use crate::store::{BEAT, LEASE, NodeRow, SessionCounts};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{sleep_until, timeout};
use tokio_postgres::Client;

/// The longest wait for the server's answer to a renewal.
const ANSWER: Duration = Duration::from_secs(3);

/// Renewals in a row before a node ends the tenure of another one.
const SURE: u32 = 5;

/// Renews a lease that has not been taken away.
const RENEW: &str = "\
    UPDATE nodes SET ends = clock_timestamp() + $3::float8 * interval '1 second', sessions = $4, clones = $5 \
    WHERE number = $1 AND epoch = $2 AND NOT is_settled";

/// Takes the lead that nobody has. One that is drained leaves it to others, if there are any.
const LEAD: &str = "\
    UPDATE controller SET lead = n.number FROM nodes n \
    WHERE n.number = $1 AND n.epoch = $2 AND NOT n.is_settled AND lead IS NULL AND (NOT n.is_drained OR NOT EXISTS ( \
    SELECT 1 FROM nodes o WHERE o.number <> n.number AND NOT o.is_drained \
    AND o.ends > clock_timestamp()))";

/// Renews the lease until that fails; returns why. Of the only controller, never ends.
pub(in crate::store::postgres) async fn renew(core: &Weak<Core>, client: &Client) -> String {
    let tenure = core.upgrade().and_then(|core| core.hold.tenure().ok());
    let Some(tenure) = tenure else { return "it has ended already".to_owned() };
    let Some(node) = tenure.node else { return std::future::pending().await };
    let (mut in_a_row, mut settling) = (0_u32, JoinSet::new());
    loop {
        let since = Instant::now();
        let Some(strong) = core.upgrade() else { return "the store is gone".to_owned() };
        let sessions = strong.nodes.sessions();
        let may_lead = !strong.nodes.declines();
        let beat = beat(client, (node, tenure.epoch), sessions, may_lead);
        match timeout(ANSWER, beat).await {
            Err(_) => return format!("no answer within {} s", ANSWER.as_secs()),
            Ok(Err(error)) => return Sentence(&error).to_string(),
            Ok(Ok(None)) => return "another node has ended this one's tenure".to_owned(),
            Ok(Ok(Some(beat))) => {
                strong.hold.renewed(tenure.epoch, since + LEASE);
                in_a_row += 1;
                let gone = beat.gone.filter(|_| in_a_row > SURE && settling.is_empty());
                strong.nodes.are(node, beat.nodes.into());
                strong.nodes.look();
                if let Some(gone) = gone {
                    settling.spawn(settle::other(Arc::clone(&strong), gone));
                }
            }
        }
        drop(strong);
        // The lead of a node that is settled is free.
        tokio::select! {
            () = sleep_until((since + BEAT).into()) => {}
            Some(_) = settling.join_next() => {}
        }
    }
}

/// What a renewal has found.
struct Beat {
    nodes: Vec<NodeRow>,
    /// A node whose lease has ended, and which has left something behind.
    gone: Option<i32>,
}

/// Renews the lease once; `None` where it was taken away.
async fn beat(
    client: &Client,
    (node, epoch): (i32, i64),
    sessions: SessionCounts,
    may_lead: bool,
) -> Result<Option<Beat>, tokio_postgres::Error> {
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let (sessions, clones) = (count(sessions.hosts), count(sessions.clones));
    let lease = LEASE.as_secs_f64();
    if client.execute(RENEW, &[&node, &epoch, &lease, &sessions, &clones]).await? == 0 {
        return Ok(None);
    }
    if may_lead {
        client.execute(LEAD, &[&node, &epoch]).await?;
    }
    let mut beat = Beat { nodes: Vec::new(), gone: None };
    for row in client.query(select_nodes!("ORDER BY n.number"), &[]).await? {
        let found = read(&row)?;
        let is_settled: bool = row.try_get(11)?;
        if !found.is_alive && !is_settled {
            beat.gone = beat.gone.or(Some(found.number));
        }
        beat.nodes.push(found);
    }
    Ok(Some(beat))
}
