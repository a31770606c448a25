//! The API's HTTP/1.1 server. It bounds the connections, drops slow ones, and ends all at the stop.

use crate::stop::Stop;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connected clients; more of them wait unaccepted.
const MAX_CLIENTS: usize = 4096;

/// The time for a client to send the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The pause in accepting when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time to finish responses when the controller stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves `router` until `stop`.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: Stop) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                Ok((stream, _)) => {
                    clients.spawn(client(stream, router.clone(), stop.clone()));
                }
                Err(error) => {
                    log::warn!("cannot accept an API client: {error}");
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
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, all).await;
}

async fn client(stream: TcpStream, router: Router, mut stop: Stop) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
