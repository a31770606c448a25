//! HTTPS for the API: the certificate that is presented now, and the handshake of one client.
//!
//! Plain HTTP is for loopback only, which the flags see to.

use crate::agents::key_matches;
use crate::error::Error;
use crate::identity::{Ca, Issuance, ServerChain};
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

/// Where the API's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HttpsSource {
    /// There is none: plain HTTP.
    Plain,
    /// Files of the operator.
    Files(HttpsFiles),
    /// Our own CA.
    OwnCa,
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
    fn load(files: &HttpsFiles) -> Result<Self, Error> {
        let chain = pem::certificates(&files.cert)?;
        let key = pem::private_key(&files.key)?;
        if !key_matches(&chain[0], &files.key)? {
            let why = format!("not the key of the certificate in {}", files.cert.display());
            return Err(Error::Content { path: files.key.clone(), why });
        }
        Self::new(chain, key).map_err(Error::content(&files.cert))
    }

    /// Takes the certificate that our own CA has made for this server. Its root follows, so that a
    /// client that knows no more than the root's digest finds it.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    fn issued(own: &Issuance) -> Result<Self, Error> {
        let unusable = |why: String| Error::Certificate(format!("HTTPS with our own CA: {why}"));
        let ServerChain { mut chain, roots, key } =
            own.server_chain().ok_or_else(|| unusable("it has made no certificate".to_owned()))?;
        chain.extend(roots);
        Self::new(chain, key).map_err(|error| unusable(error.to_string()))
    }

    fn new(
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
pub(crate) struct Transport {
    source: HttpsSource,
    ca: Arc<Ca>,
    /// The present side, and what our own CA had issued when it was made.
    present: RwLock<Option<(HttpsSide, Arc<Issuance>)>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Transport {
    /// Reads the certificate.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(crate) fn open(source: HttpsSource, ca: Arc<Ca>) -> Result<Self, Error> {
        let transport = Self { source, ca, present: RwLock::new(None) };
        if let Some(side) = transport.reread()? {
            transport.replace(side);
        }
        Ok(transport)
    }

    /// Returns the scheme of the API's URLs.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.source == HttpsSource::Plain { "http" } else { "https" }
    }

    /// Reads the certificate again; `None` for plain HTTP. Blocks on files.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(crate) fn reread(&self) -> Result<Option<HttpsSide>, Error> {
        match &self.source {
            HttpsSource::Plain => Ok(None),
            HttpsSource::Files(files) => HttpsSide::load(files).map(Some),
            HttpsSource::OwnCa => HttpsSide::issued(&self.ca.current()).map(Some),
        }
    }

    /// Presents another certificate from now on; connections that are open stay.
    pub(crate) fn replace(&self, side: HttpsSide) {
        *self.present.write() = Some((side, self.ca.current()));
    }

    /// Returns the server's side for one client; `None` for plain HTTP.
    pub(super) fn side(&self) -> Option<HttpsSide> {
        let present = self.present.read().clone();
        let (side, made_of) = present?;
        let current = self.ca.current();
        if self.source != HttpsSource::OwnCa || Arc::ptr_eq(&made_of, &current) {
            return Some(side);
        }
        // Our own CA has renewed the server's certificate, or was rotated.
        match HttpsSide::issued(&current) {
            Ok(new) => {
                *self.present.write() = Some((new.clone(), current));
                Some(new)
            }
            Err(error) => {
                log::error!("{error}; the API goes on with its former certificate");
                *self.present.write() = Some((side.clone(), current));
                Some(side)
            }
        }
    }
}

/// Takes a client through its handshake.
///
/// # Errors
/// When it fails or takes too long.
pub(super) async fn accept(side: HttpsSide, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    timeout(HANDSHAKE, TlsAcceptor::from(side.0).accept(stream))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time"))?
}
