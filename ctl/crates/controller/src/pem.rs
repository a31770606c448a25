//! Certificates and keys from PEM files. Each mistake gets a sentence that names the file.

use crate::error::Error;
use crate::files::{self, Access};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// Some editors begin a file with it; PEM does not. A bundle of several files has it inside.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Returns the certificates in a file, at least one.
///
/// # Errors
/// When the file cannot be read or trusted, or holds no certificate.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = files::read(path, Access::Public)?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text(&bytes))
        .collect::<Result<_, _>>()
        .map_err(Error::content(path))?;
    if found.is_empty() {
        let why = "no certificate in this file".to_owned();
        return Err(Error::Content { path: path.to_owned(), why });
    }
    Ok(found)
}

/// Returns the private key in a file.
///
/// # Errors
/// When the file cannot be read, others can read it, or it holds no key that can be used.
pub(crate) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = files::read(path, Access::Private)?;
    PrivateKeyDer::from_pem_slice(&text(&bytes)).map_err(|error| {
        let encrypted = bytes.windows(9).any(|word| word == b"ENCRYPTED");
        let why = match error {
            _ if encrypted => {
                "the key is encrypted; decrypt it, for example with openssl pkey -in \
                               KEY -out PLAIN, and protect the file by its mode"
                    .to_owned()
            }
            pem::Error::NoItemsFound => "no private key in this file".to_owned(),
            other => other.to_string(),
        };
        Error::Content { path: path.to_owned(), why }
    })
}

/// Removes the byte order marks; PEM itself is ASCII.
fn text(mut bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    while let [first, rest @ ..] = bytes {
        bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or_else(|| {
            text.push(*first);
            rest
        });
    }
    text
}
