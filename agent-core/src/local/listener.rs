//! Connections to the local socket: whose they are, how many, how long.

use super::Socket;
use crate::caller::Peer;
use crate::config::Config;
use crate::dispatch::Dispatcher;
use crate::session::{End, serve};
use crate::shutdown::Stopping;
use agent_wire::{Decoder, Limits};
use nix::unistd::geteuid;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that are served at once; those beyond wait until the kernel's queue is full.
const MAX_CONNECTIONS: usize = 64;

/// How long a connection to which no answer is owed may leave a message unfinished, or send none; twice as long at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait when a connection can't be taken, as for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves the local socket.
pub(crate) struct Local {
    socket: Socket,
    config: watch::Receiver<Arc<Config>>,
    dispatcher: Arc<Dispatcher>,
    stopping: Stopping,
}

impl Local {
    /// Over a socket that listens; nothing is taken until [`Local::run`].
    pub(crate) fn new(
        socket: Socket,
        config: watch::Receiver<Arc<Config>>,
        dispatcher: Arc<Dispatcher>,
        stopping: Stopping,
    ) -> Self {
        Self { socket, config, dispatcher, stopping }
    }

    /// Serves until the agent ends, and the last answers are out.
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
                            log::error!("local socket: {error}");
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
                serve(stream, peer, decoder, &dispatcher, &mut stopping, pending(), Some(PATIENCE)).await;
            match end {
                End::Closed | End::Left => {}
                End::Quiet => log::debug!("local socket: a connection that asked for nothing is closed"),
                End::Lost(error) => log::debug!("local socket: {error}"),
                End::Garbage(error) => log::warn!("local socket: {error}; connection closed"),
            }
        }
    }
}

/// Who has connected; `None` if he may not.
fn peer_of(stream: &UnixStream) -> io::Result<Option<Peer>> {
    let whose = stream.peer_cred()?;
    let (uid, pid) = (whose.uid(), whose.pid().unwrap_or(0));
    if uid != 0 && uid != geteuid().as_raw() {
        log::warn!("local socket: process {pid} of uid {uid} is refused");
        return Ok(None);
    }
    Ok(Some(Peer::Local { pid, uid }))
}
