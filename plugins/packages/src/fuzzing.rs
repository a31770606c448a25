//! The checks that the fuzz targets in tests/fuzz run.

use crate::selection::Selection;
use crate::{apk, dpkg, header};

/// Reads a header as the rpm database keeps it. SQLite reads the file around it.
///
/// # Panics
/// The check fails.
pub fn rpm(bytes: &[u8]) {
    if let Some(package) = header::parse(bytes) {
        assert!(package.name.len() <= 4 * bytes.len());
    }
}

/// Reads the databases that are text: those of dpkg and apk.
///
/// # Panics
/// The check fails.
pub fn status(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let all = Selection::default();
    let size = |names: &mut dyn Iterator<Item = usize>| names.sum::<usize>();
    let dpkg = dpkg::parse(&text, &all);
    assert!(size(&mut dpkg.iter().map(|(package, _)| package.name.len())) <= text.len());
    assert!(dpkg.iter().all(|(package, _)| !package.name.is_empty()));
    let apk = apk::parse(&text, &all);
    assert!(size(&mut apk.iter().map(|package| package.name.len())) <= text.len());
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("rpm", 3, super::rpm);
        check_corpus("status", 3, super::status);
    }
}
