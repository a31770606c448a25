//! Text of small files, read whole up to a bound; what can't be read is none.

use std::fs::{self, File};
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

/// What is in a folder, sorted; `max` at most.
pub(crate) fn names(folder: &Path, max: usize) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.flatten().take(max);
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}
