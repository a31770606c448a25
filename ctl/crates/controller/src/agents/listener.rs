//! The agents' ports: taken, bounded, accepted from. Each connection gets a task, owned here.

use super::handshake::{self, Shared};
use crate::error::Error;
use crate::stop::Stop;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many connections may be on their way to a session at once, over all ports; more wait unaccepted.
const MAX_OPENING: usize = 2048;

/// How long accepting pauses when the process is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long open sessions have to say good-bye when the controller stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What all ports share.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
    opening: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Permits {
    /// Room for `max_connections` sessions.
    pub(crate) fn new(max_connections: u32) -> Self {
        let open = usize::try_from(max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { opening: Arc::new(Semaphore::new(MAX_OPENING)), open: Arc::new(Semaphore::new(open)) }
    }
}

/// Takes a port.
///
/// # Errors
/// When it can't be taken.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Bind { address, source })
}

/// Accepts until `stop`, then waits for the sessions to end, within [`CLOSE_TIMEOUT`].
pub(crate) async fn serve(listener: TcpListener, permits: Permits, shared: Arc<Shared>, mut stop: Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, peer, opening, open)) => {
                    let (shared, stop) = (Arc::clone(&shared), stop.clone());
                    connections.spawn(handshake::serve(stream, peer, opening, open, shared, stop));
                }
                Err(error) => {
                    // One connection's own error, or none to be had for now: both pass.
                    log::warn!("accept: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    log::error!("a session's task panicked: {error}");
                }
            }
            () = stop.said() => break,
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(CLOSE_TIMEOUT, all).await.is_err() {
        log::warn!("{} connections did not close in time", connections.len());
    }
}

type Permit = tokio::sync::OwnedSemaphorePermit;

async fn accept(
    listener: &TcpListener,
    permits: &Permits,
) -> io::Result<(TcpStream, SocketAddr, Permit, Permit)> {
    let closed = |_| io::Error::other("the semaphore is closed");
    let open = Arc::clone(&permits.open).acquire_owned().await.map_err(closed)?;
    let opening = Arc::clone(&permits.opening).acquire_owned().await.map_err(closed)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, opening, open))
}
