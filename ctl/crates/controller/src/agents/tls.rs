//! TLS on the agents' port: the server's side, which the operator's files make and can replace
//! while sessions are open.

use super::certificate;
use crate::error::Error;
use crate::pem;
use agent_wire::ALPN;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// The PEM files of the agents' port.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The server's certificate chain.
    pub(crate) cert: PathBuf,
    /// The server's private key.
    pub(crate) key: PathBuf,
    /// The CA that signs agents' certificates.
    pub(crate) client_ca: PathBuf,
}

/// The server's side as one reading of the files made it.
#[derive(Clone)]
pub(crate) struct ServerSide {
    /// Takes connections through their handshake.
    pub(super) acceptor: TlsAcceptor,
    verifier: Arc<dyn ClientCertVerifier>,
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

/// Makes the server's side: TLS 1.3 only, and no handshake without a certificate of the client CA.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn server_side(files: &TlsFiles) -> Result<ServerSide, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for der in pem::certificates(&files.client_ca)? {
        // Another one may still be usable; without any, the verifier is not made.
        if let Err(error) = roots.add(der) {
            log::warn!("{}: skipped a certificate: {error}", files.client_ca.display());
        }
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(Error::content(&files.client_ca))?;
    let chain = pem::certificates(&files.cert)?;
    let key = pem::private_key(&files.key)?;
    if !certificate::key_matches(&chain[0], &files.key)? {
        let why = format!("not the key of the certificate in {}", files.cert.display());
        return Err(Error::Content { path: files.key.clone(), why });
    }
    certificate::check_server(&chain[0]).map_err(Error::content(&files.cert))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::Certificate(error.to_string()))?
        .with_client_cert_verifier(Arc::clone(&verifier))
        .with_single_cert(chain, key)
        .map_err(Error::content(&files.cert))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: it would skip the check of the agent's certificate, which may have expired.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(ServerSide { acceptor: TlsAcceptor::from(Arc::new(config)), verifier })
}
