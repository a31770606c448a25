//! Small files that the kernel or the distribution writes, below /proc, /sys, /run and /etc.
//!
//! These functions open whatever stands at the path: use [`crate::regular`] where someone else may
//! have put a pipe or a device there.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::text::lossy;

/// The most that [`text`] and the functions built on it read of a file; the rest is ignored.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The size of the first read: all of most files, so that they take two read(2) calls.
const FIRST_READ: usize = 4096;

/// Returns the first `max` bytes of a file.
///
/// # Errors
/// The file can't be opened or read.
pub fn bytes(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    bytes_of(&mut File::open(path)?, max)
}

/// Returns the next `max` bytes of an open file.
///
/// # Errors
/// The file can't be read.
pub(crate) fn bytes_of(file: &mut File, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; FIRST_READ.min(max)];
    let mut length = 0;
    while length < max {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if length == bytes.len() {
            bytes.resize(max.min(length * 2), 0);
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Returns the first [`MAX_TEXT_BYTES`] of a file as text, with U+FFFD for what isn't UTF-8.
#[must_use]
pub fn text(path: &Path) -> Option<String> {
    beginning(path, MAX_TEXT_BYTES)
}

/// Returns the first `max` bytes of a file as text, with U+FFFD for what isn't UTF-8.
#[must_use]
pub fn beginning(path: &Path, max: usize) -> Option<String> {
    bytes(path, max).ok().map(lossy)
}

/// Returns the first line without the white space around it; `None` if it is empty.
#[must_use]
pub fn line(path: &Path) -> Option<String> {
    let text = text(path)?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Returns the number that makes up the first line.
#[must_use]
pub fn number(path: &Path) -> Option<u64> {
    line(path)?.parse().ok()
}

/// Returns whether the first line is `1`; `None` if it isn't a number.
#[must_use]
pub fn flag(path: &Path) -> Option<bool> {
    number(path).map(|number| number == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn reads_stop_at_the_bound() {
        let scratch = Scratch::new("readers-file");
        let path = scratch.write("file", vec![b'a'; 10_000]);
        for max in [0, 1, 4095, 4096, 4097, 9_999, 10_000, 10_001, usize::MAX / 4] {
            assert_eq!(bytes(&path, max).unwrap().len(), max.min(10_000), "{max}");
        }
        let none = scratch.file("none");
        assert!(bytes(&none, 1).is_err() && text(&none).is_none());
        assert_eq!(bytes(Path::new("/dev/zero"), 5000).unwrap().len(), 5000);
    }

    #[test]
    fn first_lines_are_trimmed() {
        let scratch = Scratch::new("readers-line");
        for (content, want_line, want_number, want_flag) in [
            (&b"1\n"[..], Some("1"), Some(1), Some(true)),
            (b" 42 \nmore\n", Some("42"), Some(42), Some(false)),
            (b"\n1\n", None, None, None),
            (b"", None, None, None),
            (b"-1", Some("-1"), None, None),
            (b"99999999999999999999", Some("99999999999999999999"), None, None),
            (b"\xff\n", Some("\u{fffd}"), None, None),
        ] {
            let path = scratch.write("file", content);
            assert_eq!(line(&path).as_deref(), want_line, "{content:?}");
            assert_eq!((number(&path), flag(&path)), (want_number, want_flag), "{content:?}");
        }
    }
}
