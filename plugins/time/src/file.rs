//! Text of small files, read whole up to a bound; what can't be read is none.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// More than any of the texts read here holds; what is beyond is not looked at.
const MAX_BYTES: usize = 4096;

/// The content as far as `max` bytes, or a little more.
pub(crate) fn bytes(path: &Path, max: usize) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]).ok()? {
            0 => break,
            count => length += count,
        }
        if length == bytes.len() {
            if length >= max {
                break;
            }
            bytes.resize(length * 2, 0);
        }
    }
    bytes.truncate(length);
    Some(bytes)
}

/// The first line without white space around it; none where it is empty. What is not UTF-8 becomes U+FFFD.
pub(crate) fn line(path: &Path) -> Option<String> {
    let bytes = bytes(path, MAX_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}
