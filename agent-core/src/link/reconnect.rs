//! The outer loop: a round over all addresses, a wait, the next round, forever (§1, §2).

use super::backoff::Backoff;
use super::bootstrap::{Answer, ask, ask_plain};
use super::plain::Plain;
use super::resolve::{Target, targets};
use super::{Error, tls};
use crate::caller::Peer;
use crate::config::{Bootstrap, Config, Server};
use crate::dispatch::Dispatcher;
use crate::session::{SessionEnd, serve};
use crate::shutdown::Stopping;
use agent_wire::message::Init;
use agent_wire::{Decoder, Limits};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// The most redirects in a row; one more ends the round.
pub(super) const MAX_REDIRECTS: usize = 5;

/// Connections tried in one round, redirects and their lists included.
const MAX_ATTEMPTS: usize = 64;

/// A channel that stays open this long resets the back-off; one that is accepted and closed at once
/// does not.
const STEADY: Duration = Duration::from_secs(10);

/// Keeps the agent connected.
pub(crate) struct Link {
    init: Init,
    config: watch::Receiver<Arc<Config>>,
    dispatcher: Arc<Dispatcher>,
    stopping: Stopping,
    /// Whether the last round had a channel.
    served: bool,
}

/// The next step of a round.
enum Next {
    Resolve(Server),
    Connect(Target),
}

/// Where one connection led.
enum Opened {
    Elsewhere(Vec<Target>),
    Channel(Box<TlsStream<Plain>>, Decoder),
}

impl Link {
    /// Creates this host's link; it does nothing until [`Link::run`].
    pub(crate) fn new(
        host_id: &str,
        config: watch::Receiver<Arc<Config>>,
        dispatcher: Arc<Dispatcher>,
        stopping: Stopping,
    ) -> Self {
        Self {
            init: Init::new(host_id, env!("CARGO_PKG_VERSION")),
            config,
            dispatcher,
            stopping,
            served: false,
        }
    }

