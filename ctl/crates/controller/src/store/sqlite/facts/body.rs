//! Documents as bytes: zstd, where it helps compressed against a similar document.
//!
//! Hosts of one image differ in a few values, so a document that is compressed against another one
//! of its method takes some dozens of bytes. A base is always a whole document: to read any
//! document takes two bodies at most.

use super::super::sql::Sql as _;
use crate::store::DocumentNumber;
use rusqlite::types::Type;
use rusqlite::{Connection, Error, params};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// zstd's level for whole documents…
const WHOLE: i32 = 6;

/// …and for differences, where matches are found at once.
const DIFFERENCE: i32 = 3;

/// The most bytes of a document, as the agent bounds all of its facts in one reply.
const MAX_TEXT: usize = 8 << 20;

/// Bytes of whole documents that one reading keeps at hand.
const MAX_BASES: usize = 32 << 20;

/// Compresses a text by itself.
pub(super) fn whole(text: &str) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(text.as_bytes(), WHOLE)
}

/// Compresses a text against another one.
pub(super) fn against(base: &str, text: &str) -> io::Result<Vec<u8>> {
    zstd::bulk::Compressor::with_dictionary(DIFFERENCE, base.as_bytes())?.compress(text.as_bytes())
}

/// Returns the text of a body.
pub(super) fn text(body: &[u8], base: Option<&str>, size: usize) -> io::Result<String> {
    let size = size.min(MAX_TEXT);
    let bytes = match base {
        None => zstd::bulk::decompress(body, size)?,
        Some(base) => {
            zstd::bulk::Decompressor::with_dictionary(base.as_bytes())?.decompress(body, size)?
        }
    };
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Makes a damaged body an error of the database.
pub(super) fn damaged(error: io::Error) -> Error {
    Error::FromSqlConversionFailure(0, Type::Blob, error.into())
}

/// Reads documents, and keeps at hand what the next ones may need too: the texts of bases, and a
/// decompressor that knows the base of the last one.
#[derive(Default)]
pub(super) struct Texts {
    bases: HashMap<DocumentNumber, Arc<str>>,
    bytes: usize,
    against: Option<(DocumentNumber, zstd::bulk::Decompressor<'static>)>,
    /// The bytes of the last text.
    buffer: Vec<u8>,
}

/// A document as it is stored.
struct Stored {
    body: Vec<u8>,
    base: Option<DocumentNumber>,
    size: usize,
}

impl Texts {
    /// Returns a document's text; `None` if there is no such document.
    pub(super) fn of(
        &mut self,
        sql: &Connection,
        document: DocumentNumber,
    ) -> rusqlite::Result<Option<Arc<str>>> {
        if let Some(base) = self.bases.get(&document) {
            return Ok(Some(Arc::clone(base)));
        }
        let mut text = None;
        self.show(sql, document, |found| text = Some(Arc::from(found)))?;
        Ok(text)
    }

    /// Shows a document's text; returns `None` if there is no such document.
    pub(super) fn show<T>(
        &mut self,
        sql: &Connection,
        document: DocumentNumber,
        show: impl FnOnce(&str) -> T,
    ) -> rusqlite::Result<Option<T>> {
        if let Some(base) = self.bases.get(&document) {
            return Ok(Some(show(base)));
        }
        let Some(Stored { body, base, size }) = stored(sql, document)? else { return Ok(None) };
        let Some(base) = base else {
            let text: Arc<str> = text(&body, None, size).map_err(damaged)?.into();
            self.keep(document, &text);
            return Ok(Some(show(&text)));
        };
        if self.against.as_ref().is_none_or(|(known, _)| *known != base) {
            // A base that is missing makes the body unreadable, as it must.
            let text = self.of(sql, base)?.unwrap_or_default();
            let dictionary = zstd::bulk::Decompressor::with_dictionary(text.as_bytes());
            self.against = Some((base, dictionary.map_err(damaged)?));
        }
        let Some((_, decompressor)) = &mut self.against else { return Ok(None) };
        self.buffer.clear();
        self.buffer.reserve(size.min(MAX_TEXT));
        decompressor.decompress_to_buffer(&body, &mut self.buffer).map_err(damaged)?;
        let text = std::str::from_utf8(&self.buffer);
        Ok(Some(show(text.map_err(|error| damaged(io::Error::other(error)))?)))
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

fn stored(sql: &Connection, document: DocumentNumber) -> rusqlite::Result<Option<Stored>> {
    sql.first(
        "SELECT b.body, d.base, d.size FROM fact_documents d JOIN fact_bodies b \
         ON b.document = d.number WHERE d.number = ?",
        params![document],
        |row| {
            let size = row.get::<_, i64>(2)?.unsigned_abs();
            Ok(Stored {
                body: row.get(0)?,
                base: row.get(1)?,
                size: usize::try_from(size).unwrap_or(MAX_TEXT),
            })
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_back_from_either_form() {
        let base: String = (0..400).map(|n| format!("{{\"name\":\"package-{n}\"}},")).collect();
        let text_of = base.replace("package-200", "another");
        let body = whole(&base).unwrap();
        assert_eq!(text(&body, None, base.len()).unwrap(), base);
        let small = against(&base, &text_of).unwrap();
        assert!(small.len() < 200, "{}", small.len());
        assert_eq!(text(&small, Some(&base), text_of.len()).unwrap(), text_of);
        // A body that is damaged, or whose base is another one, is an error and no panic.
        assert!(text(&body[1..], None, base.len()).is_err());
        assert!(text(&small, None, text_of.len()).is_err());
        assert!(text(&body, None, 10).is_err());
    }
}
