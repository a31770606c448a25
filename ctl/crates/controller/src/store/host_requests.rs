//! What hosts ask of the store: to join, to renew or recover a certificate, to be connected.

use fleet::identity::{Answer, Offer, UnknownHosts};
use fleet::{Digest, TokenId, UnixMillis};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A host that asks to be admitted by a join token.
#[derive(Clone)]
pub(crate) struct EnrollRequest {
    /// The token's id.
    pub(crate) token: TokenId,
    /// SHA-256 of the token's secret.
    pub(crate) secret: Digest,
    /// The key that the certificate is asked for.
    pub(crate) key: Digest,
    /// The id that the host would like, if a certificate can name it.
    pub(crate) wanted: Option<String>,
    /// The id that it gets otherwise: a fresh UUID.
    pub(crate) fresh: String,
    /// SHA-256 of its machine-id.
    pub(crate) machine: Option<Digest>,
    /// Its boot.
    pub(crate) boot: Option<String>,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The address that asks.
    pub(crate) source: IpAddr,
    /// For the certificate, if it is to be signed anew.
    pub(crate) offer: Offer,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// A host that a join token admits, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The host id.
    pub(crate) host: String,
    /// The answer.
    pub(crate) answer: Answer,
    /// Whether the host is new, so that a use was counted.
    pub(crate) new: bool,
}

/// A connected host that asks for a new certificate.
#[derive(Clone, Debug)]
pub(crate) struct RenewRequest {
    /// The host.
    pub(crate) host: String,
    /// The key of the channel that asks.
    pub(crate) key: Digest,
    /// The address that asks.
    pub(crate) source: IpAddr,
    /// The renewal's id, chosen by the agent.
    pub(crate) renewal: String,
    /// The new key.
    pub(crate) new_key: Digest,
    /// For the certificate, if it is to be signed anew.
    pub(crate) offer: Offer,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// A host that has proved its bound key and asks for a certificate.
#[derive(Clone, Debug)]
pub(crate) struct RecoverRequest {
    /// The host.
    pub(crate) host: String,
    /// The bound key, proved.
    pub(crate) key: Digest,
    /// The new key.
    pub(crate) new_key: Digest,
    /// SHA-256 of its machine-id.
    pub(crate) machine: Option<Digest>,
    /// The address that asks.
    pub(crate) source: IpAddr,
    /// For the certificate, if it is to be signed anew.
    pub(crate) offer: Offer,
    /// Seconds after the certificate's end within which nobody has to approve.
    pub(crate) within: UnixMillis,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// A channel that has just been opened.
#[derive(Clone, Debug)]
pub(crate) struct NewChannel {
    /// The host id that the certificate names.
    pub(crate) host: String,
    /// The certificate.
    pub(crate) proof: ChannelProof,
    /// The host's address.
    pub(crate) address: SocketAddr,
    /// The agent's version.
    pub(crate) version: Option<String>,
    /// The host's boot.
    pub(crate) boot: Option<String>,
    /// The version of the CA bundle that it knows.
    pub(crate) ca_version: Option<u32>,
    /// The present time.
    pub(crate) now: UnixMillis,
}

/// How a host proved its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelProof {
    /// By a certificate of our own CA.
    Own {
        /// The certificate's key.
        key: Digest,
        /// The first second of the certificate's life.
        not_before: UnixMillis,
    },
    /// By a certificate of a company's PKI.
    Foreign {
        /// What becomes of the host if it is new.
        unknown: UnknownHosts,
    },
}

impl fmt::Debug for EnrollRequest {
    /// Leaves out the digest of the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrollRequest")
            .field("token", &self.token)
            .field("wanted", &self.wanted)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}
