//! One TCP connection on its way to a session (PROTOCOL §2, §3): the `bootstrap`, then TLS, then
//! the `init` that is authoritative. Each step has a deadline.
//!
//! A peer that sends something else, too much, or nothing is `rejected`.

mod bootstrap;
mod init;
mod joining;
mod rejected;
mod secure;
mod standing;

use super::admission::Admission;
use super::approvals::Approvals;
use super::channel::Channel;
use super::peer::Peer;
use super::places::Place;
use super::redirect::Rule;
use super::registry::Registry;
use super::room::Room;
use super::session::Session;
use super::socket;
use super::tls::{Presented, ServerSide, Tls};
use super::trust::TrustQueue;
use crate::identity::Identity;
use crate::log_limit::{LogLimit, log_limited};
use crate::metrics::{Handshake, Metrics};
use crate::proxy::{self, ProxySources};
use crate::stop::Stop;
use crate::store::Store;
use agent_wire::Decoder;
use agent_wire::message::{Init, InitReply};
use bootstrap::{Next, Parting};
use rejected::Rejected;
use secure::Secured;
use standing::Seen;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;

/// The time for each step: first byte and `init`, the TLS handshake, `init` inside TLS.
const STEP: Duration = Duration::from_secs(10);

/// The wait, in seconds, for an agent whose record cannot be read.
const AWAY: u64 = 30;

/// Log lines a minute for connections that did not become sessions. Anybody can cause them.
static REJECTIONS: LogLimit = LogLimit::new(30);

/// Log lines a minute about sessions that begin and end: a whole fleet's may at once.
static SESSIONS: LogLimit = LogLimit::new(600);

/// Log lines a minute about agents that are to come back later.
static BUSY: LogLimit = LogLimit::new(2);

/// The shortest time over which agents come back after a stop, in seconds: a controller that is
/// restarted should listen again by then.
const MIN_RETURN: u64 = 5;

/// The services that a connection uses.
pub(crate) struct Services {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// Which agents are redirected, and where to.
    pub(crate) redirect: Rule,
    /// The server's side of TLS.
    pub(crate) tls: Tls,
    /// The turns for TLS handshakes.
    pub(crate) admission: Admission,
    /// The load balancers that say where their connections come from.
    pub(crate) proxies: ProxySources,
    /// The room for unfinished messages.
    pub(crate) room: Room,
    /// The store of results.
    pub(crate) store: Arc<dyn Store>,
    /// Who is a host.
    pub(crate) identity: Arc<Identity>,
    /// The hosts that wait for an operator's approval.
    pub(crate) approvals: Arc<Approvals>,
    /// Where sessions are announced whose hosts are behind the CA.
    pub(crate) trust: TrustQueue,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// The time within which agents come back after a stop, in seconds; set by the first session
    /// that ends for it.
    pub(crate) return_within: OnceLock<u64>,
}

impl Services {
    /// Returns the time over which the agents are to come back, in seconds: each of those that are
    /// connected when the stop begins needs a handshake.
    pub(super) fn return_within(&self) -> u64 {
        let count = || self.admission.seconds_for(self.registry.count()).max(MIN_RETURN);
        *self.return_within.get_or_init(count)
    }
}

/// How the opening of a connection ended.
#[expect(clippy::large_enum_variant, reason = "a channel is moved once, to where it stays")]
enum Opened {
    /// As a session, with its channel, and the server's side of TLS that it follows.
    Session(Arc<Session>, Channel, watch::Receiver<ServerSide>, Seen),
    /// A host asked to join, and was answered.
    Joined,
    /// A host asked to join, and waits for an operator's approval.
    Waiting(joining::Waiting),
    /// The agent was sent away.
    Gone(Parting),
}

