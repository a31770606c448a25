//! What an agent may do that has proved its identity, and its entry in the registry.
//!
//! Two agents of one identity (clones of an image that holds a key) would take turns, and each would
//! answer for the other. An agent has one channel. So when a newer one comes, the older session
//! tells: when it does not answer a ping, its agent has lost its network, and it is replaced; when
//! it answers, the newer one is quarantined: connected, visible, without requests. An agent of the
//! same boot with another key has just renewed its certificate, and replaces its older session at
//! once. The boot alone would not do: all containers of a machine share it.

use super::Services;
use crate::agents::session::{Peer, Restriction, Session};
use crate::log_limit::{LogLimit, log_limited};
use std::sync::Arc;
use std::time::Duration;

/// The time for a host's older session to answer a ping when a newer one comes.
const PROBE: Duration = Duration::from_secs(5);

/// Log lines a minute about clones, which come back again and again.
static CLONES: LogLimit = LogLimit::new(10);

/// Returns why the agent gets no request, if it gets none.
pub(super) async fn judge(services: &Services, peer: &Peer) -> Option<Restriction> {
    let older = services.registry.find(&peer.host)?;
    let has_renewed = older.boot.is_some() && older.boot == peer.boot && older.key != peer.key;
    if has_renewed || !older.answers(PROBE).await {
        return None;
    }
    Some(Restriction::Clone(
        format!(
            "another agent with this identity was connected before, from {}, and answers; settle \
             which of them is the host",
            older.address
        )
        .into(),
    ))
}

/// Enters a session. Returns `false` when its host has too many clones already.
pub(super) fn enter(services: &Services, session: &Arc<Session>) -> bool {
    let (host, from) = (&session.host, session.address);
    if let Some(Restriction::Clone(why)) = session.restriction() {
        log_limited!(CLONES, warn, "{host}: quarantined a second agent, from {from}: {why}");
        return services.registry.enter_clone(session);
    }
    match services.registry.enter(session) {
        Some(older) => {
            log::warn!("{host}: a new session from {from} replaces the one from {}", older.address);
        }
        None => log_limited!(super::SESSIONS, info, "{host}: connected from {from}"),
    }
    true
}
