//! The certificate that this server presents to hosts, where our own CA signs it.

use super::authority::Authority;
use super::certificate::{Kind, Terms, cannot_make, name_and_end, params};
use crate::error::Error;
use crate::files::{self, Access};
use crate::identity::csr::PublicKey;
use crate::pem;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _, SanType};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// The life of a server's certificate.
const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);

/// A certificate with less time left is replaced.
const RENEW: Duration = Duration::from_secs(30 * 24 * 3600);

/// The file with the key and its certificate; `server.pem` beside it is a copy for people.
const KEY_FILE: &str = "server.key";

/// A certificate with its key.
pub(super) struct ServerCertificate {
    pub(super) der: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    /// The end of its validity, in seconds since 1970.
    pub(super) end: u64,
}

impl ServerCertificate {
    /// Returns when the certificate is to be replaced, in seconds since 1970.
    pub(super) fn due_at(&self) -> u64 {
        self.end.saturating_sub(RENEW.as_secs())
    }
}

/// Reads the server's certificate; replaces one that ends soon, has other names, or is another
/// issuer's.
///
/// # Errors
/// When a file cannot be written, or a name cannot be in a certificate.
pub(super) fn load_or_sign(
    dir: &Path,
    by: &Authority,
    names: &[String],
    now: u64,
) -> Result<ServerCertificate, Error> {
    let path = dir.join(KEY_FILE);
    if path.exists() {
        match load(&path) {
            Ok(found) if is_good(&found, by, names, now) => return Ok(found),
            Ok(_) => log::info!("replacing {}", path.display()),
            Err(error) => log::warn!("replacing the server's certificate: {error}"),
        }
    }
    sign(dir, by, names)?;
    load(&path)
}

fn load(path: &Path) -> Result<ServerCertificate, Error> {
    let text = files::read(path, Access::Private)?;
    let der = pem::certificates(path)?.swap_remove(0);
    let pair = KeyPair::from_pem(&String::from_utf8_lossy(&text)).map_err(Error::content(path))?;
    let of = PublicKey::of_certificate(&der).map_err(Error::content(path))?;
    if of.spki() != pair.subject_public_key_info() {
        let why = "the key is another certificate's".to_owned();
        return Err(Error::Content { path: path.to_owned(), why });
    }
    let (_, end) = name_and_end(&der).map_err(Error::content(path))?;
    Ok(ServerCertificate { der, key: pem::private_key(path)?, end })
}

fn sign(dir: &Path, by: &Authority, names: &[String]) -> Result<(), Error> {
    let terms = Terms::choose(SystemTime::now(), LIFE, by.issuing_end)?;
    let mut params = params(Kind::Server, &names[0], &terms);
    for name in names {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(cannot_make)?),
        });
    }
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_make)?;
    let cert = by.sign(&params, &key)?;
    let both = format!("{}{}", key.serialize_pem(), cert.pem());
    files::replace(&dir.join(KEY_FILE), both.as_bytes(), files::PRIVATE)?;
    files::replace(&dir.join("server.pem"), cert.pem().as_bytes(), files::PUBLIC)?;
    files::sync_dir(dir)
}

/// Returns whether a certificate can stay in use.
fn is_good(found: &ServerCertificate, by: &Authority, names: &[String], now: u64) -> bool {
    let Ok((_, cert)) = X509Certificate::from_der(&found.der) else { return false };
    let Ok((_, issuing)) = X509Certificate::from_der(&by.issuing) else { return false };
    cert.issuer() == issuing.subject()
        && cert.verify_names(names)
        && found.due_at() > now
        && u64::try_from(cert.validity().not_before.timestamp()).is_ok_and(|from| from <= now)
}

/// Compares the names in a certificate.
trait Names {
    fn verify_names(&self, wanted: &[String]) -> bool;
}

impl Names for X509Certificate<'_> {
    fn verify_names(&self, wanted: &[String]) -> bool {
        let Ok(Some(names)) = self.subject_alternative_name() else { return false };
        let found = names.value.general_names.iter().map(|name| match name {
            GeneralName::DNSName(name) => (*name).to_owned(),
            GeneralName::IPAddress(bytes) => {
                address(bytes).map_or_else(String::new, |it| it.to_string())
            }
            _ => String::new(),
        });
        found.eq(wanted.iter().cloned())
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// Returns the names of this server's certificate: the given ones, or else those of the host.
///
/// # Errors
/// When one cannot be in a certificate.
pub(crate) fn server_names(given: &[String]) -> Result<Vec<String>, Error> {
    let mut names: Vec<String> = Vec::new();
    let own = || {
        let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        // A host name that cannot be in a certificate is no reason not to start.
        let host = host.filter(|name| ServerName::try_from(name.as_str()).is_ok());
        let mut names: Vec<String> = host.into_iter().collect();
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names
    };
    for name in if given.is_empty() { own() } else { given.to_vec() } {
        let name = match name.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => name.to_ascii_lowercase(),
        };
        if ServerName::try_from(name.as_str()).is_err() {
            return Err(Error::Flags(format!("--name {name}: not a DNS name or an address")));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
