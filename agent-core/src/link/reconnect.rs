//! The outer loop: a round over all addresses, a wait, the next round, for ever (§1, §2).

use super::backoff::Backoff;
use super::bootstrap::{Answer, ask, ask_plain};
use super::plain::Plain;
use super::resolve::{Target, targets};
use super::{Error, tls};
use crate::caller::Peer;
use crate::config::{Bootstrap, Config};
use crate::dispatch::Dispatcher;
use crate::session::{End, serve};
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

/// Redirects in a row; one more ends the round.
pub(crate) const MAX_REDIRECTS: usize = 5;

/// Connections tried in one round, redirects and their lists included.
const MAX_ATTEMPTS: usize = 64;

/// A channel that stood this long ends the back-off; one that is accepted and closed at once does not.
const STEADY: Duration = Duration::from_secs(10);

/// Keeps the agent connected.
pub(crate) struct Link {
    init: Init,
    config: watch::Receiver<Arc<Config>>,
    dispatcher: Arc<Dispatcher>,
    stopping: Stopping,
}

/// What one connection came to.
enum Opened {
    Elsewhere(Vec<Target>),
    Channel(Box<TlsStream<Plain>>, Decoder),
}

impl Link {
    /// A link for this host; it does nothing until [`Link::run`].
    pub(crate) fn new(
        host_id: &str,
        config: watch::Receiver<Arc<Config>>,
        dispatcher: Arc<Dispatcher>,
        stopping: Stopping,
    ) -> Self {
        Self { init: Init::new(host_id, env!("CARGO_PKG_VERSION")), config, dispatcher, stopping }
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
            log::info!("next round in {:.1} s", wait.as_secs_f32());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // A new configuration may be the cure: try it at once.
                _ = self.config.changed() => {}
                () = self.stopping.begun() => return,
            }
        }
    }

    /// Tries `first` and then every address until one has served a channel to its end. Returns the target
    /// to begin the next round with, if any.
    async fn round(&mut self, first: Option<Target>, backoff: &mut Backoff) -> Option<Target> {
        let config = self.config.borrow_and_update().clone();
        let mut stopping = self.stopping.clone();
        let found = tokio::select! {
            found = targets(&config) => found,
            () = stopping.begun() => return None,
        };
        if found.is_empty() {
            log::warn!("no address of {} to try", config.server.join(", "));
        }
        // Each list came from the one before it: as many lists beyond the first, as many redirects in a row.
        let mut lists: Vec<VecDeque<Target>> = vec![first.into_iter().chain(found).collect()];
        let mut attempts = 0;
        while let Some(list) = lists.last_mut() {
            let Some(target) = list.pop_front() else {
                lists.pop();
                continue;
            };
            attempts += 1;
            if attempts > MAX_ATTEMPTS {
                log::error!("more than {MAX_ATTEMPTS} connections in one round");
                return None;
            }
            // Until a channel stands there is nothing to say goodbye to.
            let opened = tokio::select! {
                opened = self.open(&target, &config) => opened,
                () = stopping.begun() => return None,
            };
            match opened {
                Ok(Opened::Elsewhere(list)) if lists.len() <= MAX_REDIRECTS => lists.push(list.into()),
                Ok(Opened::Elsewhere(_)) => {
                    log::error!("{}", Error::RedirectLoop { peer: target.address });
                    return None;
                }
                Ok(Opened::Channel(stream, decoder)) => {
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

    /// One connection: the plain exchange where it is configured, TLS, `init` inside it.
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
        let mut stream = tls::connect(plain, target, config).await?;
        let mut decoder = Decoder::new(Limits { max_message: config.max_message, ..Limits::default() });
        match ask(&mut stream, &mut decoder, &self.init, peer, config.port).await? {
            Answer::Go(list) => Ok(elsewhere(list, target)),
            Answer::Stay => {
                log::info!("{peer}: channel open as {}", self.init.hostname);
                Ok(Opened::Channel(Box::new(stream), decoder))
            }
        }
    }

    /// The channel until it ends, or until a new configuration moves it.
    async fn serve(
        &mut self,
        stream: Box<TlsStream<Plain>>,
        address: SocketAddr,
        decoder: Decoder,
        opened_under: &Config,
    ) -> End {
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
        // What it took to get here (flags, configuration, handshake) is not needed while the channel stands; and what
        // work takes is given back by the session whenever it has settled.
        agent_sys::memory::give_back();
        serve(stream, peer, decoder, &self.dispatcher, &mut self.stopping, moved, None).await
    }
}

fn elsewhere(list: Vec<SocketAddr>, from: &Target) -> Opened {
    log::info!("{}: redirects to {list:?}", from.address);
    Opened::Elsewhere(list.into_iter().map(|address| Target { address, name: from.name.clone() }).collect())
}

/// Logs how a channel ended. After a clean close within a redirect the same server is tried first (§3).
fn served(end: &End, target: Target, redirected: bool) -> Option<Target> {
    let peer = target.address;
    match end {
        End::Closed => log::info!("{peer}: closed the channel"),
        End::Lost(error) => log::warn!("{peer}: channel lost: {error}"),
        End::Garbage(error) => log::error!("{peer}: {error}; channel closed"),
        End::Left | End::Quiet => log::info!("{peer}: channel left"),
    }
    (redirected && matches!(end, End::Closed)).then_some(target)
}
