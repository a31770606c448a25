//! Documents as bytes: zstd, where it helps compressed against a similar document.
//!
//! Hosts of one image differ in a few values, so a document that is compressed against another one
//! of its method takes some dozens of bytes. A base is always a whole document: to read any
//! document takes two bodies at most.

use std::error::Error;
use std::fmt;
use std::io;

/// zstd's level for whole documents…
const WHOLE: i32 = 6;

/// …and for differences, where matches are found at once.
const DIFFERENCE: i32 = 3;

/// The most bytes of a document, as the agent bounds all of its facts in one reply.
pub(super) const MAX_TEXT: usize = 8 << 20;

/// Compresses a text by itself.
pub(super) fn whole(text: &str) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(text.as_bytes(), WHOLE)
}

/// Compresses a text against another one.
pub(super) fn against(base: &str, text: &str) -> io::Result<Vec<u8>> {
    zstd::bulk::Compressor::with_dictionary(DIFFERENCE, base.as_bytes())?.compress(text.as_bytes())
}

/// Returns the text of a body.
pub(in crate::store) fn text(body: &[u8], base: Option<&str>, size: usize) -> io::Result<String> {
    let size = size.min(MAX_TEXT);
    let bytes = match base {
        None => zstd::bulk::decompress(body, size)?,
        Some(base) => {
            zstd::bulk::Decompressor::with_dictionary(base.as_bytes())?.decompress(body, size)?
        }
    };
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// A body that cannot be made or read.
#[derive(Debug)]
pub(in crate::store) struct Damaged(pub(super) io::Error);

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a document of facts is damaged: {}", self.0)
    }
}

impl Error for Damaged {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl From<io::Error> for Damaged {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
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
