//! The API's HTTP/1.1 server. It bounds the connections, drops slow ones, and ends all at the stop.

use super::connection::Connection;
use super::problem::ApiError;
use super::wrong_tokens::Peer;
use crate::log_limit::{LogLimit, log_limited};
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
use std::net::SocketAddr;
use std::time::Duration;
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

/// Serves `router` until `stop`, then finishes the requests in flight, for which agents may reply
/// within `drain`. At most `max_clients` are connected; more of them wait unaccepted.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    max_clients: usize,
    drain: Duration,
    mut stop: Stop,
) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if clients.len() < max_clients => match accepted {
                Ok((stream, peer)) => {
                    clients.spawn(client(stream, peer, router.clone(), stop.clone()));
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

/// Rejects a request with Transfer-Encoding. Where there is a Content-Length beside it, the two may
/// disagree on where the next request starts (RFC 9112 §6.3), and hyper hides whether there is one.
fn chunked() -> Response {
    let why = "Transfer-Encoding is not accepted; send the body with a Content-Length";
    let mut response = ApiError::InvalidRequest(why.to_owned()).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn client(stream: TcpStream, peer: SocketAddr, router: Router, mut stop: Stop) {
    let _ = stream.set_nodelay(true);
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
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
