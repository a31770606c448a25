//! The audit log: entries, their canonical bytes, and the chain of digests over them.
//!
//! The log is append-only. An event is one entry of the kind [`Body::Begun`], written before the
//! controller acts, and one of the kind [`Body::Ended`] after it, which names the first by its
//! number. Each entry's digest covers the digest before it, so that nobody can change, remove or
//! insert an entry without changing all digests after it, of which an operator may hold a copy.
//!
//! Retention removes entries from the front. The [`Anchor`] that it leaves is the last one removed.

use crate::{Digest, UnixMillis};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The entry's number; each is one greater than the one before.
    pub sequence: i64,
    /// When it was written.
    pub at: UnixMillis,
    /// What it says.
    pub body: Body,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Somebody is about to do something.
    Begun(Event),
    /// What was begun has ended.
    Ended {
        /// The number of the entry that began it.
        begun: i64,
        /// How it ended.
        outcome: Outcome,
        /// What there is to say about that, as JSON text; never a secret.
        detail: Option<String>,
    },
}

/// Who does what, from where, on which hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Who: an operator's name, `host:ID`, `token:ID`, or `controller`.
    pub actor: String,
    /// The address that it came from.
    pub source: Option<String>,
    /// What: the name of an action, or of something that the controller does, as `host.enroll`.
    pub action: String,
    /// The hosts that it is done on.
    pub hosts: Vec<String>,
    /// What else there is to say, as JSON text; never a secret.
    pub detail: Option<String>,
}

/// How an action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was done.
    Succeeded,
    /// It was not done: not allowed, or not possible.
    Refused,
    /// It failed.
    Failed,
    /// The controller ended before it knew.
    Unknown,
}

/// A place in the chain: an entry's number and digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The entry's number.
    pub sequence: i64,
    /// The entry's digest.
    pub digest: Digest,
}

/// The first entry that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number that should come next.
    pub sequence: i64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is missing: the next entry has this number.
    Missing(i64),
    /// Its content, or an entry before it, is not what its digest covers.
    Changed,
    /// It ends an entry that did not come before it.
    EndsNothing(i64),
}

/// Returns the digest of an entry behind one with the digest `before`.
pub fn chain(before: &Digest, entry: &Entry) -> Digest {
    let mut bytes = before.as_bytes().to_vec();
    bytes.extend(entry.canonical());
    Digest::of(&bytes)
}

/// Checks the entries behind an anchor.
///
/// # Errors
/// Names the first entry that is broken.
pub fn verify(
    anchor: Anchor,
    entries: impl IntoIterator<Item = (Entry, Digest)>,
) -> Result<Anchor, Broken> {
    let mut verifier = Verifier::behind(anchor);
    entries.into_iter().try_for_each(|(entry, digest)| verifier.check(&entry, &digest))?;
    Ok(verifier.anchor())
}

/// Checks entries one after the other, so that a log of any length needs no memory.
#[derive(Clone, Debug)]
pub struct Verifier(Anchor);

impl Anchor {
    /// The place before the first entry of all.
    pub const START: Self = Self { sequence: 0, digest: Digest::from_bytes([0; 32]) };

    /// Returns the place of an entry behind this one.
    pub fn next(&self, entry: &Entry) -> Self {
        Self { sequence: entry.sequence, digest: chain(&self.digest, entry) }
    }
}

impl Verifier {
    /// Starts behind an anchor.
    pub const fn behind(anchor: Anchor) -> Self {
        Self(anchor)
    }

    /// Returns the last entry that was checked.
    pub const fn anchor(&self) -> Anchor {
        self.0
    }

    /// Checks the next entry and its stored digest.
    ///
    /// # Errors
    /// When it is not the entry that was written there.
    pub fn check(&mut self, entry: &Entry, digest: &Digest) -> Result<(), Broken> {
        let sequence = self.0.sequence.saturating_add(1);
        if entry.sequence != sequence {
            return Err(Broken { sequence, fault: Fault::Missing(entry.sequence) });
        }
        if let Body::Ended { begun, .. } = entry.body
            && begun >= sequence
        {
            return Err(Broken { sequence, fault: Fault::EndsNothing(begun) });
        }
        let next = self.0.next(entry);
        if next.digest != *digest {
            return Err(Broken { sequence, fault: Fault::Changed });
        }
        self.0 = next;
        Ok(())
    }
}

impl Entry {
    /// Returns the bytes that the digest covers: a version, then every field. A text is preceded by
    /// its length, so that no two entries have the same bytes.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Canonical(vec![1]);
        out.number(self.sequence);
        out.number(self.at);
        match &self.body {
            Body::Begun(event) => {
                out.0.push(0);
                out.text(&event.actor);
                out.optional(event.source.as_deref());
                out.text(&event.action);
                out.length(event.hosts.len());
                event.hosts.iter().for_each(|host| out.text(host));
                out.optional(event.detail.as_deref());
            }
            Body::Ended { begun, outcome, detail } => {
                out.0.push(1);
                out.number(*begun);
                out.0.push(match outcome {
                    Outcome::Succeeded => 0,
                    Outcome::Refused => 1,
                    Outcome::Failed => 2,
                    Outcome::Unknown => 3,
                });
                out.optional(detail.as_deref());
            }
        }
        out.0
    }
}

/// Bytes in the making.
struct Canonical(Vec<u8>);

impl Canonical {
    fn number(&mut self, number: i64) {
        self.0.extend(number.to_be_bytes());
    }

    fn length(&mut self, length: usize) {
        self.0.extend((length as u64).to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        text.into_iter().for_each(|text| self.text(text));
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = self.sequence;
        match self.fault {
            Fault::Missing(found) => {
                write!(f, "audit entry {sequence} is missing: entry {found} stands in its place")
            }
            Fault::Changed => {
                write!(
                    f,
                    "audit entry {sequence} is not what was written there, or one before it is not"
                )
            }
            Fault::EndsNothing(begun) => {
                write!(
                    f,
                    "audit entry {sequence} ends entry {begun}, which does not come before it"
                )
            }
        }
    }
}

impl std::error::Error for Broken {}

#[cfg(test)]
mod tests;
