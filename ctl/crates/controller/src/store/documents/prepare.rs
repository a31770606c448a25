//! What takes time before facts are written: digests, the search for a base, compression and the
//! entries of the index.

use super::body::{self, Damaged};
use super::entries::of_text;
use crate::store::DocumentNumber;
use fleet::Digest;
use fleet::facts::index::{Entry, Kind};
use fleet::facts::volatile;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whole documents of a method that are tried as a base, the newest ones.
pub(in crate::store) const CANDIDATES: i64 = 3;

/// A difference is not tried against another base below this share of the text, one in…
const GOOD: usize = 20;

/// A difference is worth it below this share of the whole body, one in…
const SHARE: usize = 3;

/// The answers of a host, ready to be written.
#[derive(Debug, Default)]
pub(in crate::store) struct Prepared {
    /// By method; a method that needs nothing has no entry.
    pub(in crate::store) documents: BTreeMap<String, NewDocument>,
}

/// A document that may not be stored yet.
#[derive(Clone, Debug)]
pub(in crate::store) struct NewDocument {
    /// SHA-256 of its text.
    pub(in crate::store) digest: Digest,
    /// Bytes of its text.
    pub(in crate::store) size: usize,
    /// The document to store; `None` if it is stored already.
    pub(in crate::store) body: Option<NewBody>,
    /// The kept part of the whole answer, where it is more than the document.
    pub(in crate::store) newest: Option<Newest>,
}

/// The kept part of a whole answer.
#[derive(Clone, Debug)]
pub(in crate::store) enum Newest {
    /// The answer, compressed against the document, and its size.
    Whole(Vec<u8>, usize),
    /// Its digest, of an answer that the host may give again: to tell the host that it is known is
    /// all that it is for, and the answers of some hundred services or certificates would be most
    /// of what a host occupies.
    Digest(Digest),
}

/// A document's body, and what it is found by.
#[derive(Clone, Debug)]
pub(in crate::store) struct NewBody {
    /// The whole document that it is compressed against.
    pub(in crate::store) base: Option<DocumentNumber>,
    /// The bytes.
    pub(in crate::store) bytes: Vec<u8>,
    /// The kind of its entries.
    pub(in crate::store) kind: Option<Kind>,
    /// Entries that the base lacks, or all of them.
    pub(in crate::store) added: Vec<Entry>,
    /// Entries of the base that the document lacks.
    pub(in crate::store) removed: Vec<Entry>,
}

impl NewDocument {
    /// Prepares an answer, but for the body of its document.
    ///
    /// # Errors
    /// When the answer cannot be compressed.
    pub(in crate::store) fn of(
        method: &str,
        document: &str,
        whole: Option<&str>,
    ) -> Result<Self, Damaged> {
        let newest = match whole {
            Some(whole) if volatile::may_repeat(method) => {
                Some(Newest::Digest(Digest::of(whole.as_bytes())))
            }
            Some(whole) => Some(Newest::Whole(body::against(document, whole)?, whole.len())),
            None => None,
        };
        let digest = Digest::of(document.as_bytes());
        Ok(Self { digest, size: document.len(), body: None, newest })
    }
}

/// The search for the document that a new one is best compressed against.
pub(in crate::store) struct BaseSearch<'a> {
    document: &'a str,
    best: Option<Base>,
}

/// A base, and the new document compressed against it.
struct Base {
    number: DocumentNumber,
    text: Arc<str>,
    bytes: Vec<u8>,
}

impl<'a> BaseSearch<'a> {
    /// Begins the search for a new document.
    pub(in crate::store) const fn of(document: &'a str) -> Self {
        Self { document, best: None }
    }

    /// Tries a whole document; returns whether it is good enough, so that others could save little.
    ///
    /// # Errors
    /// When the new document cannot be compressed.
    pub(in crate::store) fn is_good(
        &mut self,
        number: DocumentNumber,
        text: Arc<str>,
    ) -> Result<bool, Damaged> {
        let bytes = body::against(&text, self.document)?;
        if self.best.as_ref().is_none_or(|best| bytes.len() < best.bytes.len()) {
            self.best = Some(Base { number, text, bytes });
        }
        let best = self.best.as_ref();
        Ok(best.is_some_and(|best| best.bytes.len() * GOOD < self.document.len()))
    }

    /// Makes the body, with the best base or none.
    ///
    /// # Errors
    /// When the new document cannot be compressed.
    pub(in crate::store) fn body(self, method: &str) -> Result<NewBody, Damaged> {
        let Self { document, best } = self;
        let is_small = |bytes: usize| bytes * 2 * SHARE < document.len().min(64 << 10);
        let (base, bytes) = match best {
            // A difference of a few hundred bytes need not be compared with the whole body.
            Some(best) if is_small(best.bytes.len() * 4) => {
                (Some((best.number, best.text)), best.bytes)
            }
            Some(best) => {
                let whole = body::whole(document)?;
                match best.bytes.len() < whole.len() / SHARE {
                    true => (Some((best.number, best.text)), best.bytes),
                    false => (None, whole),
                }
            }
            None => (None, body::whole(document)?),
        };
        let kind = Kind::of(method);
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        if let Some(kind) = kind {
            let own = of_text(kind, document);
            let of_base: BTreeSet<Entry> =
                base.as_ref().map(|(_, text)| of_text(kind, text)).unwrap_or_default();
            added = own.difference(&of_base).cloned().collect();
            removed = of_base.difference(&own).cloned().collect();
        }
        Ok(NewBody { base: base.map(|(number, _)| number), bytes, kind, added, removed })
    }
}
