//! Our own CA, on disk: it signs this server's certificate and the hosts'.
//!
//! | file in `state_dir/ca/` | content |
//! |---|---|
//! | `state.json` | which authority signs, which one comes or goes, the bundle's version |
//! | `root.pem` | the roots that hosts trust: one, or two during a rotation |
//! | `server.key`, `server.pem` | this server's certificate, where none is given |
//! | `N/root.pem`, `N/root.key` | the root of authority N; the key may be kept elsewhere |
//! | `N/issuing.key`, `N/issuing.pem` | its issuing CA: the key with its certificate, and a copy |
//! | `N/cross.pem` | its root, signed by the root before it |
//!
//! [`Ca`] is the owner; each change makes a new [`Issuance`], which is what everybody else reads.
//! `rotation` holds the three steps to the next root.

mod authority;
mod certificate;
mod copies;
mod rotation;
mod server;
mod state;

pub(crate) use authority::RootKey;
pub(crate) use certificate::{Terms, seconds};
pub(super) use copies::{CaTexts, read as read_texts, write as write_texts};
pub(crate) use rotation::RotationError;
pub(crate) use server::server_names;
pub(crate) use state::Phase;

use super::csr::PublicKey;
use crate::error::Error;
use crate::files;
use crate::pem;
use authority::Authority;
use certificate::{Kind, cannot_make, params};
use controller_api::CaCertificate;
use parking_lot::Mutex;
use rcgen::SanType;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use server::ServerCertificate;
use state::State;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How the CA works, from the flags.
#[derive(Clone, Debug)]
pub(crate) struct CaSettings {
    /// The directory of its files.
    pub(crate) dir: PathBuf,
    /// Where the root's key is.
    pub(crate) root_key: RootKey,
    /// The names of the server's certificate.
    pub(crate) names: Vec<String>,
    /// What hosts are to trust where the server's certificate is given.
    pub(crate) given: Option<GivenServer>,
}

/// A server's certificate that another CA signed.
#[derive(Clone, Debug)]
pub(crate) struct GivenServer {
    /// The bundle for hosts that join; without it, none can join.
    pub(crate) server_ca: Option<PathBuf>,
}

/// The CA.
pub(crate) struct Ca {
    settings: CaSettings,
    /// One change at a time.
    changing: Mutex<()>,
    current: watch::Sender<Arc<Issuance>>,
}

impl fmt::Debug for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ca").field("dir", &self.settings.dir).finish_non_exhaustive()
    }
}

/// What the CA signs with, and what hosts are to trust, between two changes.
pub(crate) struct Issuance {
    pub(crate) state: State,
    active: Authority,
    other: Option<Authority>,
    server: Option<ServerCertificate>,
    /// The PEM bundle for hosts; `None` where none can join.
    pub(crate) bundle: Option<Arc<str>>,
}

impl fmt::Debug for Issuance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuance").field("state", &self.state).finish_non_exhaustive()
    }
}

/// A server's certificate chain with its key.
pub(crate) struct ServerChain {
    /// The chain for agents, leaf first.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// The roots, which hosts that join find their pin in.
    pub(crate) roots: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub(crate) key: PrivateKeyDer<'static>,
}

impl fmt::Debug for ServerChain {
    /// Leaves out the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerChain").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Ca {
    /// Opens the CA; creates it at the first start.
    ///
    /// # Errors
    /// When a file cannot be read or written, or is missing.
    pub(crate) fn open(settings: CaSettings) -> Result<Self, Error> {
        let dir = &settings.dir;
        files::create_dir(dir)?;
        files::check_dir(dir)?;
        if State::load(dir)?.is_none() {
            begin(&settings)?;
        }
        let issuance = load(&settings, true)?;
        Ok(Self { settings, changing: Mutex::default(), current: watch::Sender::new(issuance) })
    }

    /// Returns what it signs with now.
    pub(crate) fn current(&self) -> Arc<Issuance> {
        Arc::clone(&self.current.borrow())
    }

    /// Returns what it signs with now, and its successors.
    pub(crate) fn follow(&self) -> watch::Receiver<Arc<Issuance>> {
        self.current.subscribe()
    }

    /// Reads the files again, and renews what ends soon. Blocks on files.
    ///
    /// # Errors
    /// When a file cannot be used; the CA then stays as it was.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        let _one = self.changing.lock();
        self.current.send_replace(load(&self.settings, true)?);
        Ok(())
    }

    /// Returns the time until the next certificate is due.
    pub(crate) fn until_due(&self, now: SystemTime) -> Duration {
        let current = self.current();
        let mut due = current.active.due_at();
        if let Some(server) = &current.server {
            due = due.min(server.due_at());
        }
        Duration::from_secs(due.saturating_sub(seconds(now)))
    }
}

