//! Join tokens: the text that admits hosts, and the terms on which it does.
//!
//! The text is `bat1.ID.SECRET`. The server finds the token by its id and compares the secret's
//! SHA-256 with the one it stored; it never stores the secret.

use crate::{DAY, Digest, IpNetwork, Labels, MAX_LABELS, UnixMillis};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::net::IpAddr;

/// The longest time that a token is good for, in milliseconds.
pub const MAX_LIFE: UnixMillis = 30 * DAY;

/// The most hosts that one token admits.
pub const MAX_USES: u32 = 10_000;

/// The most networks that one token names.
pub const MAX_NETWORKS: usize = 64;

/// The most enrollments a second that a token allows one source address.
pub const MAX_PER_SOURCE_RATE: u32 = 10_000;

/// The version of the text, and what people recognize it by.
const PREFIX: &str = "bat1";

/// Crockford's base32 in lower case: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

const ID: usize = 12;
const SECRET: usize = 32;

/// The random bytes that a new token is made of.
pub const RANDOM: usize = 28;

/// The public part of a join token: 12 characters, shown in lists and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Box<str>);

/// A join token with its secret. It has no `Display`, so that no log line shows it by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    id: TokenId,
    secret: Box<str>,
}

/// A text that is not a join token. It does not repeat the text, which may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAToken;

/// The terms that an operator gave a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinTerms {
    /// From when on the token is not good any more.
    pub expires: UnixMillis,
    /// How many hosts it admits.
    pub max_uses: u32,
    /// The labels of the hosts that it admits.
    #[serde(default)]
    pub labels: Labels,
    /// Where it is good from; anywhere if empty.
    #[serde(default)]
    pub networks: Vec<IpNetwork>,
    /// Whether an operator approves each host before it gets a certificate.
    #[serde(default)]
    pub approval: bool,
    /// Enrollments a second from one source address, instead of the controller's setting: for hosts
    /// that share an address.
    #[serde(default)]
    pub per_source_rate: Option<u32>,
}

/// What has become of a token since.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JoinState {
    /// How many hosts it has admitted.
    pub uses: u32,
    /// Whether an operator revoked it.
    pub revoked: bool,
}

/// A host that a token admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The labels that the host gets.
    pub labels: Labels,
    /// Whether an operator has to approve it.
    pub approval: bool,
}

/// Why a token does not admit a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinRefusal {
    /// There is no such token, or its secret is another one.
    Unknown,
    /// It was good until some time ago.
    Expired,
    /// It has admitted as many hosts as it may.
    UsedUp,
    /// An operator revoked it.
    Revoked,
    /// It is not good from this address.
    Network,
}

/// Why an operator's terms are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TermsError {
    /// The expiry is in the past, or too far in the future.
    Expires,
    /// No use, or too many.
    MaxUses,
    /// Too many labels.
    Labels,
    /// Too many networks.
    Networks,
    /// No rate, or too high a rate.
    PerSourceRate,
}

/// Returns whether a token admits one more host, and how.
///
/// The caller has found the token and compared its secret; otherwise the answer is
/// [`JoinRefusal::Unknown`].
///
/// # Errors
/// When the token does not admit a host from `source` now.
pub fn admit(
    terms: &JoinTerms,
    state: JoinState,
    now: UnixMillis,
    source: IpAddr,
) -> Result<Admitted, JoinRefusal> {
    if state.revoked {
        Err(JoinRefusal::Revoked)
    } else if now >= terms.expires {
        Err(JoinRefusal::Expired)
    } else if !terms.networks.is_empty() && !terms.networks.iter().any(|net| net.contains(source)) {
        Err(JoinRefusal::Network)
    } else if state.uses >= terms.max_uses {
        Err(JoinRefusal::UsedUp)
    } else {
        Ok(Admitted { labels: terms.labels.clone(), approval: terms.approval })
    }
}

