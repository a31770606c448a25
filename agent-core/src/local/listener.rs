//! Connections to the local socket: who may connect, how many at once, and for how long.

use super::Socket;
use crate::caller::Peer;
use crate::config::Config;
use crate::dispatch::Dispatcher;
use crate::session::{Leaving, SessionEnd, serve};
use crate::shutdown::Stopping;
use agent_wire::{Decoder, Limits};
use nix::unistd::geteuid;
use std::future::{Pending, pending};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that are served at once; further ones wait until the kernel's queue is full.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection that waits for no reply may send no message, or leave one unfinished;
/// twice as long at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when a connection can't be accepted, as for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves the local socket.
pub(crate) struct Local {
    socket: Socket,
    config: watch::Receiver<Arc<Config>>,
    dispatcher: Arc<Dispatcher>,
    stopping: Stopping,
}

impl Local {
    /// Takes over a listening socket; nothing is accepted until [`Local::run`].
    pub(crate) fn new(
        socket: Socket,
        config: watch::Receiver<Arc<Config>>,
        dispatcher: Arc<Dispatcher>,
        stopping: Stopping,
    ) -> Self {
        Self { socket, config, dispatcher, stopping }
    }

    /// Serves until the agent stops and the last replies are sent.
    pub(crate) async fn run(self) {
        let mut sessions = JoinSet::new();
        let mut stopping = self.stopping.clone();
        loop {
            tokio::select! {
                accepted = self.socket.listener.accept(), if sessions.len() < MAX_CONNECTIONS => {
                    match accepted.and_then(|(stream, _)| Ok((peer_of(&stream)?, stream))) {
                        Ok((Some(peer), stream)) => drop(sessions.spawn(self.session(peer, stream))),
                        Ok((None, _)) => {}
                        Err(error) => {
                            log::error!("cannot accept a connection: {error}");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                        }
                    }
                }
                Some(_) = sessions.join_next() => {}
                () = stopping.closing() => break,
            }
        }
        while sessions.join_next().await.is_some() {}
    }

    fn session(&self, peer: Peer, stream: UnixStream) -> impl Future<Output = ()> + Send + use<> {
        let max_message = self.config.borrow().max_message;
        let decoder = Decoder::new(Limits { max_message, ..Limits::default() });
        let (dispatcher, mut stopping) = (self.dispatcher.clone(), self.stopping.clone());
        async move {
            let end =
                serve(stream, peer, decoder, &dispatcher, &mut stopping, never(), Some(PATIENCE))
                    .await;
            match end {
                SessionEnd::Closed | SessionEnd::Left => {}
                SessionEnd::Quiet => log::debug!("closed an idle connection"),
                SessionEnd::Lost(error) => log::debug!("connection lost: {error}"),
                SessionEnd::Garbage(error) => log::warn!("{error}; connection closed"),
            }
        }
    }
}

/// Returns the process that has connected; `None` if it may not.
fn peer_of(stream: &UnixStream) -> io::Result<Option<Peer>> {
    let whose = stream.peer_cred()?;
    let (uid, pid) = (whose.uid(), whose.pid().unwrap_or(0));
    if uid != 0 && uid != geteuid().as_raw() {
        log::warn!("rejected a connection from process {pid} of uid {uid}");
        return Ok(None);
    }
    Ok(Some(Peer::Local { pid, uid }))
}

/// The listener's sessions end by their other end, or by its silence.
fn never() -> Leaving<Pending<()>, Pending<()>> {
    Leaving { at_once: pending(), when_idle: pending() }
}
