//! `getinfo.certificates`: the X.509 certificates in files and folders, and when they end.
//!
//! Nothing is run and nothing is verified; no root is needed but for folders that are root's. Private keys that stand
//! in
//! the same files are not looked at.

mod der;
mod files;
mod name;
mod pem;
mod x509;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use files::Files;
use x509::Certificate;

struct Certificates;

/// Where services keep theirs, and the system those it trusts.
const DEFAULT: [&str; 3] = ["/etc/ssl", "/etc/pki", "/etc/letsencrypt/live"];
/// The most certificates answered.
const MAX_CERTIFICATES: usize = 5000;
/// The most problems answered.
const MAX_PROBLEMS: usize = 500;
/// Of one certificate's bytes, what mostly differs: the end of its signature.
const TAIL: usize = 16;
const DAY: i64 = 86_400;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// How many different certificates were found, before `-e` chooses.
    count: usize,
    /// The certificates, each once; 5,000 at the most.
    certificates: Vec<Entry>,
    /// Files that hold no valid certificate though they should, and why.
    problems: Vec<Problem>,
    /// Files and folders that may not be read.
    unreadable: Vec<String>,
}

/// One certificate.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Entry {
    /// The first file it was found in.
    path: String,
    /// Which of that file's certificates it is, from 1.
    position: usize,
    /// The other files that hold it too; links to the first are none.
    other_paths: Vec<String>,
    /// `C=DE, O=Example, CN=example.org`, escaped by RFC 4514, in the certificate's order.
    subject: String,
    /// Who signed it, in the same form.
    issuer: String,
    /// Hexadecimal digits.
    serial: String,
    /// Alternative names of its subject: `DNS:example.org`, `IP:192.0.2.1`, `email:…`, `URI:…`.
    sans: Vec<String>,
    /// When it begins, in UTC, ISO 8601.
    not_before: String,
    /// When it ends, in UTC, ISO 8601.
    not_after: String,
    /// The same in seconds since 1970.
    not_after_epoch: i64,
    /// Whole days until then; below 0 since then.
    days_left: i64,
    /// Whether it has ended.
    expired: bool,
    /// Whether it may sign others (basicConstraints).
    is_ca: bool,
    /// Whether issuer and subject are the same; the signature is not verified.
    self_signed: bool,
    /// `rsa`, `ec`, `ed25519`, `ed448`, `dsa`, or the object identifier of another.
    key_type: String,
    /// The key's size in bits; null where not known.
    key_bits: Option<usize>,
    /// As openssl calls it, or the object identifier of another.
    signature_algorithm: String,
    /// SHA-256 of the certificate, in hexadecimal digits.
    sha256: String,
}

/// A file that should hold a certificate.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Problem {
    /// The file.
    path: String,
    /// What is wrong with it.
    message: String,
}

impl Provider for Certificates {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.certificates",
            env!("CARGO_PKG_VERSION"),
            "X.509 certificates in files, and when they end",
        )
        .usage("[-e DAYS] [PATH…]")
        .arg("-e DAYS", "those only that have ended or end within so many days")
        .arg("PATH", "these files and folders, in place of /etc/ssl, /etc/pki and /etc/letsencrypt/live")
        .output_schema(include_str!("../schema.json"))
        .example("-e 30", "what ends within 30 days")
        .example("/etc/ssl/certs", "the certificates below a folder")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let (mut within, mut paths) = (None, Vec::new());
        let mut words = args.words();
        while let Some(word) = words.next() {
            match word {
                "-e" => {
                    let days = words.next().unwrap_or_default();
                    let wrong = |_| ProviderError::usage(format!("-e needs a number of days, not {days:?}"));
                    within = Some(i64::from(days.parse::<u32>().map_err(wrong)?));
                }
                _ if word.starts_with('/') => paths.push(PathBuf::from(word)),
                _ => {
                    return Err(ProviderError::usage(format!(
                        "{word:?} is neither -e DAYS nor an absolute path"
                    )));
                }
            }
        }
        Reply::json(&Answer::collect(&paths, within)?)
    }
}

