//! The outer loop: a round over all addresses, a wait, the next round, forever (§1, §2).

use super::backoff::{Backoff, about, within};
use super::open::{Host, Opened, Opener};
use super::plain::Plain;
use super::resolve::{Target, targets};
use super::sign::Sign;
use super::{Error, tls};
use crate::caller::Peer;
use crate::config::{Config, Server};
use crate::dispatch::Dispatcher;
use crate::enroll::{Parting, Upkeep};
use crate::session::{Leaving, SessionEnd, serve};
use crate::shutdown::Stopping;
use agent_wire::{Decoder, Endpoint, Retcode, parse_list};
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

/// How long the agent waits after a server has refused to let the host join: only an operator, or
/// another configuration, changes that.
const REFUSED: Duration = Duration::from_secs(600);

/// A server that names a shorter wait gets this one: no answer of a server makes the agent ask it
/// without a pause.
const LEAST: Duration = Duration::from_secs(1);

/// How long the agent waits for a server with too many requests that does not say how long.
const TOO_MANY: Duration = Duration::from_secs(30);

/// How long the reply to `cert.reset` may take before the channel is left.
const RESET_GRACE: Duration = Duration::from_secs(1);

/// Keeps the agent connected.
pub(crate) struct Link {
    opener: Opener,
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

/// How a round ended.
struct Ended {
    /// The servers that the next round begins with.
    first: Vec<Target>,
    pause: Pause,
}

/// How long the agent waits before the next round.
enum Pause {
    /// Not at all: this agent ended the channel, to open another.
    No,
    /// Longer and longer.
    Growing,
    /// A random part of this time, which the server named before it closed the channel.
    Within(Duration),
    /// This time, a tenth more or less.
    About(Duration),
}

impl Ended {
    fn with(pause: Pause) -> Self {
        Self { first: Vec::new(), pause }
    }
}

impl Link {
    /// Creates this host's link; it does nothing until [`Link::run`].
    pub(crate) fn new(
        host: Host,
        upkeep: Arc<Upkeep>,
        config: watch::Receiver<Arc<Config>>,
        dispatcher: Arc<Dispatcher>,
        stopping: Stopping,
    ) -> Self {
        Sign::clear(&config.borrow().run_dir);
        let opener = Opener::new(host, upkeep);
        Self { opener, config, dispatcher, stopping, served: false }
    }

