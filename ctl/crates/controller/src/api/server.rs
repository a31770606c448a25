//! The API's HTTP/1.1 server, plain or over TLS. It bounds the connections, in all and per address,
//! drops slow ones, and ends all at the stop.
//!
//! A client needs no token to hold a connection. So where connections run out, the one that has sent
//! no whole request for the longest time makes room.

use super::connection::Connection;
use super::https::{self, HttpsSide, Transport};
use super::problem::ApiError;
use super::wrong_tokens::Peer;
use crate::agents::{Place, PlaceBounds, Places};
use crate::auth::{Known, Secure};
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
#[derive(Debug)]
pub(crate) struct Clients {
    places: Arc<Places>,
    /// Connections in all, those included that have lost their place and are about to end.
    most: usize,
}

impl Clients {
    /// Makes places for almost so many clients; one address may hold half of them.
    pub(crate) fn new(most: usize) -> Self {
        let in_all = (most - most / 8).max(1);
        let bounds = PlaceBounds { in_all, per_source: in_all.div_ceil(2) };
        Self { places: Places::new(bounds), most }
    }
}

/// Returns the address that a connection counts for; none on loopback, where one address has all
/// clients, nor for a load balancer before its header has come.
fn counted(peer: SocketAddr, proxies: &ProxySources) -> Option<IpAddr> {
    let address = peer.ip().to_canonical();
    (!address.is_loopback() && !proxies.name(address)).then_some(address)
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
    let Clients { places, most } = bounds;
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener, &places), if clients.len() < most => match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = places.enter(counted(peer, &proxies)) else {
                        log_crowded(peer);
                        continue;
                    };
                    let by_proxy = proxies.name(peer.ip());
                    let (router, stop, side) = (router.clone(), stop.clone(), transport.side());
                    clients.spawn(async move {
                        let place = Arc::new(place);
                        let served = serve_one(stream, peer, by_proxy, side, &place, router, stop);
                        tokio::select! {
                            () = served => {}
                            () = place.evicted() => {
                                log::debug!("API: {peer} made room for another client");
                            }
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

/// Accepts a connection once there is a place, or a silent client that can make room.
async fn accept(
    listener: &TcpListener,
    places: &Places,
) -> std::io::Result<(TcpStream, SocketAddr)> {
    places.available().await;
    listener.accept().await
}

/// Serves a connection from its first byte to its end.
async fn serve_one(
    mut stream: TcpStream,
    mut peer: SocketAddr,
    by_proxy: bool,
    side: Option<HttpsSide>,
    place: &Arc<Place>,
    router: Router,
    stop: Stop,
) {
    let _ = stream.set_nodelay(true);
    if by_proxy {
        peer = match proxy::read(&mut stream, peer).await {
            Ok(client) => client,
            Err(error) => {
                log_limited!(REFUSALS, warn, "API: rejected a connection from {peer}: {error}");
                return;
            }
        };
        if !place.belongs_to(peer.ip()) {
            return log_crowded(peer);
        }
    }
    let client = Client { peer, place: Arc::clone(place), router, stop };
    match side {
        None => client.serve(stream, Secure(false)).await,
        Some(side) => match https::accept(side, stream).await {
            Ok(stream) => client.serve(stream, Secure(true)).await,
            Err(error) => log::debug!("an API client's handshake: {error}"),
        },
    }
}

fn log_crowded(peer: SocketAddr) {
    log_limited!(
        REFUSALS,
        warn,
        "API: closed a connection from {}, which has half of all already",
        peer.ip()
    );
}

/// Rejects a request with Transfer-Encoding. Where there is a Content-Length beside it, the two may
/// disagree on where the next request starts (RFC 9112 §6.3), and hyper hides whether there is one.
fn chunked() -> Response {
    let why = "Transfer-Encoding is not accepted; send the body with a Content-Length";
    let mut response = ApiError::InvalidRequest(why.to_owned()).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// One client's connection.
struct Client {
    peer: SocketAddr,
    place: Arc<Place>,
    router: Router,
    stop: Stop,
}

impl Client {
    /// Serves requests, one after the other.
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        self,
        stream: S,
        secure: Secure,
    ) {
        let Self { peer, place, router, mut stop } = self;
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            // From its first whole request on, it makes room for no other client.
            place.spoken();
            request.extensions_mut().insert(Peer(peer.ip()));
            request.extensions_mut().insert(secure);
            request.extensions_mut().insert(Known::default());
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
}