/// What is known of certificates by the end of their bytes, sorted.
#[derive(Default)]
struct Known(Vec<([u8; TAIL], usize)>);

impl Answer {
    fn collect(paths: &[PathBuf], within: Option<i64>) -> Result<Self, ProviderError> {
        let mut files = Files::default();
        for path in paths {
            files.add(path).map_err(|error| {
                ProviderError::new("unreadable", format!("{} can't be read: {error}", path.display()))
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
        let mut answer =
            Self { count: 0, certificates: Vec::new(), problems: Vec::new(), unreadable: Vec::new() };
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
        answer.unreadable = files.unreadable.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        Ok(answer)
    }

    /// PEM by its beginning lines; DER if it begins as a certificate does.
    fn add_file(
        &mut self,
        path: &Path,
        bytes: Vec<u8>,
        now: i64,
        known: &mut Known,
        ders: &mut Vec<Vec<u8>>,
    ) {
        let found = if bytes.starts_with(&[der::SEQUENCE]) {
            // Keys, requests and lists of revoked ones are DER too.
            if Certificate::parse(&bytes).is_none() {
                return;
            }
            vec![Some(bytes)]
        } else {
            // Strictly first: that is faster by far, and nearly all files are ASCII.
            match std::str::from_utf8(&bytes) {
                Ok(text) => pem::certificates(text),
                Err(_) => pem::certificates(&String::from_utf8_lossy(&bytes)),
            }
        };
        for (index, der) in found.into_iter().enumerate() {
            let position = index + 1;
            let Some(der) = der else {
                self.problem(path, format!("certificate {position} of it is no base64, or is cut short"));
                continue;
            };
            let tail = tail(&der);
            let same = known.0.binary_search_by(|(other, _)| other.cmp(&tail));
            if let Ok(place) = same
                && ders[known.0[place].1] == der
            {
                let entry = &mut self.certificates[known.0[place].1];
                let path = path.to_string_lossy();
                if entry.path != path && entry.other_paths.last().is_none_or(|last| *last != path) {
                    entry.other_paths.push(path.into_owned());
                }
                continue;
            }
            let Some(certificate) = Certificate::parse(&der) else {
                self.problem(path, format!("certificate {position} of it is no X.509 certificate"));
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
            sha256: hex(&Sha256::digest(own)),
        }
    }
}

fn tail(der: &[u8]) -> [u8; TAIL] {
    let mut tail = [0; TAIL];
    let from = der.len().saturating_sub(TAIL);
    tail[..der.len() - from].copy_from_slice(&der[from..]);
    tail
}

/// Upper case, as openssl writes serial numbers and fingerprints.
fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

export_provider!(Certificates);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    /// Real ones, where this machine has any, cut short and changed everywhere.
    #[test]
    fn damaged_certificates_are_refused_without_a_panic() {
        let text = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default();
        for der in pem::certificates(&text).into_iter().flatten().step_by(7) {
            assert!(Certificate::parse(&der).is_some());
            for end in 0..der.len() {
                assert_eq!(Certificate::parse(&der[..end]), None);
            }
            let mut changed = der.clone();
            for (index, byte) in der.iter().enumerate() {
                for value in [0, 0x7f, 0x80, 0x84, 0xff, byte ^ 1] {
                    changed[index] = value;
                    let _ = Certificate::parse(&changed);
                }
                changed[index] = *byte;
            }
        }
    }

    #[test]
    fn bytes_are_written_as_digits() {
        assert_eq!((hex(&[0, 0x1f, 0xff]), hex(&[])), ("001FFF".to_owned(), String::new()));
        assert_eq!(tail(b"ab")[..3], [b'a', b'b', 0]);
    }
}