    /// Connects, serves and reconnects until the agent stops.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        let mut first = Vec::new();
        loop {
            let ended = self.round(std::mem::take(&mut first), &mut backoff).await;
            if self.stopping.has_begun() {
                return;
            }
            first = ended.first;
            let why = match ended.pause {
                _ if self.served => "reconnecting",
                Pause::About(_) => "no server lets this host in yet; retrying",
                Pause::No | Pause::Growing | Pause::Within(_) => "no server reachable; retrying",
            };
            let wait = match ended.pause {
                Pause::No => continue,
                Pause::Growing => backoff.next_wait(),
                Pause::Within(bound) => within(bound.max(LEAST)),
                Pause::About(time) => about(time.max(LEAST)),
            };
            log::info!("{why} in {:.1} s", wait.as_secs_f32());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // A new configuration may help: try it at once.
                _ = self.config.changed() => {}
                () = self.stopping.begun() => return,
            }
        }
    }

    /// Tries `first` and then every address until a channel has been served to its end.
    async fn round(&mut self, first: Vec<Target>, backoff: &mut Backoff) -> Ended {
        self.served = false;
        let given = self.config.borrow_and_update().clone();
        let (mut source, config) = match self.opener.identity(&given).await {
            Ok(found) => found,
            Err(error) => {
                log::error!("{error}");
                return Ended::with(Pause::Growing);
            }
        };
        let mut stopping = self.stopping.clone();
        // Each list came from the one before it, so the lists beyond the first are the redirects in
        // a row. The one that the last round ended with is one of them.
        let mut lists: Vec<VecDeque<Next>> = vec![
            config.servers().into_iter().map(Next::Resolve).collect(),
            first.into_iter().map(Next::Connect).collect(),
        ];
        // The configured servers' addresses that were tried: several names may share some.
        let mut tried: Vec<Target> = Vec::new();
        let mut busy: Option<Duration> = None;
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
                        found = untried(&server, &config, &mut tried) => found,
                        () = stopping.begun() => return Ended::with(Pause::Growing),
                    };
                    found.into_iter().rev().for_each(|target| {
                        list.push_front(Next::Connect(target));
                    });
                    continue;
                }
            };
            attempts += 1;
            if attempts > MAX_ATTEMPTS {
                log::error!("gave up after {MAX_ATTEMPTS} connections in one round");
                return Ended::with(Pause::Growing);
            }
            // Without a channel there is nothing to close.
            let opened = tokio::select! {
                opened = self.opener.open(&target, &config, &mut source) => opened,
                () = stopping.begun() => return Ended::with(Pause::Growing),
            };
            match opened {
                Ok(Opened::Elsewhere(list)) if lists.len() <= MAX_REDIRECTS => {
                    lists.push(list.into_iter().map(Next::Connect).collect());
                }
                Ok(Opened::Elsewhere(_)) => {
                    log::error!("{}", Error::RedirectLoop { peer: target.address });
                    return Ended::with(Pause::Growing);
                }
                Ok(Opened::Channel(stream, decoder)) => {
                    let redirected = lists.len() > 1;
                    let end = self.serve(stream, target.address, decoder, &given).await;
                    return self.served(&end, target, redirected, backoff);
                }
                Err(error) => match failed(&error, busy) {
                    Failed::Next => {}
                    Failed::Busy(wait) => busy = Some(wait),
                    Failed::Wait(wait) => return Ended::with(Pause::About(wait)),
                },
            }
        }
        Ended::with(busy.map_or(Pause::Growing, Pause::About))
    }

    /// Serves the channel until it ends, a new configuration moves it, or another identity takes
    /// its place.
    async fn serve(
        &mut self,
        stream: Box<TlsStream<Plain>>,
        address: SocketAddr,
        decoder: Decoder,
        opened_under: &Config,
    ) -> (SessionEnd, Instant) {
        self.served = true;
        let since = Instant::now();
        let peer = Peer::Controller { address, names: tls::names_of_peer(&stream) };
        let changes = &mut self.config;
        let upkeep = self.opener.upkeep.clone();
        upkeep.forget_wishes();
        let moved = async {
            let changed = async {
                while changes.changed().await.is_ok() {
                    if changes.borrow_and_update().moves_link(opened_under) {
                        return;
                    }
                }
                std::future::pending().await
            };
            let reset = async {
                upkeep.lost_its_key().await;
                tokio::time::sleep(RESET_GRACE).await;
            };
            tokio::select! {
                () = changed => {}
                () = reset => {}
            }
        };
        // The memory that flags, configuration and handshake took is not needed while the channel
        // is open. The session returns what work takes whenever it has settled.
        agent_sys::memory::give_back();
        let leaving = Leaving { at_once: moved, when_idle: upkeep.wants_another_channel() };
        let stopping = &mut self.stopping;
        upkeep.stand(|standing| standing.channel(Some(address)));
        let connected = Sign::put_up(&opened_under.run_dir, address);
        let end = serve(stream, peer, decoder, &self.dispatcher, stopping, leaving, None).await;
        drop(connected);
        upkeep.stand(|standing| standing.channel(None));
        (end, since)
    }

    /// Logs how a channel ended, and says when the next round follows, and with which servers: those
    /// of the server's `goodbye`, or after a clean close that server, if a redirect led to it (§3).
    fn served(
        &self,
        (end, since): &(SessionEnd, Instant),
        target: Target,
        redirected: bool,
        backoff: &mut Backoff,
    ) -> Ended {
        let peer = target.address;
        let is_steady = since.elapsed() >= STEADY;
        backoff.lost(is_steady);
        let (pause, named) = match self.opener.upkeep.take_goodbye() {
            Some(Parting { within, server }) => (Pause::Within(within), server),
            None => (Pause::Growing, None),
        };
        let pause = match end {
            SessionEnd::Closed => {
                log::info!("{peer} closed the channel");
                pause
            }
            SessionEnd::Lost(error) => {
                log::warn!("{peer}: channel lost: {error}");
                pause
            }
            SessionEnd::Garbage(error) => {
                log::error!("{peer}: {error}; channel closed");
                pause
            }
            SessionEnd::Left | SessionEnd::Quiet => {
                log::info!("{peer}: connection closed by this agent");
                // One channel after the other would be a burden to its server.
                if is_steady { Pause::No } else { pause }
            }
        };
        let first = match named {
            Some(server) => self.named(&server, &target),
            None if redirected && matches!(end, SessionEnd::Closed) => vec![target],
            None => Vec::new(),
        };
        Ended { first, pause }
    }

    /// Returns the servers of a `goodbye`.
    fn named(&self, server: &str, from: &Target) -> Vec<Target> {
        let port = self.config.borrow().port;
        let of =
            |endpoint: Endpoint| Target { address: endpoint.socket(port), name: from.name.clone() };
        match parse_list(server) {
            Ok(list) => list.into_iter().map(of).collect(),
            Err(error) => {
                log::warn!("{}: the servers of its goodbye are ignored: {error}", from.address);
                Vec::new()
            }
        }
    }
}

/// Resolves a server's name, and returns the addresses that were not tried in this round.
async fn untried(server: &Server, config: &Config, tried: &mut Vec<Target>) -> Vec<Target> {
    match targets(server, config).await {
        Ok(found) => {
            let new = found.into_iter().filter(|target| !tried.contains(target));
            let new: Vec<Target> = new.collect();
            tried.extend(new.iter().cloned());
            new
        }
        Err(error) => {
            log::warn!("{error}");
            Vec::new()
        }
    }
}

/// What follows a connection that led to no channel.
enum Failed {
    /// The next address.
    Next,
    /// The next address; without one, a wait of this time.
    Busy(Duration),
    /// A wait of this time: other addresses would say the same.
    Wait(Duration),
}

/// Logs why a connection led to no channel, and says what follows.
fn failed(error: &Error, busy: Option<Duration>) -> Failed {
    match error {
        Error::Busy { retry_after, .. } => {
            log::info!("{error}");
            Failed::Busy(busy.map_or(*retry_after, |other| other.min(*retry_after)))
        }
        Error::Pending { retry_after, .. } => {
            log::info!("{error}");
            Failed::Wait(*retry_after)
        }
        Error::Refused { retcode, retry_after, .. } => {
            log::error!("{error}");
            if *retcode == Retcode::Busy.number() {
                return Failed::Busy(retry_after.unwrap_or(TOO_MANY));
            }
            let of_operator = Retcode::TokenUnknown.number()..=Retcode::ApprovalRefused.number();
            match of_operator.contains(retcode) {
                true => Failed::Wait(retry_after.unwrap_or(REFUSED)),
                false => Failed::Next,
            }
        }
        _ => {
            log::warn!("{error}");
            Failed::Next
        }
    }
}
