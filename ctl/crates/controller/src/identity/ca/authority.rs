//! One authority: a root and the issuing CA below it, in a directory of their own.
//!
//! The root's key is needed when an issuing CA is made, which is once a year, and when the next
//! root is introduced. Between those times it may be kept elsewhere.

use super::certificate::{Kind, Terms, cannot_make, name_and_end, params, seconds};
use crate::error::Error;
use crate::files::{self, Access};
use crate::identity::csr::PublicKey;
use crate::pem;
use fleet::Digest;
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The life of a root.
const ROOT_LIFE: Duration = Duration::from_secs(3653 * 24 * 3600);

/// The life of an issuing CA.
const ISSUING_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);

/// An issuing CA with less time left is replaced. Longer than any host's certificate (30 d), so
/// that none is cut short by its issuer's end.
const RENEW_ISSUING: Duration = Duration::from_secs(90 * 24 * 3600);

/// Where an authority's root key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RootKey {
    /// Beside the root.
    Beside,
    /// In a file that the operator named.
    At(PathBuf),
    /// Beside the root only while an operator puts it there.
    Offline,
}

impl RootKey {
    /// Returns where the root key of authority `number` is.
    pub(super) fn of(&self, number: u32) -> Self {
        match self {
            Self::At(path) if number > 1 => {
                let mut path = path.clone().into_os_string();
                path.push(format!(".{number}"));
                Self::At(path.into())
            }
            same => same.clone(),
        }
    }
}

/// A root and its issuing CA.
pub(crate) struct Authority {
    dir: PathBuf,
    pub(super) root: CertificateDer<'static>,
    pub(super) root_pem: String,
    /// This root, signed by the one before it: hosts that trust only that one accept it too.
    pub(super) cross: Option<CertificateDer<'static>>,
    pub(super) issuing: CertificateDer<'static>,
    pub(super) issuing_pem: String,
    /// When the issuing CA ends, in seconds since 1970.
    pub(super) issuing_end: u64,
    /// When the root ends, in seconds since 1970.
    pub(super) root_end: u64,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    /// Leaves out the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a root and an issuing CA in `dir`. Files that an interrupted attempt left there are
    /// replaced; nothing uses them yet.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(super) fn create(dir: &Path, where_key: &RootKey) -> Result<Self, Error> {
        files::create_dir(dir)?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_make)?;
        let terms = Terms::choose(SystemTime::now(), ROOT_LIFE, u64::MAX)?;
        let name = format!("BasicAgent root {}", tag(&terms));
        let root = params(Kind::Root, &name, &terms).self_signed(&key).map_err(cannot_make)?;
        let key_path = root_key_path(dir, where_key);
        if let RootKey::At(path) = where_key
            && path.exists()
        {
            let why = "it is there already, and this CA makes its own root; move it away, or \
                       restore the CA's directory"
                .to_owned();
            return Err(Error::Content { path: path.clone(), why });
        }
        files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
        files::replace(&dir.join("root.pem"), root.pem().as_bytes(), files::PUBLIC)?;
        make_issuing(dir, root.der(), where_key)?;
        files::sync_dir(dir)?;
        log::info!("created a CA in {}", dir.display());
        Self::load(dir)
    }

    /// Reads an authority.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the issuing CA's key is another one's.
    pub(super) fn load(dir: &Path) -> Result<Self, Error> {
        let file = |name| dir.join(name);
        let (root, root_pem) = read_certificate(&file("root.pem"))?;
        let (issuing, _) = read_certificate(&file("issuing.key"))?;
        let issuing_pem = super::pem_text(&issuing);
        let (_, root_end) = name_and_end(&root).map_err(Error::content(file("root.pem")))?;
        let (name, issuing_end) =
            name_and_end(&issuing).map_err(Error::content(file("issuing.key")))?;
        let issuer = issuer(&name, Kind::Issuing, read_key(&file("issuing.key"), &issuing)?);
        let cross = match read_certificate(&file("cross.pem")) {
            Ok((cross, _)) => Some(cross),
            Err(_) if !file("cross.pem").exists() => None,
            Err(error) => return Err(error),
        };
        let dir = dir.to_owned();
        let (root_end, issuing_end) = (root_end, issuing_end.min(root_end));
        Ok(Self { dir, root, root_pem, cross, issuing, issuing_pem, issuing_end, root_end, issuer })
    }

    /// Returns whether the issuing CA is due for its successor.
    pub(super) fn is_due(&self, now: u64) -> bool {
        self.due_at() <= now
    }

    /// Returns when the issuing CA is to have a successor, in seconds since 1970.
    pub(super) fn due_at(&self) -> u64 {
        self.issuing_end.saturating_sub(RENEW_ISSUING.as_secs())
    }

    /// Makes the next issuing CA below the same root, and returns the authority with it.
    ///
    /// # Errors
    /// When the root's key is not where it should be, or a file cannot be written.
    pub(super) fn renew_issuing(&self, where_key: &RootKey) -> Result<Self, Error> {
        make_issuing(&self.dir, &self.root, where_key)?;
        files::sync_dir(&self.dir)?;
        log::info!("{}: made the next issuing CA", self.dir.display());
        Self::load(&self.dir)
    }

    /// Signs the root of `next` by this root.
    ///
    /// # Errors
    /// When the root's key is not where it should be, or the file cannot be written.
    pub(super) fn vouch_for(&self, next: &Self, where_key: &RootKey) -> Result<Self, Error> {
        let (name, end) = name_and_end(&next.root).map_err(Error::Certificate)?;
        let by = root_issuer(&self.dir, &self.root, where_key)?;
        let end = end.min(self.root_end);
        let terms = Terms::choose(SystemTime::now(), ROOT_LIFE, end)?;
        let key = public_key(&next.root)?;
        let cross = params(Kind::Root, &name, &terms).signed_by(&key, &by).map_err(cannot_make)?;
        files::replace(&next.dir.join("cross.pem"), cross.pem().as_bytes(), files::PUBLIC)?;
        Self::load(&next.dir)
    }

    /// Signs a certificate for the key.
    ///
    /// # Errors
    /// When the parameters do not make a certificate.
    pub(super) fn sign(
        &self,
        params: &CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, Error> {
        params.signed_by(key, &self.issuer).map_err(cannot_make)
    }

    /// Returns the SHA-256 of the root's DER, in hex: the pin of the join line.
    pub(super) fn pin(&self) -> String {
        Digest::of(&self.root).to_string()
    }
}

