//! HTTPS for the API: the certificate that is presented now, and the handshake of one client.
//!
//! Without a certificate, the API speaks plain HTTP, which the flags allow on loopback only.

use crate::agents::key_matches;
use crate::error::Error;
use crate::pem;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The time for a client's handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The PEM files of the API's own certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpsFiles {
    /// The certificate chain.
    pub(crate) cert: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

/// The server's side of HTTPS as one reading of its certificate made it.
#[derive(Clone)]
pub(crate) struct HttpsSide(Arc<ServerConfig>);

impl fmt::Debug for HttpsSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpsSide(…)")
    }
}

impl HttpsSide {
    /// Reads the certificate and key from files.
    ///
    /// # Errors
    /// When a file cannot be read or used.
    pub(crate) fn load(files: &HttpsFiles) -> Result<Self, Error> {
        let chain = pem::certificates(&files.cert)?;
        let key = pem::private_key(&files.key)?;
        if !key_matches(&chain[0], &files.key)? {
            let why = format!("not the key of the certificate in {}", files.cert.display());
            return Err(Error::Content { path: files.key.clone(), why });
        }
        Self::new(chain, key).map_err(Error::content(&files.cert))
    }

    /// Makes the side of a chain and its key.
    ///
    /// # Errors
    /// When they cannot be used.
    pub(crate) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// What clients of the API speak.
#[derive(Debug, Default)]
pub(crate) struct Transport(RwLock<Option<HttpsSide>>);

impl Transport {
    /// Starts with HTTPS, or with plain HTTP.
    pub(crate) fn new(side: Option<HttpsSide>) -> Self {
        Self(RwLock::new(side))
    }

    /// Presents another certificate from now on; connections that are open stay.
    pub(crate) fn replace(&self, side: HttpsSide) {
        *self.0.write() = Some(side);
    }

    /// Returns the server's side for one client; `None` for plain HTTP.
    pub(super) fn side(&self) -> Option<HttpsSide> {
        self.0.read().clone()
    }
}

/// Takes a client through its handshake.
///
/// # Errors
/// When it fails or takes too long.
pub(super) async fn accept(
    side: HttpsSide,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    timeout(HANDSHAKE, TlsAcceptor::from(side.0).accept(stream))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time"))?
}