impl JoinTerms {
    /// Checks the terms of a token that is created `now`.
    ///
    /// # Errors
    /// When a term is beyond its bound.
    pub fn check(&self, now: UnixMillis) -> Result<(), TermsError> {
        if self.expires <= now || self.expires - now > MAX_LIFE {
            Err(TermsError::Expires)
        } else if !(1..=MAX_USES).contains(&self.max_uses) {
            Err(TermsError::MaxUses)
        } else if self.labels.len() > MAX_LABELS {
            Err(TermsError::Labels)
        } else if self.networks.len() > MAX_NETWORKS {
            Err(TermsError::Networks)
        } else if self.per_source_rate.is_some_and(|r| !(1..=MAX_PER_SOURCE_RATE).contains(&r)) {
            Err(TermsError::PerSourceRate)
        } else {
            Ok(())
        }
    }
}

impl JoinToken {
    /// Makes a token of random bytes.
    pub fn new(random: &[u8; RANDOM]) -> Self {
        // 60 bits of the first 8 bytes, all 160 bits of the rest.
        let text = base32(random);
        Self { id: TokenId(text[..ID].into()), secret: text[text.len() - SECRET..].into() }
    }

    /// Reads a token as it was printed; blanks around it do not count.
    ///
    /// # Errors
    /// When the text is not a token.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let mut parts = text.trim().split('.');
        let (prefix, id, secret) = (parts.next(), parts.next(), parts.next());
        match (prefix, id, secret, parts.next()) {
            (Some(PREFIX), Some(id), Some(secret), None) => {
                Ok(Self { id: TokenId::new(id)?, secret: checked(secret, SECRET)?.into() })
            }
            _ => Err(NotAToken),
        }
    }

    /// Returns the token's public part.
    pub const fn id(&self) -> &TokenId {
        &self.id
    }

    /// Returns the SHA-256 of the secret, which the server stores.
    pub fn secret_digest(&self) -> Digest {
        Digest::of(self.secret.as_bytes())
    }

    /// Returns the whole text, secret included: for the join line, and for the host's request.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}.{}.{}", self.id, self.secret)
    }
}

impl TokenId {
    /// Returns the id with this text.
    ///
    /// # Errors
    /// When the text is not an id.
    pub fn new(text: &str) -> Result<Self, NotAToken> {
        checked(text, ID).map(|text| Self(text.into()))
    }

    /// Returns the id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn checked(text: &str, length: usize) -> Result<&str, NotAToken> {
    let fits = text.len() == length && text.bytes().all(|byte| ALPHABET.contains(&byte));
    if fits { Ok(text) } else { Err(NotAToken) }
}

/// Encodes 5 bits as one character. 28 bytes become 44 characters: the first 12 hold 60 bits of
/// bytes 0 to 7, the last 32 hold bytes 8 to 27.
fn base32(random: &[u8; RANDOM]) -> String {
    let (id, secret) = random.split_at(RANDOM - SECRET * 5 / 8);
    let digits = |bytes: &[u8], count: usize| {
        (0..count)
            .map(|digit| {
                let bit = digit * 5;
                let pair = u16::from(bytes[bit / 8]) << 8
                    | u16::from(*bytes.get(bit / 8 + 1).unwrap_or(&0));
                char::from(ALPHABET[usize::from(pair >> (11 - bit % 8) & 31)])
            })
            .collect::<String>()
    };
    digits(id, ID) + &digits(secret, SECRET)
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({}, secret hidden)", self.id)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TokenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is not a join token; one begins with \"bat1.\" and has 50 characters")
    }
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the server does not know this join token; copy the whole join line",
            Self::Expired => "this join token has expired; ask an operator for another",
            Self::UsedUp => {
                "this join token has admitted as many hosts as it may; ask an operator for another"
            }
            Self::Revoked => "an operator revoked this join token; ask for another",
            Self::Network => "this join token is not good from this host's network",
        })
    }
}

impl fmt::Display for TermsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expires => write!(f, "a join token expires within {} days", MAX_LIFE / DAY),
            Self::MaxUses => write!(f, "a join token admits 1 to {MAX_USES} hosts"),
            Self::Labels => write!(f, "a join token gives at most {MAX_LABELS} labels"),
            Self::Networks => write!(f, "a join token names at most {MAX_NETWORKS} networks"),
            Self::PerSourceRate => write!(
                f,
                "a join token allows one address 1 to {MAX_PER_SOURCE_RATE} enrollments a second"
            ),
        }
    }
}

impl std::error::Error for NotAToken {}
impl std::error::Error for JoinRefusal {}
impl std::error::Error for TermsError {}

#[cfg(test)]
mod tests;
