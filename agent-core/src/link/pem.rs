//! PEM files: their sections, and what is wrong with a file that lacks the wanted one.

use rustls_pki_types::pem::{Error, PemObject as _, SectionKind};
use std::collections::BTreeSet;

/// Labels of a file that a message names.
const MAX_LABELS: usize = 4;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads the sections of a file that begins with a byte order mark or not; one that cannot be read
/// is its error.
pub(super) fn sections(text: &[u8]) -> Vec<Result<(SectionKind, Vec<u8>), String>> {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    <(SectionKind, Vec<u8>)>::pem_slice_iter(text).map(|item| item.map_err(words)).collect()
}

fn words(error: Error) -> String {
    match error {
        Error::MissingSectionEnd { .. } => "it has no -----END line; the file was cut".to_owned(),
        Error::IllegalSectionStart { .. } => "its -----BEGIN line is damaged".to_owned(),
        Error::Base64Decode(_) => "its text is not base64".to_owned(),
        other => other.to_string(),
    }
}

/// Returns whether the file holds a key that a passphrase protects, in the form of PKCS #8 or of
/// OpenSSL before 1.0 (RFC 1421 headers).
pub(super) fn is_encrypted(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("\nProc-Type: 4,ENCRYPTED")
}

/// Says why a file contains no `wanted`, a certificate or a private key.
pub(super) fn lacks(wanted: &str, text: &[u8]) -> String {
    let text = text.strip_prefix(BOM).unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return "the file is empty".to_owned();
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return "the file is UTF-16 text; save it as UTF-8".to_owned();
    }
    // A DER sequence whose length takes more than one byte.
    if text.starts_with(b"\x30\x82") || text.starts_with(b"\x30\x81") {
        return format!(
            "the file is DER, not PEM; openssl converts it (-inform DER) to the {wanted}"
        );
    }
    let text = String::from_utf8_lossy(text);
    let labels: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .map(agent_wire::json::quote)
        .take(MAX_LABELS)
        .collect();
    if labels.is_empty() {
        return format!("contains no {wanted} in PEM form");
    }
    let labels: Vec<String> = labels.into_iter().collect();
    format!("contains no {wanted}, only {}", labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_the_wanted_section_is_described() {
        let table: [(&[u8], &str); 6] = [
            (b"\xef\xbb\xbf \n", "empty"),
            (b"\xff\xfe-\0-\0", "UTF-16"),
            (b"\x30\x82\x01\x00", "DER"),
            (b"hello", "contains no certificate in PEM form"),
            (
                b"-----BEGIN PUBLIC KEY-----\r\nAA==\r\n-----END PUBLIC KEY-----\r\n",
                "only PUBLIC KEY",
            ),
            (b"-----BEGIN X-----\n-----BEGIN A\x1b-----\n", "only A\\u{1b}, X"),
        ];
        for (text, words) in table {
            let found = lacks("certificate", text);
            assert!(found.contains(words), "{found}");
        }
    }
}
