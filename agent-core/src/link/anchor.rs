//! How a host that joins verifies the server: by the pin of one certificate in the server's chain,
//! or by CAs in a file (§9). The token goes only to a server that was verified.

use super::error::{TlsFile, TlsProblem};
use super::{Error, identity};
use crate::config::Anchor;
use crate::enroll::{Leaf, now};
use crate::named_file::{self, Writers};
use ::ring::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

/// A larger file of CAs is rejected.
const MAX_BYTES: u64 = 1 << 20;

/// No certificate of the server's chain has the pinned SHA-256.
#[derive(Debug)]
pub(super) struct NotPinned;

impl std::fmt::Display for NotPinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no certificate of its chain has the pinned SHA-256")
    }
}

impl std::error::Error for NotPinned {}

/// Checks that servers can be verified by an anchor.
///
/// # Errors
/// When its file cannot be used.
pub(crate) fn check(anchor: &Anchor) -> Result<(), Error> {
    client(anchor).map(|_| ())
}

/// Returns the TLS configuration of a connection by which a host joins: TLS 1.3, the enrollment's
/// ALPN name, no certificate of the client, no session that outlives it. It reads the file of CAs.
///
/// # Errors
/// When the file cannot be used.
pub(super) fn client(anchor: &Anchor) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(Error::TlsVersion)?;
    let mut config = match anchor {
        Anchor::Pin(pin) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { pin: *pin, provider }))
            .with_no_client_auth(),
        Anchor::File(path) => builder.with_root_certificates(roots(path)?).with_no_client_auth(),
    };
    config.alpn_protocols = vec![agent_wire::ENROLL_ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn roots(path: &Path) -> Result<RootCertStore, Error> {
    let failed = |problem| Error::Tls(vec![problem]);
    let text = named_file::read(path, MAX_BYTES, Writers::TrustedLinks).map_err(|source| {
        failed(TlsProblem::Read { which: TlsFile::Anchor, path: path.to_owned(), source })
    })?;
    let mut skipped = Vec::new();
    let problem = |why| TlsProblem::content(TlsFile::Anchor, path, why);
    let roots = identity::read_roots(&text, problem, &mut skipped).map_err(failed)?;
    for problem in skipped {
        log::warn!("{problem}");
    }
    Ok(roots)
}

/// Trusts exactly one certificate: as the anchor of the server's chain, or as the server's own.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    fn is_pinned(&self, certificate: &CertificateDer<'_>) -> bool {
        digest(&SHA256, certificate).as_ref() == self.pin
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        at: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.is_pinned(end_entity) {
            return verify_own(end_entity, server_name);
        }
        let anchor = intermediates.iter().find(|certificate| self.is_pinned(certificate));
        let Some(anchor) = anchor else {
            return Err(CertificateError::Other(OtherError(Arc::new(NotPinned))).into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(anchor.clone().into_owned())?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Only TLS 1.3 is offered.
        Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the name and the time of a server's certificate that is pinned itself. The handshake's
/// signature proves its key.
fn verify_own(
    certificate: &CertificateDer<'_>,
    server_name: &ServerName<'_>,
) -> Result<ServerCertVerified, rustls::Error> {
    let parsed =
        webpki::EndEntityCert::try_from(certificate).map_err(|_| CertificateError::BadEncoding)?;
    parsed
        .verify_is_valid_for_subject_name(server_name)
        .map_err(|_| CertificateError::NotValidForName)?;
    let leaf = Leaf::parse(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = now();
    if leaf.has_expired(now) {
        return Err(CertificateError::Expired.into());
    }
    if now < leaf.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    Ok(ServerCertVerified::assertion())
}