    /// Connects, serves and reconnects until the agent stops.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut first: Option<Target> = None;
        loop {
            first = self.round(first.take(), &mut backoff).await;
            if self.stopping.has_begun() {
                return;
            }
            let wait = backoff.next_wait();
            let why = if self.served { "reconnecting" } else { "no server reachable; retrying" };
            log::info!("{why} in {:.1} s", wait.as_secs_f32());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // A new configuration may help: try it at once.
                _ = self.config.changed() => {}
                () = self.stopping.begun() => return,
            }
        }
    }

    /// Tries `first` and then every address until a channel has been served to its end. Returns the
    /// target that the next round begins with, if any.
    async fn round(&mut self, first: Option<Target>, backoff: &mut Backoff) -> Option<Target> {
        self.served = false;
        let config = self.config.borrow_and_update().clone();
        let mut stopping = self.stopping.clone();
        let servers = config.servers().into_iter().map(Next::Resolve);
        let first = first.into_iter().map(Next::Connect);
        // Each list came from the one before it, so the lists beyond the first are the redirects in
        // a row.
        let mut lists: Vec<VecDeque<Next>> = vec![first.chain(servers).collect()];
        // The configured servers' addresses that were tried: several names may share some.
        let mut tried: Vec<Target> = Vec::new();
        let mut attempts = 0;
        while let Some(list) = lists.last_mut() {
            let target = match list.pop_front() {
                None => {
                    lists.pop();
                    continue;
                }
                Some(Next::Connect(target)) => target,
                // Only now: a name whose lookup takes long must not delay the servers before it.
                Some(Next::Resolve(server)) => {
                    let found = tokio::select! {
                        found = targets(&server, &config) => found,
                        () = stopping.begun() => return None,
                    };
                    match found {
                        Ok(found) => {
                            let new = found.into_iter().filter(|target| !tried.contains(target));
                            let new: Vec<Target> = new.collect();
                            tried.extend(new.iter().cloned());
                            new.into_iter().rev().for_each(|target| {
                                list.push_front(Next::Connect(target));
                            });
                        }
                        Err(error) => log::warn!("{error}"),
                    }
                    continue;
                }
            };
            attempts += 1;
            if attempts > MAX_ATTEMPTS {
                log::error!("gave up after {MAX_ATTEMPTS} connections in one round");
                return None;
            }
            // Without a channel there is nothing to close.
            let opened = tokio::select! {
                opened = self.open(&target, &config) => opened,
                () = stopping.begun() => return None,
            };
            match opened {
                Ok(Opened::Elsewhere(list)) if lists.len() <= MAX_REDIRECTS => {
                    lists.push(list.into_iter().map(Next::Connect).collect());
                }
                Ok(Opened::Elsewhere(_)) => {
                    log::error!("{}", Error::RedirectLoop { peer: target.address });
                    return None;
                }
                Ok(Opened::Channel(stream, decoder)) => {
                    self.served = true;
                    let since = Instant::now();
                    let end = self.serve(stream, target.address, decoder, &config).await;
                    if since.elapsed() >= STEADY {
                        backoff.reset();
                    }
                    return served(&end, target, lists.len() > 1);
                }
                Err(error) => log::warn!("{error}"),
            }
        }
        None
    }

    /// Opens one connection: the plain exchange if configured, TLS, `init` inside it.
    async fn open(&self, target: &Target, config: &Config) -> Result<Opened, Error> {
        let peer = target.address;
        log::debug!("{peer}: connecting");
        let mut plain = Plain::connect(peer).await?;
        if config.bootstrap == Bootstrap::Plain {
            if let Answer::Go(list) = ask_plain(&mut plain, &self.init, peer, config.port).await? {
                return Ok(elsewhere(list, target));
            }
            plain.skip_blanks();
        }
        let mut stream = tls::connect(plain, target, &self.init.hostname, config).await?;
        let mut decoder =
            Decoder::new(Limits { max_message: config.max_message, ..Limits::default() });
        match ask(&mut stream, &mut decoder, &self.init, peer, config.port).await? {
            Answer::Go(list) => Ok(elsewhere(list, target)),
            Answer::Stay => {
                log::info!("{peer}: channel open as {}", self.init.hostname);
                Ok(Opened::Channel(Box::new(stream), decoder))
            }
        }
    }

    /// Serves the channel until it ends or a new configuration moves it.
    async fn serve(
        &mut self,
        stream: Box<TlsStream<Plain>>,
        address: SocketAddr,
        decoder: Decoder,
        opened_under: &Config,
    ) -> SessionEnd {
        let peer = Peer::Controller { address, names: tls::names_of_peer(&stream) };
        let changes = &mut self.config;
        let moved = async move {
            while changes.changed().await.is_ok() {
                if changes.borrow_and_update().moves_link(opened_under) {
                    return;
                }
            }
            std::future::pending().await
        };
        // The memory that flags, configuration and handshake took is not needed while the channel
        // is open. The session returns what work takes whenever it has settled.
        agent_sys::memory::give_back();
        serve(stream, peer, decoder, &self.dispatcher, &mut self.stopping, moved, None).await
    }
}

fn elsewhere(list: Vec<SocketAddr>, from: &Target) -> Opened {
    log::info!("{} redirects to {list:?}", from.address);
    Opened::Elsewhere(
        list.into_iter().map(|address| Target { address, name: from.name.clone() }).collect(),
    )
}

/// Logs how a channel ended. After a clean close by a server that a redirect led to, that server is
/// tried first (§3).
fn served(end: &SessionEnd, target: Target, redirected: bool) -> Option<Target> {
    let peer = target.address;
    match end {
        SessionEnd::Closed => log::info!("{peer} closed the channel"),
        SessionEnd::Lost(error) => log::warn!("{peer}: channel lost: {error}"),
        SessionEnd::Garbage(error) => log::error!("{peer}: {error}; channel closed"),
        SessionEnd::Left | SessionEnd::Quiet => {
            log::info!("{peer}: connection closed by this agent")
        }
    }
    (redirected && matches!(end, SessionEnd::Closed)).then_some(target)
}
