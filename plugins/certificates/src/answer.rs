//! The answer: every certificate once, however many files hold it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plugin_api::ProviderError;
use readers::hex;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::certificate::Certificate;
use crate::files::{self, Files};
use crate::pem;

/// Where services keep their certificates, and the system the ones it trusts.
const DEFAULT: [&str; 3] = ["/etc/ssl", "/etc/pki", "/etc/letsencrypt/live"];
/// The most certificates in one answer.
const MAX_CERTIFICATES: usize = 5000;
/// The most problems in one answer.
const MAX_PROBLEMS: usize = 500;
/// How many of a certificate's last bytes are compared first. They are the end of its signature, so
/// they almost always differ.
const TAIL: usize = 16;
/// The first byte of a certificate in DER: it is a sequence.
const SEQUENCE: u8 = 0x30;
const DAY: i64 = 86_400;

/// The certificates that were found. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// How many different certificates were found, before `-e` selects.
    count: usize,
    /// The certificates, each once; at most 5,000.
    certificates: Vec<Entry>,
    /// Files that should hold a valid certificate but do not, and why.
    problems: Vec<Problem>,
    /// Files and folders that the plugin has no permission to read.
    unreadable: Vec<String>,
}

/// One certificate.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// The first file it was found in.
    path: String,
    /// Its position among the certificates of that file, from 1.
    position: usize,
    /// The other files that hold it too; links to the first file do not count.
    other_paths: Vec<String>,
    /// The subject, as `C=DE, O=Example, CN=example.org`: escaped as RFC 4514 says, in the
    /// certificate's order.
    subject: String,
    /// The issuer, which signed it, in the same form.
    issuer: String,
    /// The serial number in hexadecimal digits.
    serial: String,
    /// The subject's alternative names: `DNS:example.org`, `IP:192.0.2.1`, `email:…`, `URI:…`.
    sans: Vec<String>,
    /// The start of its validity, in UTC, ISO 8601.
    not_before: String,
    /// When it expires, in UTC, ISO 8601.
    not_after: String,
    /// When it expires, in seconds since 1970.
    not_after_epoch: i64,
    /// Whole days until it expires; negative afterwards.
    days_left: i64,
    /// Whether it has expired.
    expired: bool,
    /// Whether it may sign other certificates (basicConstraints).
    is_ca: bool,
    /// Whether issuer and subject are the same; the signature is not verified.
    self_signed: bool,
    /// The type of its key: `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, or the object identifier of
    /// another type.
    key_type: String,
    /// The size of its key in bits; null where unknown.
    key_bits: Option<usize>,
    /// The algorithm of its signature, as openssl names it, or its object identifier.
    signature_algorithm: String,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    sha256: String,
}

/// A file that should hold a certificate but does not.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Problem {
    /// The file.
    path: String,
    /// The fault.
    message: String,
}

/// The certificates found so far, by the end of their bytes, sorted: the place of each in the
/// answer.
#[derive(Default)]
struct Known(Vec<([u8; TAIL], usize)>);

