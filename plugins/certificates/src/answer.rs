//! The answer: every certificate once, however many files hold it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plugin_api::ProviderError;
use readers::hex;
use readers::patience::{Watch, is_unreadable};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::certificate::Certificate;
use crate::files::{self, Files};
use crate::{content, tlv};

/// Where services keep their certificates, and the system the ones it trusts.
const DEFAULT: [&str; 3] = ["/etc/ssl", "/etc/pki", "/etc/letsencrypt/live"];
/// The most certificates in one answer.
const MAX_CERTIFICATES: usize = 5000;
/// The most different certificates that are looked at.
const MAX_DIFFERENT: usize = 20_000;
/// The most problems in one answer.
const MAX_PROBLEMS: usize = 500;
/// How many of a certificate's last bytes are compared first. They are the end of its signature, so
/// they almost always differ.
const TAIL: usize = 16;
const DAY: i64 = 86_400;
/// About the length of an entry's names and other fields in JSON.
const NAMES: usize = 560;

/// The certificates that were found. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Answer {
    /// How many different certificates were found, before `-e` selects; at most 20,000.
    count: usize,
    /// The certificates, each once; at most 5,000.
    certificates: Vec<Entry>,
    /// Files that should hold a valid certificate but do not, and why.
    problems: Vec<Problem>,
    /// Files and folders that the plugin has no permission to read, or whose file system does not
    /// answer.
    unreadable: Vec<String>,
    /// Whether there are more certificates, files or problems than the answer shows.
    truncated: bool,
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
    /// The serial number in hexadecimal digits; a negative one begins with `-`.
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

/// A search of files.
pub(crate) struct Search {
    /// The paths to search; none for the default folders.
    pub(crate) paths: Vec<PathBuf>,
    /// Days from now within which a certificate expires.
    pub(crate) within: Option<i64>,
    /// The most bytes of the reply.
    pub(crate) max_reply: usize,
}

/// The certificates found so far.
struct Found {
    answer: Answer,
    /// The bytes of each, and its place in the answer if it has one.
    all: Vec<(Vec<u8>, Option<usize>)>,
    /// The ends of their bytes, sorted, and their places in `all`.
    ends: Vec<([u8; TAIL], usize)>,
    now: i64,
    within: i64,
    /// The bytes that the reply may still grow.
    room: usize,
}

impl Search {
    /// Searches the files.
    pub(crate) fn run(&self, watch: &Watch) -> Result<Answer, ProviderError> {
        let mut files = find(&self.paths, watch)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let mut found = Found {
            answer: Answer {
                count: 0,
                certificates: Vec::new(),
                problems: Vec::new(),
                unreadable: Vec::new(),
                truncated: files.truncated,
            },
            all: Vec::new(),
            ends: Vec::new(),
            now: i64::try_from(now).unwrap_or(0),
            within: self.within.unwrap_or(i64::MAX),
            room: self.max_reply / 8 * 7,
        };
        for path in &files.found {
            match files::read(path, watch) {
                Ok(bytes) => found.add_file(path, &bytes),
                Err(error) if is_unreadable(&error) => files.unreadable.push(path.clone()),
                Err(error) => found.problem(path, error.to_string()),
            }
        }
        let mut answer = found.answer;
        answer.count = found.all.len();
        answer.unreadable =
            files.unreadable.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        Ok(answer)
    }
}

impl Found {
    fn add_file(&mut self, path: &Path, bytes: &[u8]) {
        let certificates = match content::certificates(path, bytes) {
            Ok(certificates) => certificates,
            Err(message) => return self.problem(path, message.to_owned()),
        };
        for (index, der) in certificates.into_iter().enumerate() {
            let position = index + 1;
            let Some(mut der) = der else {
                let message = "is not valid base64, or is truncated";
                self.problem(path, format!("certificate {position} {message}"));
                continue;
            };
            // An OpenSSL "trusted" certificate has more bytes after its own.
            let own = tlv::first(&der, tlv::SEQUENCE).map_or(der.len(), |own| own.whole.len());
            der.truncate(own);
            self.add(path, position, der);
        }
    }

    fn add(&mut self, path: &Path, position: usize, der: Vec<u8>) {
        let tail = tail(&der);
        let start = self.ends.partition_point(|(other, _)| *other < tail);
        let alike = self.ends[start..].iter().take_while(|(other, _)| *other == tail);
        if let Some((_, known)) = alike.copied().find(|(_, known)| self.all[*known].0 == der) {
            if let Some(place) = self.all[known].1 {
                self.answer.certificates[place].also_in(path);
                self.room = self.room.saturating_sub(path.as_os_str().len());
            }
            return;
        }
        let Some(certificate) = Certificate::parse(&der) else {
            let message = "is not a valid X.509 certificate";
            return self.problem(path, format!("certificate {position} {message}"));
        };
        if self.all.len() >= MAX_DIFFERENT {
            self.answer.truncated = true;
            return;
        }
        let entry = Entry::new(path, position, certificate, &der, self.now);
        let mut place = None;
        if entry.days_left <= self.within {
            let size = entry.size();
            if self.answer.certificates.len() < MAX_CERTIFICATES && size <= self.room {
                self.room -= size;
                place = Some(self.answer.certificates.len());
                self.answer.certificates.push(entry);
            } else {
                self.answer.truncated = true;
            }
        }
        self.ends.insert(start, (tail, self.all.len()));
        self.all.push((der, place));
    }

    fn problem(&mut self, path: &Path, message: String) {
        if self.answer.problems.len() < MAX_PROBLEMS {
            let path = path.to_string_lossy().into_owned();
            self.answer.problems.push(Problem { path, message });
        } else {
            self.answer.truncated = true;
        }
    }
}

/// Finds the files to read. A path that was asked for must exist; a default folder need not.
fn find(paths: &[PathBuf], watch: &Watch) -> Result<Files, ProviderError> {
    let mut files = Files::new(watch);
    let defaults = DEFAULT.map(PathBuf::from);
    for path in if paths.is_empty() { &defaults } else { paths } {
        let Err(error) = files.add(path) else { continue };
        let is_dead = error.kind() == io::ErrorKind::TimedOut;
        if is_dead || (paths.is_empty() && is_unreadable(&error)) {
            files.unreadable.push(path.clone());
        } else if !paths.is_empty() {
            let message = format!("cannot read {}: {error}", path.display());
            return Err(ProviderError::new("unreadable", message));
        }
    }
    Ok(files)
}

impl Entry {
    fn new(path: &Path, position: usize, certificate: Certificate, der: &[u8], now: i64) -> Self {
        let left = certificate.not_after.epoch - now;
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
            sha256: hex::upper(&Sha256::digest(der)),
        }
    }

    /// Returns about how many bytes the entry takes in the reply.
    fn size(&self) -> usize {
        let texts = [&self.path, &self.subject, &self.issuer, &self.serial];
        let sans: usize = self.sans.iter().map(|san| san.len() + 3).sum();
        NAMES + texts.iter().map(|text| text.len()).sum::<usize>() + sans
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
