//! From an address to a channel: the identity (joining or recovering first, where that is due), the
//! plain exchange, TLS, and `init` inside it.

use super::bootstrap::{Answer, ask, ask_plain};
use super::error::{Error, NOT_JOINED};
use super::identity::Cache;
use super::join::{self, Application};
use super::plain::Plain;
use super::resolve::Target;
use super::{refusal, tls};
use crate::config::{Bootstrap, Config, TlsFiles};
use crate::enroll::{self, Folder, Record, Source, State, Upkeep, source};
use crate::named_file::{self, Writers};
use agent_wire::message::{Init, Joiner, TokenText};
use agent_wire::{Decoder, Limits};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::client::TlsStream;

/// Bytes of a token's file.
const MAX_TOKEN_FILE: u64 = 4096;

/// What the host says about itself in `init` and when it joins; it does not change while the agent
/// runs.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// The host id, until the host has joined and the server has decided.
    pub(crate) id: String,
    /// The SHA-256 of the machine id, the boot's id and the agent's version.
    pub(crate) joiner: Joiner,
}

/// Where one connection led.
pub(super) enum Opened {
    /// To other addresses.
    Elsewhere(Vec<Target>),
    /// To a channel.
    Channel(Box<TlsStream<Plain>>, Decoder),
}

/// Opens connections; the link owns it.
pub(super) struct Opener {
    pub(super) host: Host,
    pub(super) upkeep: Arc<Upkeep>,
    cache: Cache,
    /// Whether the server rejected the pair of a renewal, so that the old one is tried.
    rejects_next: bool,
    /// Whether the server says that the certificate's time is over.
    must_recover: bool,
}

impl Opener {
    pub(super) fn new(host: Host, upkeep: Arc<Upkeep>) -> Self {
        Self { host, upkeep, cache: Cache::default(), rejects_next: false, must_recover: false }
    }

    /// Returns the identity's source under a configuration, and the configuration with the servers
    /// of the identity where it names none.
    pub(super) async fn identity(
        &mut self,
        config: &Arc<Config>,
    ) -> Result<(Source, Arc<Config>), Error> {
        let found = self.source(config).await?;
        let (Source::Joined(joined) | Source::Expired(joined)) = &found else {
            return Ok((found, config.clone()));
        };
        let mut effective = Config::clone(config);
        if effective.server.is_empty() {
            effective.server.clone_from(&joined.record.servers);
        }
        if effective.tls.server_name.is_none() {
            effective.tls.server_name.clone_from(&joined.record.server_name);
        }
        Ok((found, Arc::new(effective)))
    }

    async fn source(&mut self, config: &Arc<Config>) -> Result<Source, Error> {
        let config = config.clone();
        let read = tokio::task::spawn_blocking(move || source(&config)).await;
        let mut found = read.map_err(|_| enroll::Error::Stopping)??;
        if self.must_recover
            && let Source::Joined(joined) = found
        {
            found = Source::Expired(joined);
        }
        let id = &self.host.id;
        self.upkeep.stand(|standing| match &found {
            Source::Joined(joined) => standing.show(joined),
            Source::Expired(joined) => {
                standing.show(joined);
                standing.state = State::Recovering;
            }
            Source::Files(_) | Source::Join => {
                standing.host_id.clone_from(id);
                (standing.not_before, standing.not_after) = (None, None);
                standing.generation = None;
                let joins = matches!(found, Source::Join);
                standing.state = match standing.state {
                    State::Pending if joins => State::Pending,
                    _ if joins => State::Joining,
                    _ => State::Files,
                };
            }
        });
        Ok(found)
    }

    /// Opens one connection: joins or recovers if that is due, then the plain exchange if
    /// configured, TLS, `init` inside it.
    pub(super) async fn open(
        &mut self,
        target: &Target,
        config: &Arc<Config>,
        source: &mut Source,
    ) -> Result<Opened, Error> {
        let opened = self.open_with(target, config, source).await;
        match &opened {
            Err(Error::Rejected { is_expired, .. }) => {
                if let Source::Joined(_) | Source::Expired(_) = source {
                    self.must_recover = *is_expired;
                    self.rejects_next = !self.rejects_next;
                    self.upkeep.stand(|standing| standing.state = State::Refused);
                }
            }
            Err(Error::Refused { .. }) => {
                if let Source::Expired(_) = source {
                    self.rejects_next = !self.rejects_next;
                }
                self.upkeep.stand(|standing| standing.state = State::Refused);
            }
            Err(Error::Pending { .. }) => {
                self.upkeep.stand(|standing| standing.state = State::Pending);
            }
            _ => {}
        }
        opened
    }

