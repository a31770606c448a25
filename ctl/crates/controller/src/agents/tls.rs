//! TLS on the agents' port: the server's side, which our own CA and the operator's files make, and
//! which can be replaced while sessions are open.
//!
//! An agent that comes back resumes its last TLS session by a ticket (RFC 8446 §2.2), which saves
//! both ends most of the handshake, the check of its certificate included. So a ticket is good only
//! for the side that issued it: a new client CA starts over. The rest of that check is made again
//! at each resumption.

use super::certificate::{self, Chain, End};
use crate::error::Error;
use crate::identity::{Issuance, Leaf, ServerChain};
use crate::pem;
use agent_wire::{ALPN, ENROLL_ALPN};
use fleet::identity::Issuer;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{ConfigBuilder, DistinguishedName, RootCertStore, ServerConfig, WantsVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;

/// The PEM files of the agents' port that an operator gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    /// The server's certificate; without it, our own CA's is used.
    pub(crate) server: Option<ServerFiles>,
    /// The CA of another PKI whose certificates agents may have too.
    pub(crate) agent_ca: Option<PathBuf>,
}

/// The files of a server's certificate that another CA signed.
#[derive(Clone, Debug)]
pub(crate) struct ServerFiles {
    /// The server's certificate chain.
    pub(crate) cert: PathBuf,
    /// The server's private key.
    pub(crate) key: PathBuf,
    /// The CAs that joining hosts are to trust; without it, no host can join.
    pub(crate) ca: Option<PathBuf>,
}

/// The server's side as one reading of the files made it.
#[derive(Clone)]
pub(crate) struct ServerSide {
    /// For agents, which present a certificate.
    pub(super) agents: Arc<ServerConfig>,
    /// For hosts that join, which have none yet; `None` where none can join.
    pub(super) joining: Option<Arc<ServerConfig>>,
    verifier: Arc<dyn ClientCertVerifier>,
    foreign: Option<Foreign>,
}

/// What an agent presented.
#[derive(Clone, Copy, Debug)]
pub(super) struct Presented {
    /// Its certificate.
    pub(super) leaf: Leaf,
    /// Whose it is.
    pub(super) issuer: Issuer,
    /// The time until which all of the chain is valid.
    pub(super) end: End,
}

/// The company's own PKI.
#[derive(Clone)]
struct Foreign {
    /// Accepts its certificates alone.
    verifier: Arc<dyn ClientCertVerifier>,
    /// The names of its roots, in DER.
    subjects: Arc<[DistinguishedName]>,
}

impl std::fmt::Debug for ServerSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerSide(…)")
    }
}

