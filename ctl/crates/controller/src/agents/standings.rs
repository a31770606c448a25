//! Changes of hosts' standings, as the store publishes them, reach the live channels: a host that
//! was removed or banned is disconnected, one that is quarantined gets no further request. Hosts
//! that wait for an operator's approval hear of it.

use super::approvals::Approvals;
use super::peer::Restriction;
use super::registry::Registry;
use super::session::{CloseReason, Session};
use crate::identity::Identity;
use crate::stop::Stop;
use crate::store::{StandingChange, Store};
use fleet::HostState;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// Follows the changes until the controller stops.
pub(crate) async fn follow(
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    identity: Arc<Identity>,
    approvals: Arc<Approvals>,
    mut stop: Stop,
) {
    let (mut changes, mut records) = (store.standings(), store.records());
    loop {
        let received = tokio::select! {
            received = changes.recv() => received,
            // A host may have renewed its certificate at another node, and a copy of it is still here.
            received = records.recv() => {
                if let Ok(hosts) = received {
                    for host in hosts.iter() {
                        look_at(&registry.of(host), &registry, &identity, &mut stop).await;
                    }
                }
                continue;
            }
            () = stop.requested() => return,
        };
        match received {
            Ok(batch) => {
                for change in batch.iter() {
                    identity.note_change(change);
                    apply(&registry, change);
                    approvals.tell(&change.host);
                }
            }
            Err(RecvError::Lagged(_)) => {
                identity.forget_known();
                approvals.tell_all();
                look_at_all(&registry, &identity, &mut stop).await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn apply(registry: &Registry, change: &StandingChange) {
    match &change.state {
        None | Some(HostState::Banned) => registry.revoke(&change.host),
        Some(state) => registry.restrict(&change.host, Restriction::of_state(state).as_ref()),
    }
}

/// Looks at every connected host, after changes were missed.
async fn look_at_all(registry: &Registry, identity: &Identity, stop: &mut Stop) {
    look_at(&registry.everyone(), registry, identity, stop).await;
}

/// Looks at sessions whose hosts or keys may have lost their standing.
async fn look_at(
    sessions: &[Arc<Session>],
    registry: &Registry,
    identity: &Identity,
    stop: &mut Stop,
) {
    for session in sessions {
        let standing = tokio::select! {
            standing = identity.standing_of_key(&session.host, session.key) => standing,
            () = stop.requested() => return,
        };
        match standing {
            Ok(None) => session.close_because(CloseReason::Revoked),
            Ok(Some(standing)) => {
                registry.restrict(&session.host, Restriction::of(standing).as_ref());
            }
            Err(error) => log::error!("{}: its standing is unknown: {error}", session.host),
        }
    }
}
