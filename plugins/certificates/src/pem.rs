//! Certificates in PEM (RFC 7468). Everything between them is skipped: explanations, and private
//! keys, which are not even decoded.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

const LABELS: [&str; 3] = ["CERTIFICATE-----", "X509 CERTIFICATE-----", "TRUSTED CERTIFICATE-----"];
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";

/// Returns the certificates of a text in order, each as DER; `None` for a block that is not base64
/// or has no end.
pub(crate) fn certificates(text: &str) -> Vec<Option<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let Some(label) = LABELS.iter().find(|label| rest.starts_with(**label)) else { continue };
        rest = &rest[label.len()..];
        let Some(end) = rest.find(END) else {
            found.push(None);
            break;
        };
        found.push(decode(&rest.as_bytes()[..end]));
        rest = &rest[end..];
    }
    found
}

/// Padding may be missing, and unused bits may be set: other readers accept both.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64 with white space anywhere, up to the padding.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut digits = text.to_vec();
    digits.retain(|byte| !byte.is_ascii_whitespace());
    let end = digits.iter().position(|byte| *byte == b'=').unwrap_or(digits.len());
    ENGINE.decode(&digits[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (text, want) in [
            ("", Some(&b""[..])),
            ("Zg==", Some(b"f")),
            ("Zm8=", Some(b"fo")),
            ("Zm9v", Some(b"foo")),
            ("Zm9v\r\nYg==\n", Some(b"foob")),
            ("Zm9vYmE", Some(b"fooba")),
            ("Z\nm9vY g=\n=", Some(b"foob")),
            ("====", Some(b"")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("Z", None),
            ("Zm9v!", None),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn only_certificates_are_decoded() {
        let text = "Subject: x\n-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n\
            -----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n\
            -----BEGIN TRUSTED CERTIFICATE-----\r\nYmFy\r\n-----END TRUSTED CERTIFICATE-----\r\n\
            -----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nZm9v\n";
        let found = certificates(text);
        assert_eq!(found, [Some(b"foo".to_vec()), Some(b"bar".to_vec()), None, None]);
        for end in 0..text.len() {
            let _ = certificates(&text[..end]);
        }
    }
}
