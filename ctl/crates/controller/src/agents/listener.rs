//! The agents' ports. Each connection gets a task, owned here; their number is bounded.

use super::handshake::{self, Services};
use crate::error::Error;
use crate::stop::Stop;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Connections in a handshake at once, over all ports; more of them wait unaccepted.
const MAX_OPENING: usize = 2048;

/// The pause in accepting when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The time for open sessions to end when the controller stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The bounds on connections, shared by all ports.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    opening: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Permits {
    /// Makes room for `max_connections` sessions.
    pub(crate) fn new(max_connections: u32) -> Self {
        let open =
            usize::try_from(max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            opening: Arc::new(Semaphore::new(MAX_OPENING)),
            open: Arc::new(Semaphore::new(open)),
        }
    }
}

/// Opens a port.
///
/// # Errors
/// When the address is in use or not this host's.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
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
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, peer, opening, open)) => {
                    let services = Arc::clone(&services);
                    let stop = stop.clone();
                    let served = handshake::serve(stream, peer, opening, open, services, stop);
                    connections.spawn(served);
                }
                Err(error) => {
                    // A failed connection, or no resources for now: both pass.
                    log::warn!("cannot accept an agent: {error}");
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
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit, OwnedSemaphorePermit)> {
    let closed = |_| io::Error::other("the semaphore is closed");
    let open = Arc::clone(&permits.open).acquire_owned().await.map_err(closed)?;
    let opening = Arc::clone(&permits.opening).acquire_owned().await.map_err(closed)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, opening, open))
}
