//! What a host's record is compared with: the key and the begin of the certificate that the host
//! presented, whoever signed it.

use fleet::Digest;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A host's certificate, verified by the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The name of its key, of whatever kind the key is.
    pub(crate) key: Digest,
    /// Its begin, milliseconds since 1970.
    pub(crate) not_before: i64,
}

impl Leaf {
    /// Reads a certificate; `None` for one that cannot be read.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        Some(Self {
            key: Digest::of(cert.public_key().raw),
            not_before: cert.validity().not_before.timestamp().saturating_mul(1000),
        })
    }
}