impl Answer {
    /// Searches the given paths, or the default folders if there are none. `within` selects the
    /// certificates that expire within so many days.
    pub(crate) fn collect(paths: &[PathBuf], within: Option<i64>) -> Result<Self, ProviderError> {
        let mut files = find(paths)?;
        let mut answer = Self {
            count: 0,
            certificates: Vec::new(),
            problems: Vec::new(),
            unreadable: Vec::new(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let now = i64::try_from(now).unwrap_or(0);
        let (mut known, mut ders) = (Known::default(), Vec::new());
        for path in &files.found {
            match files::read(path) {
                Ok(Some(bytes)) => answer.add_file(path, bytes, now, &mut known, &mut ders),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    files.unreadable.push(path.clone())
                }
                Err(error) => answer.problem(path, error.to_string()),
            }
        }
        answer.count = answer.certificates.len();
        if let Some(days) = within {
            answer.certificates.retain(|entry| entry.days_left <= days);
        }
        answer.unreadable =
            files.unreadable.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        Ok(answer)
    }

    /// Adds the certificates of a file: of DER if it begins as a certificate does, else of PEM.
    fn add_file(
        &mut self,
        path: &Path,
        bytes: Vec<u8>,
        now: i64,
        known: &mut Known,
        ders: &mut Vec<Vec<u8>>,
    ) {
        let found = if bytes.starts_with(&[SEQUENCE]) {
            // Keys, requests and revocation lists are DER too.
            if Certificate::parse(&bytes).is_none() {
                return;
            }
            vec![Some(bytes)]
        } else {
            // The strict conversion first: it is much faster, and nearly all files are ASCII.
            match std::str::from_utf8(&bytes) {
                Ok(text) => pem::certificates(text),
                Err(_) => pem::certificates(&String::from_utf8_lossy(&bytes)),
            }
        };
        for (index, der) in found.into_iter().enumerate() {
            let position = index + 1;
            let Some(der) = der else {
                self.problem(
                    path,
                    format!("certificate {position} is not valid base64, or is truncated"),
                );
                continue;
            };
            let tail = tail(&der);
            let same = known.0.binary_search_by(|(other, _)| other.cmp(&tail));
            if let Ok(place) = same
                && ders[known.0[place].1] == der
            {
                self.certificates[known.0[place].1].also_in(path);
                continue;
            }
            let Some(certificate) = Certificate::parse(&der) else {
                self.problem(
                    path,
                    format!("certificate {position} is not a valid X.509 certificate"),
                );
                continue;
            };
            if self.certificates.len() >= MAX_CERTIFICATES {
                return;
            }
            let place = same.unwrap_or_else(|place| place);
            known.0.insert(place, (tail, self.certificates.len()));
            self.certificates.push(Entry::new(path, position, certificate, &der, now));
            ders.push(der);
        }
    }

    fn problem(&mut self, path: &Path, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { path: path.to_string_lossy().into_owned(), message });
        }
    }
}

/// Finds the files to read. A path that was asked for must exist; a default folder need not.
fn find(paths: &[PathBuf]) -> Result<Files, ProviderError> {
    let mut files = Files::default();
    for path in paths {
        files.add(path).map_err(|error| {
            ProviderError::new("unreadable", format!("cannot read {}: {error}", path.display()))
        })?;
    }
    if paths.is_empty() {
        for path in DEFAULT.iter().map(Path::new) {
            match files.add(path) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    files.unreadable.push(path.to_owned())
                }
                _ => {}
            }
        }
    }
    Ok(files)
}

impl Entry {
    fn new(path: &Path, position: usize, certificate: Certificate, der: &[u8], now: i64) -> Self {
        let left = certificate.not_after.epoch - now;
        let own = der.get(..certificate.length).unwrap_or(der);
        Self {
            path: path.to_string_lossy().into_owned(),
            position,
            other_paths: Vec::new(),
            subject: certificate.subject,
            issuer: certificate.issuer,
            serial: certificate.serial,
            sans: certificate.sans,
            not_before: certificate.not_before.text,
            not_after: certificate.not_after.text,
            not_after_epoch: certificate.not_after.epoch,
            days_left: left.div_euclid(DAY),
            expired: left < 0,
            is_ca: certificate.is_ca,
            self_signed: certificate.self_signed,
            key_type: certificate.key_type,
            key_bits: certificate.key_bits,
            signature_algorithm: certificate.signature_algorithm,
            sha256: hex::upper(&Sha256::digest(own)),
        }
    }

    /// Records that another file holds the certificate too.
    fn also_in(&mut self, path: &Path) {
        let path = path.to_string_lossy();
        if self.path != path && self.other_paths.last().is_none_or(|last| *last != path) {
            self.other_paths.push(path.into_owned());
        }
    }
}

fn tail(der: &[u8]) -> [u8; TAIL] {
    let mut tail = [0; TAIL];
    let from = der.len().saturating_sub(TAIL);
    tail[..der.len() - from].copy_from_slice(&der[from..]);
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_certificate_has_a_tail_too() {
        assert_eq!(tail(b"ab")[..3], [b'a', b'b', 0]);
    }
}
