//! The entries of folders.

use std::fs;
use std::path::Path;

/// The most entries of a folder that are looked at.
const MAX_ENTRIES: usize = 100_000;

/// Returns the names in a folder, sorted; the first `max` of them, so that they are the same ones
/// each time. Names that aren't UTF-8 are skipped; a folder that can't be read has none.
#[must_use]
pub fn names(folder: &Path, max: usize) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MAX_ENTRIES);
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names.truncate(max);
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use test_support::Scratch;

    #[test]
    fn names_are_sorted_and_bounded() {
        let scratch = Scratch::new("readers-folder");
        let folder = scratch.path();
        fs::create_dir(folder.join("b")).unwrap();
        for name in [&b"c"[..], b"a", b"\xff"] {
            fs::write(folder.join(OsStr::from_bytes(name)), "").unwrap();
        }
        assert_eq!(names(folder, 100), ["a", "b", "c"]);
        assert_eq!(names(folder, 2), ["a", "b"]);
        assert!(names(folder, 0).is_empty());
        assert!(names(&folder.join("none"), 100).is_empty());
    }
}