/// Serves one connection from its first byte to its end. Gives `opening` back once the connection
/// is a session, and `open` when it is over.
pub(super) async fn serve(
    stream: TcpStream,
    mut peer: SocketAddr,
    opening: Place,
    open: OwnedSemaphorePermit,
    services: Arc<Services>,
    mut stop: Stop,
) {
    let opened = tokio::select! {
        // On the heap, and freed once it is through: an idle session's task stays small.
        opened = Box::pin(admit(stream, &mut peer, &opening, &services)) => opened,
        () = stop.requested() => Err(Rejected::Stopped),
    };
    drop(opening);
    match opened {
        Ok(Opened::Session(session, channel, tls, seen)) => {
            services.metrics.handshakes.add_one(channel.handshake());
            let host = session.host.clone();
            if Box::pin(standing::enter(&services, &session)).await {
                Box::pin(standing::look_again(&services, &session, seen)).await;
                services.trust.opened(&session, &services.identity.ca().current());
                let reason = channel.run(&session, &services, tls, &mut stop).await;
                let serves = services.registry.serves(&session);
                // First: whoever hears that the host has gone looks why.
                let why = serves.then_some(reason.departure());
                Box::pin(services.identity.left(&host, why)).await;
                services.registry.leave(&session);
                log_limited!(SESSIONS, info, "{host}: disconnected from {peer}: {reason}");
            }
        }
        Ok(Opened::Joined) => {}
        Ok(Opened::Waiting(waiting)) => {
            if let Err(error) = Box::pin(waiting.serve(&services, &mut stop)).await {
                log::debug!("{peer}: a host that waits for its approval has gone: {error}");
            }
        }
        Ok(Opened::Gone(Parting::Redirected)) => {
            services.metrics.handshakes.add_one(Handshake::Redirected);
            log_limited!(SESSIONS, info, "{peer}: redirected");
        }
        Ok(Opened::Gone(Parting::Busy)) => {
            services.metrics.handshakes.add_one(Handshake::Busy);
            log_limited!(BUSY, info, "{peer}: told to come back later: too many handshakes");
        }
        Err(Rejected::Stopped) => {}
        Err(why) => {
            services.metrics.handshakes.add_one(why.outcome());
            log_limited!(REJECTIONS, info, "{peer}: rejected: {why}");
        }
    }
    drop(open);
}

/// Takes a connection through bootstrap, TLS and `init`. A balancer's header changes `peer`.
async fn admit(
    mut stream: TcpStream,
    peer: &mut SocketAddr,
    place: &Place,
    services: &Services,
) -> Result<Opened, Rejected> {
    socket::tune(&stream).map_err(|error| Rejected::Io("socket", error))?;
    if services.proxies.name(peer.ip()) {
        step("PROXY header", bootstrap::first_byte(&stream, place)).await?;
        *peer = tokio::select! {
            read = proxy::read(&mut stream, *peer) => read.map_err(Rejected::Proxy)?,
            () = place.evicted() => return Err(Rejected::Evicted),
        };
        if !place.belongs_to(peer.ip()) {
            return Err(Rejected::Crowded);
        }
    }
    let peer = *peer;
    match bootstrap::run(&mut stream, peer, place, services).await? {
        Next::Tls => {}
        Next::Gone(parting) => return Ok(Opened::Gone(parting)),
    }
    let mut tls = services.tls.follow();
    let side = tls.borrow_and_update().clone();
    let mut stream = match step(secure::STEP, secure::run(stream, &side)).await? {
        Secured::Agent(stream) => stream,
        Secured::Joining(stream) => {
            let waiting = joining::serve(stream, peer, services).await?;
            return Ok(waiting.map_or(Opened::Joined, Opened::Waiting));
        }
    };
    let mut decoder = Decoder::new(Channel::LIMITS);
    let bound = step("init inside TLS", init::bound(&mut stream, &mut decoder, &side)).await;
    let (init, presented) = match bound {
        Ok(bound) => bound,
        Err(why) => return Err(why.tell(&mut stream).await),
    };
    let mut reply = services.redirect.decide();
    let mut place = None;
    if matches!(reply, InitReply::Accept) {
        match standing::judge(services, identified(init, presented, peer), presented.leaf).await {
            Ok(judged) => place = Some(judged),
            Err(Rejected::Away) => reply = InitReply::Busy { retry_after: AWAY },
            Err(Rejected::Beside(server)) => reply = InitReply::Redirect { server },
            Err(why) => return Err(why.tell(&mut stream).await),
        }
    }
    step("init inside TLS", init::write(&mut stream, &reply.to_line())).await?;
    let Some((agent, restriction, seen)) = place else {
        socket::close_gracefully(&mut stream).await;
        return match reply {
            InitReply::Busy { .. } => Err(Rejected::Away),
            _ => Ok(Opened::Gone(Parting::Redirected)),
        };
    };
    let session = Arc::new(Session::new(agent, SystemTime::now()));
    session.restrict(restriction);
    let channel = Channel::new(stream, decoder, presented.end, services);
    Ok(Opened::Session(session, channel, tls, seen))
}

/// Puts together what is known of an agent whose `init` its certificate vouches for.
fn identified(init: Init, presented: Presented, address: SocketAddr) -> Peer {
    Peer {
        host: init.hostname,
        address,
        version: init.version,
        boot: init.boot,
        key: presented.leaf.key,
        issuer: presented.issuer,
        ca_version: init.ca_version.and_then(|version| version.try_into().ok()),
    }
}

async fn step<T>(
    name: &'static str,
    doing: impl Future<Output = Result<T, Rejected>>,
) -> Result<T, Rejected> {
    timeout(STEP, doing).await.unwrap_or(Err(Rejected::TooSlow(name)))
}
