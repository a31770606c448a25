//! A host joins by a token.

use super::certificate::Offer;
use super::record::{HostRecord, HostState, KeyPlace, Keys, PendingReason};
use super::refusal::IdentityRefusal;
use super::{Answer, MAX_PENDING};
use crate::join::{self, Admitted, JoinRefusal, JoinState, JoinTerms};
use crate::{Digest, Labels, TokenId, UnixMillis};
use std::fmt;
use std::net::IpAddr;

/// A host's question, with what the server looked up for it.
#[derive(Clone, Copy, Debug)]
pub struct Enroll<'a> {
    /// The token, whose secret the caller has compared.
    pub token: &'a TokenId,
    /// The token's terms.
    pub terms: &'a JoinTerms,
    /// The token's state.
    pub state: JoinState,
    /// The address that the host asks from.
    pub source: IpAddr,
    /// The key of the host's signed request.
    pub key: Digest,
    /// Whether the key is banned, even if its host has been removed since.
    pub key_is_banned: bool,
    /// The SHA-256 of the host's machine-id, if it told that.
    pub machine: Option<Digest>,
    /// The id that the host wants, if a certificate can name it and no host has it.
    pub wanted: Option<&'a str>,
    /// A fresh id, for a host that does not get what it wants.
    pub fresh: &'a str,
    /// How many hosts wait for approval.
    pub pending: u32,
}

/// What an enrollment comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// What to answer.
    pub answer: Answer,
    /// The host that joins by this. `None` if the key's host asks again, perhaps since an answer was
    /// lost: then no use of the token is counted.
    pub joined: Option<Box<Joined>>,
}

/// A host that joins: store it, and count one use of the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The host's record.
    pub record: HostRecord,
    /// The token's labels, which are the host's first.
    pub labels: Labels,
}

/// Why a host does not join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnrollRefusal {
    /// The token does not admit it.
    Join(JoinRefusal),
    /// It is refused for what it is.
    Identity(IdentityRefusal),
}

/// Decides about a host that asks to join. `known` is the host that the key belongs to, at any
/// [place](KeyPlace).
///
/// # Errors
/// When the token does not admit the host, or its key is refused. An older key changes the record.
pub fn enroll(
    known: Option<&mut HostRecord>,
    ask: &Enroll<'_>,
    offer: &Offer,
    now: UnixMillis,
) -> Result<Enrolled, EnrollRefusal> {
    if let Some(record) = known {
        // An answer may have been lost in the token's last second, or with its last use.
        let asks_again = record.token.as_ref() == Some(ask.token) && !ask.state.revoked;
        if !asks_again {
            join::admit(ask.terms, ask.state, now, ask.source)?;
        }
        return Ok(Enrolled { answer: enroll_again(record, ask, offer, now)?, joined: None });
    }
    let Admitted { labels, approval } = join::admit(ask.terms, ask.state, now, ask.source)?;
    if ask.key_is_banned {
        return Err(IdentityRefusal::Banned.into());
    }
    if approval && ask.pending >= MAX_PENDING {
        return Err(IdentityRefusal::TooManyPending.into());
    }
    let mut keys = Keys::new(ask.key, offer.not_before);
    let (state, answer) = match approval {
        true => (HostState::Pending(PendingReason::Token), Answer::Pending),
        false => (HostState::Active, Answer::Certificate(keys.issue(offer, None))),
    };
    let record = HostRecord {
        id: ask.wanted.unwrap_or(ask.fresh).to_owned(),
        state,
        keys: Some(keys),
        machine: ask.machine,
        token: Some(ask.token.clone()),
    };
    Ok(Enrolled { answer, joined: Some(Box::new(Joined { record, labels })) })
}

fn enroll_again(
    record: &mut HostRecord,
    ask: &Enroll<'_>,
    offer: &Offer,
    now: UnixMillis,
) -> Result<Answer, IdentityRefusal> {
    let is_elsewhere =
        ask.machine.is_some() && record.machine.is_some_and(|m| Some(m) != ask.machine);
    let is_pending = matches!(record.state, HostState::Pending(_));
    let keys = record.present(ask.key)?;
    if is_elsewhere {
        // Both machines were made from one image that had a key in it.
        return Err(IdentityRefusal::KeyInUse);
    }
    if is_pending {
        return Ok(Answer::Pending);
    }
    if keys.place(ask.key) == KeyPlace::Previous {
        // It lost its certificate, and never got that of the current key.
        keys.go_to(ask.key, false);
    }
    Ok(Answer::Certificate(keys.certificate_again(offer, now)))
}

impl From<JoinRefusal> for EnrollRefusal {
    fn from(refusal: JoinRefusal) -> Self {
        Self::Join(refusal)
    }
}

impl From<IdentityRefusal> for EnrollRefusal {
    fn from(refusal: IdentityRefusal) -> Self {
        Self::Identity(refusal)
    }
}

impl fmt::Display for EnrollRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join(refusal) => refusal.fmt(f),
            Self::Identity(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for EnrollRefusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Join(refusal) => Some(refusal),
            Self::Identity(refusal) => Some(refusal),
        }
    }
}
