//! What an agent may do that has proved its identity, and its entry in the registry.
//!
//! Two agents of one identity (clones of an image that holds a key) would take turns, and each would
//! answer for the other. An agent has one channel. So when a newer one comes, the older session
//! tells: when it does not answer a ping, its agent has lost its network, and it is replaced; when
//! it answers, the newer one is quarantined: connected, visible, without requests. An agent of the
//! same boot with another key has just renewed its certificate, and replaces its older session at
//! once. The boot alone would not do: all containers of a machine share it.

use super::Services;
use super::rejected::Rejected;
use crate::agents::peer::{Peer, Restriction};
use crate::agents::reach::Reach;
use crate::agents::session::{CloseReason, Session};
use crate::identity::{self, Judged, Leaf, Opened};
use crate::log_limit::{LogLimit, log_limited};
use std::sync::Arc;

/// Log lines a minute about clones, which come back again and again.
static CLONES: LogLimit = LogLimit::new(10);

/// Events a minute about clones.
static EVENTS: LogLimit = LogLimit::new(30);

/// The number of changes of standings before a host was judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen(u64);

/// Judges an agent, whose certificate names its host, by its host's record, and by the session that
/// the host has already. Returns why it gets no request, if it gets none.
pub(super) async fn judge(
    services: &Services,
    peer: Peer,
    leaf: Leaf,
) -> Result<(Peer, Option<Restriction>, Seen), Rejected> {
    let seen = Seen(services.identity.changes());
    let opened = Opened {
        host: &peer.host,
        leaf,
        issuer: peer.issuer,
        address: peer.address,
        version: peer.version.as_deref(),
        boot: peer.boot.as_deref(),
        ca_version: peer.ca_version,
    };
    let standing = match services.identity.judge(&opened).await {
        Judged::In { standing, superseded } => {
            if let Some(key) = superseded {
                services.registry.revoke_key(&peer.host, key);
            }
            standing
        }
        Judged::Refused(refusal) => {
            return Err(Rejected::Refused(identity::retcode(refusal), refusal.to_string()));
        }
        Judged::Away => return Err(Rejected::Away),
    };
    let restriction = match clone_of(services, &peer).await? {
        None => Restriction::of(standing),
        clone => clone,
    };
    Ok((peer, restriction, seen))
}

/// Looks at the record of a host again whose session has just been entered, if any host's standing
/// has changed meanwhile, or any key has lost its host: this one's change might have been missed.
pub(super) async fn look_again(services: &Services, session: &Arc<Session>, seen: Seen) {
    if services.identity.changes() == seen.0 {
        return;
    }
    match services.identity.standing_of_key(&session.host, session.key).await {
        Ok(None) => session.close_because(CloseReason::Revoked),
        Ok(Some(standing)) => match session.restriction() {
            Some(Restriction::Clone(_)) => {}
            _ => session.restrict(Restriction::of(standing)),
        },
        Err(error) => log::warn!("{}: its standing is unknown: {error}", session.host),
    }
}

/// Returns the restriction of an agent that is the second one of its identity. Where the first one is
/// at another node, the second one is sent there: a host and its clones are settled by one node.
async fn clone_of(services: &Services, peer: &Peer) -> Result<Option<Restriction>, Rejected> {
    let (boot, key) = (peer.boot.as_deref(), peer.key);
    let address = match services.registry.reach(&peer.host) {
        None => None,
        Some(Reach::Here(older)) => older.is_beside(boot, key).await,
        Some(Reach::Elsewhere(older)) => {
            let address = older.is_beside(boot, key).await;
            match services.redirect.addresses(older.node).filter(|_| address.is_some()) {
                Some(server) => return Err(Rejected::Beside(server)),
                None => address,
            }
        }
    };
    let why = |address: String| {
        format!(
            "another agent with this identity was connected before, from {address}, and answers; \
             settle which of them is the host"
        )
    };
    Ok(address.map(|address| Restriction::Clone(why(address).into())))
}

/// Enters a session. Returns `false` when its host has too many clones already.
pub(super) async fn enter(services: &Services, session: &Arc<Session>) -> bool {
    let (host, from) = (&session.host, session.address);
    if let Some(Restriction::Clone(why)) = session.restriction() {
        log_limited!(CLONES, warn, "{host}: quarantined a second agent, from {from}: {why}");
        let is_first = services.registry.clones(host).is_empty();
        let entered = services.registry.enter_clone(session);
        if is_first && entered && EVENTS.line().is_some() {
            services.identity.note_clone(host, from.ip(), &why).await;
        }
        return entered;
    }
    let replaced = services.registry.enter(session);
    services.store.has_host(host);
    match replaced {
        Some(older) => {
            log::warn!("{host}: a new session from {from} replaces the one from {}", older.address);
        }
        None => log_limited!(super::SESSIONS, info, "{host}: connected from {from}"),
    }
    true
}
