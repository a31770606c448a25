//! The API's HTTP/1.1 server on loopback: connections bounded, slow ones given up, all ended at stop.

use crate::stop::Stop;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Clients connected at once; more wait unaccepted.
const MAX_CLIENTS: usize = 4096;

/// How long a client may take for the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long answers that are being written have when the controller stops.
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
                    log::warn!("API: accept: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = clients.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    log::error!("API: a client's task panicked: {error}");
                }
            }
            () = stop.said() => break,
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
        () = stop.said() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        log::debug!("API: {error}");
    }
}