    async fn open_with(
        &mut self,
        target: &Target,
        config: &Arc<Config>,
        source: &mut Source,
    ) -> Result<Opened, Error> {
        let peer = target.address;
        log::debug!("{peer}: connecting");
        if let Source::Join = source {
            self.join(target, config).await?;
            *source = self.source(config).await?;
        }
        if let Source::Expired(joined) = source {
            let folder = Folder::of(&config.state_dir);
            let (rejects_next, joiner) = (self.rejects_next, &self.host.joiner);
            join::recover(target, &folder, joined, rejects_next, joiner).await?;
            log::info!("{peer}: the host has a new certificate in place of the expired one");
            (self.must_recover, self.rejects_next) = (false, false);
            *source = self.source(config).await?;
        }
        let (files, init) = self.credentials(source, config);
        let mut plain = Plain::connect(peer).await?;
        if config.bootstrap == Bootstrap::Plain {
            if let Answer::Go(list) = ask_plain(&mut plain, &init, peer, config.port).await? {
                return Ok(elsewhere(list, target));
            }
            plain.skip_blanks();
        }
        let version = config.tls.min_version;
        let cache = &mut self.cache;
        let (id, upkeep) = (&init.hostname, &self.upkeep);
        let stream = tls::connect(plain, target, id, &files, version, cache, upkeep).await;
        if let Err(Error::Tls(_)) = &stream
            && !files.enrolled
            && !config.tls.names_files()
        {
            log::warn!("{NOT_JOINED}");
        }
        let mut stream = stream?;
        let mut decoder =
            Decoder::new(Limits { max_message: config.max_message, ..Limits::default() });
        let answer = ask(&mut stream, &mut decoder, &init, peer, config.port).await;
        // In TLS 1.3 the server's verdict on the agent's certificate comes as late as this.
        let answer = answer.map_err(|error| match error {
            Error::Connection { peer, source } => refusal::explain(peer, source, &files),
            other => other,
        });
        match answer? {
            Answer::Go(list) => Ok(elsewhere(list, target)),
            Answer::Stay => {
                log::info!("{peer}: channel open as {}", init.hostname);
                self.rejects_next = false;
                Ok(Opened::Channel(Box::new(stream), decoder))
            }
        }
    }

    /// Returns the files to connect with, and the `init` to introduce the host with.
    fn credentials(&self, source: &Source, config: &Config) -> (TlsFiles, Init) {
        let Host { id, joiner } = &self.host;
        let introduce = |host_id: &str| {
            let mut init = Init::new(host_id, env!("CARGO_PKG_VERSION"));
            init.boot.clone_from(&joiner.boot);
            init
        };
        let joined = match source {
            Source::Files(files) => {
                self.upkeep.uses(None);
                return (files.clone(), introduce(id));
            }
            Source::Join => {
                self.upkeep.uses(None);
                return (config.tls.files(), introduce(id));
            }
            Source::Joined(joined) | Source::Expired(joined) => joined,
        };
        let pair = joined.pair(self.rejects_next);
        self.upkeep.uses(Some(pair.is_next));
        let (ca, cert, key) = (joined.ca.clone(), pair.cert.clone(), pair.key.clone());
        let mut init = introduce(&joined.host_id);
        init.ca_version = Some(joined.record.ca_version);
        (TlsFiles { ca, cert, key, enrolled: true }, init)
    }

    /// Joins through one server by `[enroll]`.
    async fn join(&self, target: &Target, config: &Arc<Config>) -> Result<(), Error> {
        let Some(anchor) = config.enroll.ca.clone() else { return Ok(()) };
        let application = Application {
            folder: Folder::of(&config.state_dir),
            token: token(config).await?,
            anchor,
            wanted: Some(self.host.id.clone()),
            record: Record {
                machine: self.host.joiner.machine.clone(),
                servers: config.server.clone(),
                server_name: config.tls.server_name.clone(),
                ..Record::default()
            },
            joiner: self.host.joiner.clone(),
        };
        let issued = join::join(target, &application).await?;
        log::info!("{}: the host has joined as {}", target.address, issued.host_id);
        if let Some(path) = &config.enroll.token_file {
            discard_token(path);
        }
        Ok(())
    }
}

/// Removes the file of a token that the host has joined with.
pub(crate) fn discard_token(path: &Path) {
    match std::fs::remove_file(path) {
        Ok(()) => log::info!("{}: removed, since the host has joined", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => log::warn!("{}: the join token cannot be removed: {error}", path.display()),
    }
}

/// Returns the token of `[enroll]`.
async fn token(config: &Arc<Config>) -> Result<TokenText, Error> {
    if let Some(token) = &config.enroll.token {
        return Ok(token.clone());
    }
    let path = config.enroll.token_file.clone().unwrap_or_default();
    match tokio::task::spawn_blocking(move || read_token(&path)).await {
        Ok(read) => read,
        Err(_) => Err(enroll::Error::Stopping.into()),
    }
}

/// Reads a token from a file that nobody but its owner can read.
pub(crate) fn read_token(path: &Path) -> Result<TokenText, Error> {
    let failed = |why: String| Error::Token { path: path.to_owned(), why };
    let bytes = named_file::read(path, MAX_TOKEN_FILE, Writers::Secret)
        .map_err(|error| failed(error.to_string()))?;
    let text = str::from_utf8(&bytes).map_err(|_| failed("it is not text".to_owned()))?;
    TokenText::parse(text).map_err(|error| failed(error.to_string()))
}

fn elsewhere(list: Vec<SocketAddr>, from: &Target) -> Opened {
    log::info!("{} redirects to {list:?}", from.address);
    Opened::Elsewhere(
        list.into_iter().map(|address| Target { address, name: from.name.clone() }).collect(),
    )
}
