//! TLS to the server: the trusted CA and the agent's own certificate (§3).
//!
//! The files are read for each connection, so that a renewed certificate is used without a restart.

use super::Error;
use super::plain::Plain;
use super::resolve::Target;
use crate::config::{Config, TlsSettings, TlsVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// How long a handshake may take, from the agent's hello.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Larger TLS files are rejected unread.
const MAX_PEM_BYTES: u64 = 1 << 20;

/// Does the handshake and verifies the peer against the configured CA and the target's name.
pub(super) async fn connect(
    stream: Plain,
    target: &Target,
    config: &Config,
) -> Result<TlsStream<Plain>, Error> {
    let peer = target.address;
    let connector = TlsConnector::from(Arc::new(client_config(&config.tls)?));
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, connector.connect(target.name.clone(), stream))
        .await
    {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(source)) => Err(Error::Connection { peer, source }),
        Err(_) => Err(Error::TooSlow { peer, what: "the TLS handshake" }),
    }
}

/// Returns the DNS names in the server's certificate, which the handshake has verified.
pub(super) fn names_of_peer(stream: &TlsStream<Plain>) -> Vec<String> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let leaf = certificates.first().and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok());
    leaf.map(|leaf| leaf.valid_dns_names().map(str::to_owned).collect()).unwrap_or_default()
}

/// Builds the client's side from the configured files. The certificate and key are used if they
/// exist; both or neither must.
///
/// # Errors
/// The setting and the file that can't be used.
pub(crate) fn client_config(tls: &TlsSettings) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", &tls.ca)? {
        roots.add(certificate).map_err(|error| bad("ca", &tls.ca, &error))?;
    }
    let versions: &[_] = match tls.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .map_err(Error::TlsVersion)?
        .with_root_certificates(roots);
    let mut config = if tls.cert.exists() || tls.key.exists() {
        let chain = certificates("cert", &tls.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&read("key", &tls.key)?)
            .map_err(|error| bad("key", &tls.key, &error))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| bad("cert", &tls.cert, &error))?
    } else {
        builder.with_no_client_auth()
    };
    config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
    // The one connection lasts long: session tickets for the next would only cost memory.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(key, path)?).collect();
    match found {
        Ok(list) if list.is_empty() => Err(bad(key, path, &"contains no certificate")),
        Ok(list) => Ok(list),
        Err(error) => Err(bad(key, path, &error)),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, Error> {
    let read = || match std::fs::metadata(path)?.len() {
        0..=MAX_PEM_BYTES => std::fs::read(path),
        _ => Err(io::Error::other("too large for a PEM file")),
    };
    read().map_err(|source| Error::TlsFile { key, path: path.to_owned(), source })
}

fn bad(key: &'static str, path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::TlsContent { key, path: path.to_owned(), why: why.to_string() }
}
