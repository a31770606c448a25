//! Certificates in PEM (RFC 7468). Everything between them is skipped: explanations, and private
//! keys, which are not even decoded.
//!
//! A block begins and ends with lines of its own, as openssl reads them: a BEGIN that is indented,
//! in a comment or in quotes is text.

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};

/// The contents of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Certificate,
    /// PKCS #7, which carries certificates.
    Pkcs7,
}

const LABELS: [(&str, Kind); 5] = [
    ("CERTIFICATE", Kind::Certificate),
    ("X509 CERTIFICATE", Kind::Certificate),
    ("TRUSTED CERTIFICATE", Kind::Certificate),
    ("PKCS7", Kind::Pkcs7),
    ("CMS", Kind::Pkcs7),
];

/// Returns the blocks of a text that hold certificates, in order, each with its bytes; `None` for a
/// block that is not base64 or has no end.
pub(crate) fn blocks(text: &str) -> Vec<(Kind, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    // The kind and the place of the block that is open.
    let mut open: Option<(Kind, &str, usize)> = None;
    let mut at = 0;
    while let Some(start) = next_dashes(text, at) {
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length + 1);
        at = end;
        let line = text[start..end].trim_ascii_end();
        if let Some(label) = label(line, "-----BEGIN ") {
            if let Some((kind, ..)) = open.take() {
                found.push((kind, None));
            }
            let known = LABELS.iter().find(|(known, _)| *known == label);
            open = known.map(|(_, kind)| (*kind, label, end));
        } else if let Some(label) = label(line, "-----END ")
            && let Some((kind, begun, from)) = open.take()
        {
            let content = Some(&text[from..start]).filter(|_| begun == label);
            found.push((kind, content.and_then(decode)));
        }
    }
    if let Some((kind, ..)) = open {
        found.push((kind, None));
    }
    found
}

/// Finds the next line that begins with dashes.
fn next_dashes(text: &str, mut from: usize) -> Option<usize> {
    loop {
        let at = from + text.get(from..)?.find("-----")?;
        if at == 0 || text.as_bytes()[at - 1] == b'\n' || &text[..at] == "\u{feff}" {
            return Some(at);
        }
        from = at + text[at..].find('\n')? + 1;
    }
}

fn label<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    line.strip_prefix(start)?.strip_suffix("-----")
}

/// Padding may be missing, and unused bits may be set: other readers accept both.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64 with white space anywhere, up to the padding. Headers (RFC 1421) end at an empty
/// line.
fn decode(text: &str) -> Option<Vec<u8>> {
    let has_headers = text.lines().next().is_some_and(|line| line.contains(':'));
    let body = if has_headers {
        text.replace('\r', "").split_once("\n\n")?.1.into()
    } else {
        text.to_owned()
    };
    let mut digits: Vec<u8> = body.into_bytes();
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
            ("Proc-Type: 4,CLEAR\r\n\r\nZm9v", Some(b"foo")),
            ("====", Some(b"")),
            ("+/+/", Some(&[0xfb, 0xff, 0xbf])),
            ("Z", None),
            ("Zm9v!", None),
        ] {
            assert_eq!(decode(text).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn only_certificates_are_decoded() {
        let text = "\u{feff}-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n\
            -----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n\
            # -----BEGIN CERTIFICATE-----\n \"-----BEGIN CERTIFICATE-----\n\
            -----BEGIN TRUSTED CERTIFICATE-----\r\nYmFy\r\n-----END TRUSTED CERTIFICATE----- \r\n\
            -----BEGIN PKCS7-----\nZm9v\n-----END PKCS7-----\n\
            -----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nZm9v\n";
        let found = blocks(text);
        let (certificate, bundle) = (Kind::Certificate, Kind::Pkcs7);
        let want = [
            (certificate, Some(b"foo".to_vec())),
            (certificate, Some(b"bar".to_vec())),
            (bundle, Some(b"foo".to_vec())),
            (certificate, None),
            (certificate, None),
        ];
        assert_eq!(found, want);
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = blocks(&text[..end]);
        }
        assert_eq!(blocks("-----BEGIN CERTIFICATE-----\n-----BEGIN X509 CRL-----\n").len(), 1);
    }
}
