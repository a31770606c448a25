//! One TCP connection on its way to a session (PROTOCOL §2, §3): the `bootstrap`, then TLS, then
//! the `init` that is authoritative. Each step has a deadline.
//!
//! A peer that sends something else, too much, or nothing is `rejected`.

mod bootstrap;
mod init;
mod rejected;
mod secure;
mod standing;

use super::channel::Channel;
use super::places::Place;
use super::redirect::{self, Redirect};
use super::registry::Registry;
use super::room::Room;
use super::session::{Peer, Session};
use super::socket;
use super::tls::{ServerSide, Tls};
use crate::identity::Leaf;
use crate::log_limit::{LogLimit, log_limited};
use crate::metrics::{Handshake, Metrics};
use crate::stop::Stop;
use crate::store::Store;
use agent_wire::message::{Init, InitReply};
use agent_wire::{Decoder, Retcode};
use bootstrap::Next;
use fleet::identity::Issuer;
use rejected::Rejected;
use secure::Secured;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// The time for each step: first byte and `init`, the TLS handshake, `init` inside TLS.
const STEP: Duration = Duration::from_secs(10);

/// Log lines a minute for connections that did not become sessions. Anybody can cause them.
static REJECTIONS: LogLimit = LogLimit::new(30);

/// The services that a connection uses.
pub(crate) struct Services {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The addresses that agents are redirected to, if they are.
    pub(crate) redirect: Option<Redirect>,
    /// The server's side of TLS.
    pub(crate) tls: Tls,
    /// The room for unfinished messages.
    pub(crate) room: Room,
    /// The store of results.
    pub(crate) store: Arc<dyn Store>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
}

/// A session, its channel, and the server's side of TLS that it follows.
type Admitted = (Arc<Session>, Channel, watch::Receiver<ServerSide>);

/// Serves one connection from its first byte to its end. Gives `opening` back once the connection
/// is a session, and `open` when it is over.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    opening: Place,
    open: OwnedSemaphorePermit,
    services: Arc<Services>,
    mut stop: Stop,
) {
    let opened = tokio::select! {
        // On the heap, and freed once it is through: an idle session's task stays small.
        opened = Box::pin(admit(stream, peer, &opening, &services)) => opened,
        () = opening.evicted() => Err(Rejected::Evicted),
        () = stop.requested() => Err(Rejected::Stopped),
    };
    drop(opening);
    match opened {
        Ok(Some((session, channel, tls))) => {
            services.metrics.handshakes.add_one(channel.handshake());
            let host = session.host.clone();
            if standing::enter(&services, &session) {
                let reason = channel.run(&session, &services, tls, &mut stop).await;
                services.registry.leave(&session);
                log::info!("{host}: disconnected from {peer}: {reason}");
            }
        }
        Ok(None) => {
            services.metrics.handshakes.add_one(Handshake::Redirected);
            log::info!("{peer}: redirected");
        }
        Err(Rejected::Stopped) => {}
        Err(why) => {
            services.metrics.handshakes.add_one(why.outcome());
            log_limited!(REJECTIONS, info, "{peer}: rejected: {why}");
        }
    }
    drop(open);
}

/// Takes a connection through bootstrap, TLS and `init`; `None` if the agent was redirected.
async fn admit(
    mut stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    services: &Services,
) -> Result<Option<Admitted>, Rejected> {
    socket::tune(&stream).map_err(|error| Rejected::Io("socket", error))?;
    match bootstrap::run(&mut stream, place, services).await? {
        Next::Tls => {}
        Next::Elsewhere => return Ok(None),
    }
    let mut tls = services.tls.follow();
    let side = tls.borrow_and_update().clone();
    let mut stream = match step(secure::STEP, secure::run(stream, &side)).await? {
        Secured::Agent(stream) => stream,
        Secured::Joining(_) => return Ok(None),
    };
    let mut decoder = Decoder::new(Channel::LIMITS);
    let init = match step("init inside TLS", init::bound(&mut stream, &mut decoder)).await {
        Ok(init) => init,
        Err(why) => return Err(why.tell(&mut stream).await),
    };
    let peer = identified(&stream, &side, init, peer)?;
    let place = standing::judge(services, &peer).await;
    let reply = redirect::decide(services.redirect.as_ref());
    step("init inside TLS", init::write(&mut stream, &reply.to_line())).await?;
    if !matches!(reply, InitReply::Accept) {
        socket::close_gracefully(&mut stream).await;
        return Ok(None);
    }
    let session = Arc::new(Session::new(peer, SystemTime::now()));
    session.restrict(place);
    Ok(Some((session, Channel::new(stream, decoder, services), tls)))
}

/// Puts together what is known of an agent whose `init` its certificate vouches for.
fn identified(
    stream: &TlsStream<TcpStream>,
    side: &ServerSide,
    init: Init,
    address: SocketAddr,
) -> Result<Peer, Rejected> {
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let leaf = chain.first().and_then(Leaf::read).ok_or_else(|| {
        Rejected::Refused(Retcode::Refused, "the certificate cannot be read".to_owned())
    })?;
    Ok(Peer {
        host: init.hostname,
        address,
        version: init.version,
        boot: init.boot,
        key: leaf.key,
        issuer: if side.is_foreign(chain) { Issuer::Foreign } else { Issuer::Own },
        ca_version: init.ca_version.and_then(|version| version.try_into().ok()),
    })
}

async fn step<T>(
    name: &'static str,
    doing: impl Future<Output = Result<T, Rejected>>,
) -> Result<T, Rejected> {
    timeout(STEP, doing).await.unwrap_or(Err(Rejected::TooSlow(name)))
}
