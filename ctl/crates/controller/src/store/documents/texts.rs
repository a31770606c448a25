//! Reads documents, one after the other.

use super::body::{self, Damaged, MAX_TEXT};
use crate::store::DocumentNumber;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Bytes of whole documents that one reading keeps at hand.
const MAX_BASES: usize = 32 << 20;

/// A document as it is stored.
#[derive(Clone, Debug)]
pub(in crate::store) struct Stored<'a> {
    /// Its bytes.
    pub(in crate::store) body: Cow<'a, [u8]>,
    /// The whole document that they are compressed against.
    pub(in crate::store) base: Option<DocumentNumber>,
    /// Bytes of its text.
    pub(in crate::store) size: usize,
}

/// Where stored documents are.
pub(in crate::store) trait Bodies {
    /// Why one cannot be read.
    type Error: From<Damaged>;

    /// Returns a document, if there is such a one.
    fn stored(&self, document: DocumentNumber) -> Result<Option<Stored<'_>>, Self::Error>;
}

/// Documents that were read before.
impl Bodies for HashMap<DocumentNumber, Stored<'static>> {
    type Error = Damaged;

    fn stored(&self, document: DocumentNumber) -> Result<Option<Stored<'_>>, Damaged> {
        Ok(self.get(&document).map(|Stored { body, base, size }| Stored {
            body: Cow::Borrowed(body),
            base: *base,
            size: *size,
        }))
    }
}

/// Reads documents, and keeps at hand what the next ones may need too: the texts of bases, and a
/// decompressor that knows the base of the last one.
#[derive(Default)]
pub(in crate::store) struct Texts {
    bases: HashMap<DocumentNumber, Arc<str>>,
    bytes: usize,
    against: Option<(DocumentNumber, zstd::bulk::Decompressor<'static>)>,
    /// The bytes of the last text.
    buffer: Vec<u8>,
}

impl Texts {
    /// Returns a document's text; `None` if there is no such document.
    pub(in crate::store) fn of<B: Bodies>(
        &mut self,
        bodies: &B,
        document: DocumentNumber,
    ) -> Result<Option<Arc<str>>, B::Error> {
        if let Some(base) = self.bases.get(&document) {
            return Ok(Some(Arc::clone(base)));
        }
        let mut text = None;
        self.show(bodies, document, |found| text = Some(Arc::from(found)))?;
        Ok(text)
    }

    /// Shows a document's text; returns `None` if there is no such document.
    pub(in crate::store) fn show<B: Bodies, T>(
        &mut self,
        bodies: &B,
        document: DocumentNumber,
        show: impl FnOnce(&str) -> T,
    ) -> Result<Option<T>, B::Error> {
        if let Some(base) = self.bases.get(&document) {
            return Ok(Some(show(base)));
        }
        let Some(Stored { body, base, size }) = bodies.stored(document)? else { return Ok(None) };
        let Some(base) = base else {
            let text: Arc<str> = body::text(&body, None, size).map_err(Damaged)?.into();
            self.keep(document, &text);
            return Ok(Some(show(&text)));
        };
        if self.against.as_ref().is_none_or(|(known, _)| *known != base) {
            // A base that is missing makes the body unreadable, as it must.
            let text = self.of(bodies, base)?.unwrap_or_default();
            let dictionary = zstd::bulk::Decompressor::with_dictionary(text.as_bytes());
            self.against = Some((base, dictionary.map_err(Damaged)?));
        }
        let Some((_, decompressor)) = &mut self.against else { return Ok(None) };
        self.buffer.clear();
        self.buffer.reserve(size.min(MAX_TEXT));
        decompressor.decompress_to_buffer(&body, &mut self.buffer).map_err(Damaged)?;
        let text = std::str::from_utf8(&self.buffer);
        Ok(Some(show(text.map_err(|error| Damaged(io::Error::other(error)))?)))
    }

    /// Returns the text of an answer that is compressed against a document.
    pub(in crate::store) fn of_answer<B: Bodies>(
        &mut self,
        bodies: &B,
        document: DocumentNumber,
        answer: &[u8],
        size: usize,
    ) -> Result<String, B::Error> {
        let base = self.of(bodies, document)?;
        Ok(body::text(answer, base.as_deref(), size).map_err(Damaged)?)
    }

    fn keep(&mut self, document: DocumentNumber, text: &Arc<str>) {
        if self.bytes + text.len() > MAX_BASES {
            self.bases.clear();
            self.bytes = 0;
        }
        self.bytes += text.len();
        self.bases.insert(document, Arc::clone(text));
    }
}
