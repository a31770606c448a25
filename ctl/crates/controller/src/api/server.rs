//! The API's HTTP/1.1 server, plain or over TLS. It bounds the connections, in all and per address,
//! drops slow ones, and ends all at the stop.

use super::connection::Connection;
use super::https::{self, Transport};
use super::problem::ApiError;
use super::wrong_tokens::Peer;
use crate::auth::Secure;
use crate::log_limit::{LogLimit, log_limited};
use crate::proxy::{self, ProxySources};
use crate::stop::Stop;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The time for a client to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause in accepting when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time to finish responses after the drain.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Log lines a minute about clients that cannot be accepted.
static REFUSALS: LogLimit = LogLimit::new(2);

/// The bounds on the connections of clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients {
    /// From all addresses; more of them wait unaccepted.
    pub(crate) in_all: usize,
    /// From one address that is not on loopback; more of them are closed.
    pub(crate) per_address: usize,
}

impl Clients {
    /// Leaves half of all connections for other addresses.
    pub(crate) const fn new(in_all: usize) -> Self {
        Self { in_all, per_address: in_all.div_ceil(2) }
    }
}

/// The number of each address's connections.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<IpAddr, usize>>);

/// One connection of an address, until it is dropped.
struct Place {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    /// Counts a connection; `None` when its address has as many as it may.
    fn enter(self: &Arc<Self>, address: IpAddr, most: usize) -> Option<Place> {
        let address = address.to_canonical();
        let mut addresses = self.0.lock();
        let count = addresses.entry(address).or_default();
        if *count >= most && !address.is_loopback() {
            log_limited!(
                REFUSALS,
                warn,
                "API: closed a connection from {address}, which has {most} already"
            );
            return None;
        }
        *count += 1;
        Some(Place { addresses: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.0.lock();
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

/// Serves `router` until `stop`, then finishes the requests in flight, for which agents may reply
/// within `drain`.
pub(crate) async fn serve(
    listener: TcpListener,
    transport: Arc<Transport>,
    router: Router,
    bounds: Clients,
    proxies: ProxySources,
    drain: Duration,
    mut stop: Stop,
) {
    let mut clients = JoinSet::new();
    let addresses = Arc::new(Addresses::default());
    loop {
        tokio::select! {
            accepted = listener.accept(), if clients.len() < bounds.in_all => match accepted {
                Ok((stream, peer)) => {
                    let place = if proxies.name(peer.ip()) {
                        None
                    } else {
                        let Some(place) = addresses.enter(peer.ip(), bounds.per_address) else {
                            continue;
                        };
                        Some(place)
                    };
                    let addresses = Arc::clone(&addresses);
                    let (router, stop, side) = (router.clone(), stop.clone(), transport.side());
                    clients.spawn(async move {
                        let accepted = accept(stream, peer, place, &addresses, bounds).await;
                        let Some((stream, peer, _place)) = accepted else { return };
                        match side {
                            None => client(stream, peer, Secure(false), router, stop).await,
                            Some(side) => match https::accept(side, stream).await {
                                Ok(stream) => {
                                    client(stream, peer, Secure(true), router, stop).await;
                                }
                                Err(error) => log::debug!("an API client's handshake: {error}"),
                            },
                        }
                    });
                }
                Err(error) => {
                    log_limited!(REFUSALS, warn, "cannot accept an API client: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = clients.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    log::error!("the task of an API client panicked: {error}");
                }
            }
            () = stop.requested() => break,
        }
    }
    drop(listener);
    let all = async { while clients.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(drain + CLOSE_TIMEOUT, all).await;
}

/// Prepares a connection; one without a place comes from a load balancer, whose header says for
/// which address it counts.
async fn accept(
    mut stream: TcpStream,
    mut peer: SocketAddr,
    mut place: Option<Place>,
    addresses: &Arc<Addresses>,
    bounds: Clients,
) -> Option<(TcpStream, SocketAddr, Place)> {
    let _ = stream.set_nodelay(true);
    if place.is_none() {
        peer = match proxy::read(&mut stream, peer).await {
            Ok(client) => client,
            Err(error) => {
                log_limited!(REFUSALS, warn, "API: rejected a connection from {peer}: {error}");
                return None;
            }
        };
        place = addresses.enter(peer.ip(), bounds.per_address);
    }
    Some((stream, peer, place?))
}

/// Rejects a request with Transfer-Encoding. Where there is a Content-Length beside it, the two may
/// disagree on where the next request starts (RFC 9112 §6.3), and hyper hides whether there is one.
fn chunked() -> Response {
    let why = "Transfer-Encoding is not accepted; send the body with a Content-Length";
    let mut response = ApiError::InvalidRequest(why.to_owned()).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Serves one client's requests, one after the other.
async fn client<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    secure: Secure,
    router: Router,
    mut stop: Stop,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        request.extensions_mut().insert(secure);
        let router = router.clone();
        async move {
            if request.headers().contains_key(header::TRANSFER_ENCODING) {
                return Ok(chunked());
            }
            router.call(request).await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(Connection::new(stream)), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        log::debug!("an API client's connection failed: {error}");
    }
}
