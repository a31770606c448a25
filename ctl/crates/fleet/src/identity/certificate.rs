//! The values that a host's certificate is made of.

use crate::{Digest, UnixMillis};
use serde::{Deserialize, Serialize};

/// A certificate's serial number.
pub type Serial = [u8; 16];

/// Fresh values for a certificate that may have to be made. The caller chooses them before it asks
/// a rule; a rule that finds an earlier answer leaves them unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// A random serial number.
    pub serial: Serial,
    /// From when on the certificate is valid.
    pub not_before: UnixMillis,
    /// Until when.
    pub not_after: UnixMillis,
}

/// Everything that a host's certificate depends on, besides the host id and the issuing CA. The
/// certificate is signed after these values are stored, so that the same values always make the
/// same certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The SHA-256 of the key's `SubjectPublicKeyInfo`.
    pub key: Digest,
    /// The host's generation, which the key began.
    pub generation: u32,
    /// The serial number.
    pub serial: Serial,
    /// From when on it is valid.
    pub not_before: UnixMillis,
    /// Until when.
    pub not_after: UnixMillis,
    /// The renewal that asked for it; `None` after an enrollment or a recovery.
    pub renewal: Option<String>,
}

impl Certificate {
    /// Returns whether it is still valid.
    pub const fn is_valid(&self, now: UnixMillis) -> bool {
        now <= self.not_after
    }
}
