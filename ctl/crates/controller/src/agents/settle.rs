//! What happens to the sessions of a host and its clones once an operator has settled which of them
//! is the host.

use super::post::Query;
use super::registry::Registry;
use super::session::{CloseReason, Session};
use super::trust;
use agent_wire::message::CertReset;
use fleet::identity::Settled;
use fleet::{Digest, HostRecord};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The reason that a clone is told.
const REASON: &str = "an operator settled that this host is a clone: it joins as a host of its own";

/// The time for a session to answer: an operator waits for it.
const ANSWER: Duration = Duration::from_secs(5);

/// Carries out what was settled at the node that has the host.
pub(crate) async fn settled(registry: &Registry, host: &HostRecord, settled: Settled) {
    let key = host.keys.as_ref().map(|keys| keys.current);
    if let Some(node) = registry.node_of(&host.id) {
        let Settled { renew, reset_others } = settled;
        let query = Query::Settled { host: host.id.clone(), key, renew, reset_others };
        if let Err(why) = registry.query::<()>(node, query, 2 * ANSWER).await {
            let id = &host.id;
            log::warn!(
                "{id}: node {node} has not said that it carries out what was settled: {why}"
            );
        }
    }
    // A clone that came before the host did may be here.
    settled_here(registry, &host.id, key, settled).await;
}

/// Carries out what was settled: the session of the host renews its certificate, the others enroll
/// again, or are disconnected.
pub(crate) async fn settled_here(
    registry: &Registry,
    host: &str,
    current: Option<Digest>,
    settled: Settled,
) {
    let is_current = |session: &Arc<Session>| current.is_none_or(|key| key == session.key);
    let serving = registry.find(host);
    let clones = registry.clones(host);
    let mut others = clones;
    let chosen = match serving {
        Some(session) if is_current(&session) => Some(session),
        serving => {
            // The session that serves has lost; one of the others is the host, from its next
            // connect on.
            others.extend(serving);
            let at = others.iter().position(is_current);
            at.map(|at| others.swap_remove(at))
                .inspect(|session| session.close_because(CloseReason::Renewed))
        }
    };
    for session in others {
        if settled.reset_others {
            let reset = CertReset { reason: REASON.to_owned() };
            let told = trust::ask(&session, |id| reset.to_line(id));
            // One that does not answer is disconnected all the same.
            let _ = timeout(ANSWER, told).await;
        }
        session.close_because(CloseReason::Revoked);
    }
    if let Some(session) = chosen
        && settled.renew
    {
        let _ = timeout(ANSWER, trust::renew_now(&session)).await;
    }
}
