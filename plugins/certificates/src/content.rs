//! The certificates in a file, whatever form it has: PEM, DER, PKCS #7.

use std::path::Path;

use crate::certificate::Certificate;
use crate::files::MAX_FILE_BYTES;
use crate::pem::{self, Kind};
use crate::pkcs7;
use crate::tlv::{Elements, SEQUENCE};

/// The extensions of files that hold certificates.
const CERTIFICATES: [&str; 6] = ["crt", "cer", "der", "pem", "p7b", "p7c"];
/// The extensions of stores that this plugin can't read: they are encrypted.
const STORES: [&str; 3] = ["p12", "pfx", "jks"];

/// Returns the certificates of a file in order, each as DER; `None` for one that is not base64 or
/// has no end. A file that need not hold certificates has none.
pub(crate) fn certificates(
    path: &Path,
    bytes: &[u8],
) -> Result<Vec<Option<Vec<u8>>>, &'static str> {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let is_one_of = |list: &[&str]| {
        extension.is_some_and(|own| list.iter().any(|one| own.eq_ignore_ascii_case(one)))
    };
    if is_one_of(&STORES) {
        return Err("an encrypted store, which is not read");
    }
    if bytes.len() > MAX_FILE_BYTES {
        return if is_one_of(&CERTIFICATES) {
            Err("it is longer than 4 MiB, so it is not read")
        } else {
            Ok(Vec::new())
        };
    }
    if bytes.first() == Some(&SEQUENCE) {
        let found = of_der(bytes);
        // Keys, requests and revocation lists are DER too.
        return if found.is_empty() && is_one_of(&CERTIFICATES) {
            Err("it holds no valid X.509 certificate")
        } else {
            Ok(found.into_iter().map(Some).collect())
        };
    }
    Ok(of_text(bytes))
}

/// Returns the certificates of one or several certificates, or of PKCS #7, in DER.
pub(crate) fn of_der(bytes: &[u8]) -> Vec<Vec<u8>> {
    if let Some(found) = pkcs7::certificates(bytes) {
        return found.into_iter().map(|found| found.whole.to_vec()).collect();
    }
    let mut elements = Elements(bytes);
    let mut found = Vec::new();
    while let Some(element) = elements.next_of(SEQUENCE) {
        if Certificate::parse(element.whole).is_none() {
            break;
        }
        found.push(element.whole.to_vec());
    }
    found
}

/// Returns the certificates of a text in PEM.
pub(crate) fn of_text(bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    // The strict conversion first: it is much faster, and nearly all files are ASCII.
    let blocks = match (utf16(bytes), std::str::from_utf8(bytes)) {
        (Some(text), _) => pem::blocks(&text),
        (None, Ok(text)) => pem::blocks(text),
        (None, Err(_)) => pem::blocks(&String::from_utf8_lossy(bytes)),
    };
    let of_block = |(kind, der): (Kind, Option<Vec<u8>>)| match kind {
        Kind::Certificate => vec![der],
        Kind::Pkcs7 => match der.as_deref().and_then(pkcs7::certificates) {
            Some(found) => found.iter().map(|found| Some(found.whole.to_vec())).collect(),
            None => vec![None],
        },
    };
    blocks.into_iter().flat_map(of_block).collect()
}

/// Decodes UTF-16 with a byte order mark, as Windows writes it.
fn utf16(bytes: &[u8]) -> Option<String> {
    let read: fn([u8; 2]) -> u16 = match bytes.get(..2)? {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
}