impl Issuance {
    /// Returns the roots of hosts' certificates.
    pub(crate) fn roots(&self) -> Vec<CertificateDer<'static>> {
        let all = [Some(&self.active), self.other.as_ref()];
        all.into_iter().flatten().map(|authority| authority.root.clone()).collect()
    }

    /// Returns the pin of the join line: the SHA-256 of the root, in hex.
    pub(crate) fn pin(&self) -> String {
        self.active.pin()
    }

    /// Returns this server's certificate; `None` where one is given.
    pub(crate) fn server_chain(&self) -> Option<ServerChain> {
        let server = self.server.as_ref()?;
        let going = self.state.other.is_some_and(|other| other.phase == Phase::Going);
        let mut chain = vec![server.der.clone(), self.active.issuing.clone()];
        chain.extend(self.active.cross.clone().filter(|_| going));
        let roots = self.roots();
        Some(ServerChain { chain, roots, key: server.key.clone_key() })
    }

    /// Returns when the certificate that hosts get can end at the latest, in seconds since 1970.
    pub(crate) fn end(&self) -> u64 {
        self.active.issuing_end
    }

    /// Signs a host's certificate over its key alone; returns the PEM chain.
    ///
    /// # Errors
    /// When the id cannot be in a certificate.
    pub(crate) fn sign_host(
        &self,
        host: &str,
        key: &PublicKey,
        terms: &Terms,
    ) -> Result<String, Error> {
        let mut params = params(Kind::Host, host, terms);
        params.subject_alt_names = vec![SanType::DnsName(host.try_into().map_err(cannot_make)?)];
        let cert = self.active.sign(&params, key)?;
        Ok(format!("{}{}", cert.pem(), self.active.issuing_pem))
    }

    /// Returns the ends of the active root, the issuing CA and the server's certificate, in seconds
    /// since 1970.
    pub(crate) fn ends(&self) -> (u64, u64, Option<u64>) {
        (self.active.root_end, self.active.issuing_end, self.server.as_ref().map(|it| it.end))
    }

    /// Describes the roots, the issuing CA, and this server's certificate if it is ours.
    pub(crate) fn certificates(
        &self,
    ) -> (Vec<CaCertificate>, CaCertificate, Option<CaCertificate>) {
        let server = self.server.as_ref().map(|server| certificate::describe(&server.der));
        let roots = self.roots().iter().map(certificate::describe).collect();
        (roots, certificate::describe(&self.active.issuing), server)
    }
}

/// Makes the first authority, or takes up the one that a crash left without a state file.
fn begin(settings: &CaSettings) -> Result<(), Error> {
    let dir = &settings.dir;
    if dir.join("2").exists() {
        let why = "missing, though the CA's other files are here; restore it from a backup";
        return Err(Error::Content { path: dir.join(state::FILE), why: why.to_owned() });
    }
    let first = dir.join("1");
    if !first.join("issuing.key").exists() {
        Authority::create(&first, &settings.root_key)?;
    }
    State::first(seconds(SystemTime::now())).save(dir)
}

/// Reads everything, renews what ends soon, and counts a bundle that has changed, if this node is to
/// count it.
fn load(settings: &CaSettings, counts: bool) -> Result<Arc<Issuance>, Error> {
    let dir = &settings.dir;
    let now = seconds(SystemTime::now());
    let mut state = State::load(dir)?.ok_or_else(|| Error::Content {
        path: dir.join(state::FILE),
        why: "missing; restore it from a backup".to_owned(),
    })?;
    let mut active = Authority::load(&dir.join(state.active.to_string()))?;
    if active.is_due(now) {
        active = renewed(active, &settings.root_key.of(state.active), now)?;
    }
    let other = state.other.map(|other| Authority::load(&dir.join(other.number.to_string())));
    let other = other.transpose()?;
    let server = match &settings.given {
        None => Some(server::load_or_sign(dir, &active, &settings.names, now)?),
        Some(_) => None,
    };
    // Oldest first: another authority that signs does not change the bundle.
    let mut pems = vec![(state.active, &active.root_pem)];
    pems.extend(state.other.zip(other.as_ref()).map(|(at, it)| (at.number, &it.root_pem)));
    pems.sort_unstable_by_key(|(number, _)| *number);
    let roots: String = pems.into_iter().map(|(_, pem)| &**pem).collect();
    let bundle = match &settings.given {
        None => Some(roots.clone()),
        Some(GivenServer { server_ca: Some(path) }) => Some(given_bundle(path)?),
        Some(GivenServer { server_ca: None }) => None,
    };
    if counts && state.note_bundle(bundle.as_deref().unwrap_or_default()) {
        state.save(dir)?;
    }
    if std::fs::read(dir.join("root.pem")).ok().as_deref() != Some(roots.as_bytes()) {
        files::replace(&dir.join("root.pem"), roots.as_bytes(), files::PUBLIC)?;
    }
    let bundle = bundle.map(Arc::from);
    Ok(Arc::new(Issuance { state, active, other, server, bundle }))
}

/// Returns the authority with its next issuing CA; with the present one while the root's key is
/// missed and the present one is still good.
fn renewed(active: Authority, root_key: &RootKey, now: u64) -> Result<Authority, Error> {
    match active.renew_issuing(root_key) {
        Ok(renewed) => Ok(renewed),
        Err(error) if active.issuing_end > now => {
            let days = (active.issuing_end - now) / (24 * 3600);
            log::warn!("the issuing CA ends in {days} days: {error}");
            Ok(active)
        }
        Err(error) => Err(error),
    }
}

/// Reads the bundle that an operator gave, as certificates alone.
fn given_bundle(path: &Path) -> Result<String, Error> {
    Ok(pem::certificates(path)?.iter().map(pem_text).collect())
}

/// Writes a certificate as PEM.
fn pem_text(der: &CertificateDer<'_>) -> String {
    agent_wire::pem::write("CERTIFICATE", der)
}