fn make_issuing(
    dir: &Path,
    root: &CertificateDer<'static>,
    where_key: &RootKey,
) -> Result<(), Error> {
    let by = root_issuer(dir, root, where_key)?;
    let (_, end) = name_and_end(root).map_err(Error::content(dir.join("root.pem")))?;
    let now = SystemTime::now();
    if end < seconds(now + DAY) {
        let why = "the root has expired; introduce the next one: ca rotate".to_owned();
        return Err(Error::Content { path: dir.join("root.pem"), why });
    }
    let terms = Terms::choose(now, ISSUING_LIFE, end)?;
    let name = format!("BasicAgent issuing CA {}", tag(&terms));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_make)?;
    let cert = params(Kind::Issuing, &name, &terms).signed_by(&key, &by).map_err(cannot_make)?;
    // Both in one file: a crash between two files would leave a key without its certificate. The
    // second file is for people.
    let both = format!("{}{}", key.serialize_pem(), cert.pem());
    files::replace(&dir.join("issuing.key"), both.as_bytes(), files::PRIVATE)?;
    files::replace(&dir.join("issuing.pem"), cert.pem().as_bytes(), files::PUBLIC)
}

/// Returns the root as an issuer.
fn root_issuer(
    dir: &Path,
    root: &CertificateDer<'static>,
    where_key: &RootKey,
) -> Result<Issuer<'static, KeyPair>, Error> {
    let path = root_key_path(dir, where_key);
    if !path.exists() {
        return Err(Error::Certificate(format!(
            "the root's key is needed to sign the next issuing CA: put it back at {} (mode 0600), \
             and send SIGHUP; it can be moved away again after that",
            path.display()
        )));
    }
    let (name, _) = name_and_end(root).map_err(Error::content(dir.join("root.pem")))?;
    Ok(issuer(&name, Kind::Root, read_key(&path, root)?))
}

/// Makes an issuer, which is a name and a key.
fn issuer(name: &str, kind: Kind, key: KeyPair) -> Issuer<'static, KeyPair> {
    let terms = Terms { serial: [1; 16], not_before: 0, not_after: 0 };
    Issuer::new(params(kind, name, &terms), key)
}

fn root_key_path(dir: &Path, where_key: &RootKey) -> PathBuf {
    match where_key {
        RootKey::At(path) => path.clone(),
        RootKey::Beside | RootKey::Offline => dir.join("root.key"),
    }
}

fn read_certificate(path: &Path) -> Result<(CertificateDer<'static>, String), Error> {
    let text = files::read(path, Access::Public)?;
    let der = pem::certificates(path)?.swap_remove(0);
    Ok((der, String::from_utf8_lossy(&text).trim_end().to_owned() + "\n"))
}

fn read_key(path: &Path, of: &CertificateDer<'_>) -> Result<KeyPair, Error> {
    let text = files::read(path, Access::Private)?;
    let key = KeyPair::from_pem(&String::from_utf8_lossy(&text)).map_err(Error::content(path))?;
    if public_key(of)?.spki() != key.subject_public_key_info() {
        let why = "it is another certificate's key; restore the CA's directory".to_owned();
        return Err(Error::Content { path: path.to_owned(), why });
    }
    Ok(key)
}

fn public_key(der: &CertificateDer<'_>) -> Result<PublicKey, Error> {
    PublicKey::of_certificate(der).map_err(|error| Error::Certificate(error.to_string()))
}

/// Tells authorities apart in their names.
fn tag(terms: &Terms) -> String {
    let [a, b, c, d, ..] = terms.serial;
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}
