//! The agents' ports. Each connection gets a task, owned here; their number is bounded.

use super::handshake::{self, Services};
use super::places::{Place, PlaceBounds, Places};
use super::socket;
use crate::error::Error;
use crate::log_limit::{LogLimit, log_limited};
use crate::metrics::Handshake;
use crate::proxy::ProxySources;
use crate::stop::Stop;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Connections that the kernel holds until they are accepted; it takes at most net.core.somaxconn
/// (listen(2)). Beyond them it answers with SYN cookies, and resets clients whose cookie returns
/// while the queue is still full: a herd of agents, or a thousand requests at once, would see that.
const BACKLOG: u32 = 4096;

/// The pause in accepting when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a connection is refused.
pub(super) const CROWDED: &str =
    "too many from this address are not sessions yet (--max-opening-per-address)";

/// Log lines a minute about connections that cannot be accepted.
static REFUSALS: LogLimit = LogLimit::new(2);

/// The time for open sessions to end when the controller stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The bounds on connections, shared by all ports.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    opening: Arc<Places>,
    open: Arc<Semaphore>,
}

impl Permits {
    /// Makes room for `max_connections` connections, of which `opening` bounds those that are not
    /// sessions yet.
    pub(crate) fn new(max_connections: usize, opening: PlaceBounds) -> Self {
        let open = max_connections.min(Semaphore::MAX_PERMITS);
        Self { opening: Places::new(opening), open: Arc::new(Semaphore::new(open)) }
    }

    /// Returns the number of connections that are not sessions yet.
    pub(crate) fn opening(&self) -> usize {
        self.opening.taken()
    }
}

/// Opens a port.
///
/// # Errors
/// When the address is in use or not this host's.
pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart need not wait for the end of old connections (TIME-WAIT).
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| Error::Bind { address, source })
}

/// Accepts agents until `stop`, then waits for their sessions to end, at most [`CLOSE_TIMEOUT`].
pub(crate) async fn serve(
    listener: TcpListener,
    permits: Permits,
    services: Arc<Services>,
    mut stop: Stop,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits, &services.proxies) => match accepted {
                Ok((_, peer, None, _)) => {
                    services.metrics.handshakes.add_one(Handshake::Crowded);
                    log_limited!(REFUSALS, warn, "refused a connection from {peer}: {CROWDED}");
                }
                Ok((stream, peer, Some(opening), open)) => {
                    let services = Arc::clone(&services);
                    let stop = stop.clone();
                    let served = handshake::serve(stream, peer, opening, open, services, stop);
                    connections.spawn(served);
                }
                Err(error) => {
                    // A failed connection, or no resources for now: both pass.
                    log_limited!(REFUSALS, warn, "cannot accept an agent: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    log::error!("a session's task panicked: {error}");
                }
            }
            () = stop.requested() => break,
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(CLOSE_TIMEOUT, all).await.is_err() {
        log::warn!("{} agents did not disconnect in time", connections.len());
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Permits,
    proxies: &ProxySources,
) -> io::Result<(TcpStream, SocketAddr, Option<Place>, OwnedSemaphorePermit)> {
    let closed = |_| io::Error::other("the semaphore is closed");
    let open = Arc::clone(&permits.open).acquire_owned().await.map_err(closed)?;
    permits.opening.available().await;
    let (stream, mut peer) = listener.accept().await?;
    // A port on [::] takes IPv4 too, and calls it ::ffff:192.0.2.7.
    peer.set_ip(peer.ip().to_canonical());
    let source = (!proxies.name(peer.ip())).then_some(peer.ip());
    let place = permits.opening.enter(source);
    if let Some(place) = &place
        && source.is_some()
        && socket::has_bytes(&stream)
    {
        // Its task may take a while to read them when thousands come at once.
        place.spoken();
    }
    Ok((stream, peer, place, open))
}
