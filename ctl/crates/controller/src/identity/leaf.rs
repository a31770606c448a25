//! What a host's record is compared with: the key and the begin of the certificate that the host
//! presented, whoever signed it.

use fleet::Digest;
use x509_parser::prelude::X509Certificate;

/// A host's certificate, verified by the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The name of its key, of whatever kind the key is.
    pub(crate) key: Digest,
    /// Its begin, milliseconds since 1970.
    pub(crate) not_before: i64,
}

impl Leaf {
    /// Reads it from a parsed certificate.
    pub(crate) fn of(cert: &X509Certificate<'_>) -> Self {
        Self {
            key: Digest::of(cert.public_key().raw),
            not_before: cert.validity().not_before.timestamp().saturating_mul(1000),
        }
    }
}