impl ServerSide {
    /// Checks an agent's chain against the client CA and the clock, as its handshake did.
    ///
    /// # Errors
    /// When the certificate is not valid anymore.
    pub(super) fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), rustls::Error> {
        let [leaf, intermediates @ ..] = chain else {
            return Err(rustls::Error::NoCertificatesPresented);
        };
        self.verifier.verify_client_cert(leaf, intermediates, UnixTime::now()).map(|_| ())
    }

    /// Reads the chain of an agent that was accepted, and tells whose it is.
    pub(super) fn read(&self, chain: &[CertificateDer<'_>]) -> Option<Presented> {
        let read = Chain::read(chain)?;
        let issuer = match self.is_foreign(chain, read.issuer) {
            true => Issuer::Foreign,
            false => Issuer::Own,
        };
        Some(Presented { leaf: read.leaf, issuer, end: read.end })
    }

    /// Returns whether a chain that was accepted is of the other PKI.
    fn is_foreign(&self, chain: &[CertificateDer<'_>], issuer: &[u8]) -> bool {
        let ([leaf, intermediates @ ..], Some(foreign)) = (chain, &self.foreign) else {
            return false;
        };
        // Our own CA's certificates name another issuer. The name settles it for a certificate that
        // a root has signed itself, without the price of a second verification.
        if foreign.subjects.iter().any(|subject| subject.as_ref() == issuer) {
            return true;
        }
        foreign.verifier.verify_client_cert(leaf, intermediates, UnixTime::now()).is_ok()
    }

    /// Checks the chain of an agent that resumed a session of this side. This side's client CA has
    /// verified it, so only time can have made it invalid.
    ///
    /// # Errors
    /// When the certificate is not valid anymore.
    pub(super) fn verify_resumed(
        &self,
        chain: &[CertificateDer<'_>],
        end: End,
    ) -> Result<(), rustls::Error> {
        if !end.left().is_zero() {
            return Ok(());
        }
        // One that the path does not need may have expired.
        self.verify(chain)
    }
}

/// The current server's side; each session follows it.
#[derive(Debug)]
pub(crate) struct Tls {
    current: watch::Sender<ServerSide>,
}

impl Tls {
    /// Starts with this side.
    pub(crate) fn new(side: ServerSide) -> Self {
        Self { current: watch::Sender::new(side) }
    }

    /// Replaces the side: new connections use it, open sessions check their certificates by it.
    pub(crate) fn replace(&self, side: ServerSide) {
        self.current.send_replace(side);
    }

    /// Returns the current side and its successors.
    pub(super) fn follow(&self) -> watch::Receiver<ServerSide> {
        self.current.subscribe()
    }
}

/// Makes the server's side: TLS 1.3 only, and for agents no handshake without a certificate of our
/// own CA or of the other PKI.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn server_side(files: &TlsFiles, own: &Issuance) -> Result<ServerSide, Error> {
    let mut roots = RootCertStore::empty();
    for der in own.roots() {
        roots.add(der).map_err(|error| Error::Certificate(format!("our own root: {error}")))?;
    }
    let mut foreign = None;
    if let Some(path) = &files.agent_ca {
        let mut others = RootCertStore::empty();
        for der in pem::certificates(path)? {
            // Another one may still be usable; without any, the verifier is not made.
            if let Err(error) = others.add(der) {
                log::warn!("{}: skipped a certificate: {error}", path.display());
            }
        }
        roots.roots.extend(others.roots.iter().cloned());
        let subjects = others.subjects().into();
        let verifier = verifier(others).map_err(Error::content(path))?;
        foreign = Some(Foreign { verifier, subjects });
    }
    let verifier =
        verifier(roots).map_err(|error| Error::Certificate(format!("our own root: {error}")))?;
    let ServerChain { chain, roots, key } = server_chain(files, own)?;
    let checked = builder()?.with_client_cert_verifier(Arc::clone(&verifier));
    let mut agents =
        checked.with_single_cert(chain.clone(), key.clone_key()).map_err(unusable(files))?;
    agents.alpn_protocols = vec![ALPN.to_vec()];
    // The keys of tickets exist in memory only, change every 6 h, and are gone after 12 h.
    agents.ticketer =
        ring::Ticketer::new().map_err(|error| Error::Certificate(error.to_string()))?;
    agents.send_tls13_tickets = 1;
    agents.session_storage = Arc::new(NoServerSessionStorage {});
    let joining = own.bundle.is_some().then(|| joining(files, chain, roots, key)).transpose()?;
    Ok(ServerSide { agents: Arc::new(agents), joining, verifier, foreign })
}

/// Makes the side for hosts that join: they have no certificate, and they find their pin among the
/// roots.
fn joining(
    files: &TlsFiles,
    mut chain: Vec<CertificateDer<'static>>,
    roots: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, Error> {
    for root in roots {
        if !chain.contains(&root) {
            chain.push(root);
        }
    }
    let mut config =
        builder()?.with_no_client_auth().with_single_cert(chain, key).map_err(unusable(files))?;
    config.alpn_protocols = vec![ENROLL_ALPN.to_vec()];
    // One exchange, then never again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Returns the server's certificate: the given one, or our own CA's.
fn server_chain(files: &TlsFiles, own: &Issuance) -> Result<ServerChain, Error> {
    let Some(given) = &files.server else {
        return own.server_chain().ok_or_else(|| {
            Error::Flags("the server's certificate is given neither by flags nor by our CA".into())
        });
    };
    let chain = pem::certificates(&given.cert)?;
    let key = pem::private_key(&given.key)?;
    if !certificate::key_matches(&chain[0], &given.key)? {
        let why = format!("not the key of the certificate in {}", given.cert.display());
        return Err(Error::Content { path: given.key.clone(), why });
    }
    certificate::check_server(&chain[0]).map_err(Error::content(&given.cert))?;
    let roots = given.ca.as_deref().map(pem::certificates).transpose()?.unwrap_or_default();
    Ok(ServerChain { chain, roots, key })
}

fn builder() -> Result<ConfigBuilder<ServerConfig, WantsVerifier>, Error> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::Certificate(error.to_string()))
}

fn verifier(roots: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let provider = Arc::new(ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()
}

/// For `map_err`: the server's certificate cannot be used.
fn unusable(files: &TlsFiles) -> impl FnOnce(rustls::Error) -> Error {
    let path = files.server.as_ref().map(|given| given.cert.clone());
    move |error| match path {
        Some(path) => Error::Content { path, why: error.to_string() },
        None => Error::Certificate(format!("our own server certificate: {error}")),
    }
}
