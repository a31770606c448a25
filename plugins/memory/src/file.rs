//! Text of small files, read whole up to a bound; what can't be read is none.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// More than any of the files read here holds; what is beyond is not looked at.
const MAX_BYTES: usize = 1 << 20;

/// The content as text; what is not UTF-8 becomes U+FFFD.
pub(crate) fn text(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]).ok()? {
            0 => break,
            count => length += count,
        }
        if length == bytes.len() {
            if length >= MAX_BYTES {
                break;
            }
            bytes.resize(length * 2, 0);
        }
    }
    bytes.truncate(length);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first line without white space around it; none where it is empty.
pub(crate) fn line(path: &Path) -> Option<String> {
    let text = text(path)?;
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// A path as files of /proc write it: blanks, tabs, line ends and backslashes as `\040` (getmntent(3)).
pub(crate) fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if *first == b'\\' => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded() {
        for (text, want) in [
            ("/swap\\040file", "/swap file"),
            ("\\134040", "\\040"),
            ("\\303\\251", "é"),
            ("\\377", "\u{fffd}"),
            ("\\0", "\\0"),
            ("\\999", "\\999"),
            ("\\400", "\\400"),
            ("", ""),
        ] {
            assert_eq!(unescape(text), want, "{text}");
        }
    }
}
