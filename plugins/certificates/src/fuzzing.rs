//! The checks that the fuzz targets in tests/fuzz run.

use crate::certificate::Certificate;
use crate::content;

/// Reads a file of certificates, of DER and of text. Each is bounded by the bytes.
///
/// # Panics
/// The check fails.
pub fn certificate(bytes: &[u8]) {
    check(bytes);
    let found = content::of_der(bytes);
    assert!(found.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    let text = content::of_text(bytes);
    assert!(text.iter().flatten().map(Vec::len).sum::<usize>() <= bytes.len());
    found.iter().chain(text.iter().flatten()).for_each(|der| check(der));
}

fn check(der: &[u8]) {
    if let Some(certificate) = Certificate::parse(der) {
        assert!(certificate.length <= der.len());
        // Each byte becomes a few characters at most, in few fields.
        let shown = certificate.subject.len() + certificate.issuer.len() + certificate.serial.len();
        assert!(shown <= 64 * der.len(), "{shown} of {}", der.len());
    }
}

#[cfg(test)]
mod tests {
    use test_support::check_corpus;

    #[test]
    fn kept_inputs_pass() {
        check_corpus("certificate", 3, super::certificate);
    }
}
