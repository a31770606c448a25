//! A small CA for trials: one self-signed certificate, and those it signs for a server or an agent.
//!
//! A file that is there and still good is used again; a certificate that has run out, or that another CA
//! signed, is made anew. ECDSA P-256 keys, as every TLS library takes them.

use crate::error::Error;
use crate::files;
use crate::agents::tls;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::path::{Path, PathBuf};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

const DAY: Duration = Duration::from_secs(86_400);

/// How long a CA lasts.
const CA_DAYS: u32 = 3653;

/// How long what it signs lasts.
const LEAF_DAYS: u32 = 365;

/// A certificate that has less than this to go is made anew.
const RENEW_DAYS: u32 = 7;

/// Certificates begin this much in the past: clocks differ.
const BACKDATED_DAYS: u32 = 1;

/// A CA whose key is at hand.
pub(crate) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// Whom a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A server, under these names and addresses.
    Server,
    /// An agent, under its host id.
    Agent,
}

impl Ca {
    /// Reads `ca.pem` and `ca.key` in `dir`; makes both when neither is there.
    ///
    /// # Errors
    /// When one is missing, they don't belong together, or can't be read or written.
    pub(crate) fn load_or_make(dir: &Path) -> Result<Self, Error> {
        let (pem_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !pem_path.exists() && !key_path.exists() {
            let key = new_key()?;
            let cert = params("BasicAgent dev CA", CA_DAYS, IsCa::Ca(BasicConstraints::Constrained(0)))?
                .self_signed(&key)
                .map_err(cannot_make)?;
            files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
            files::replace(&pem_path, cert.pem().as_bytes(), files::PUBLIC)?;
            log::info!("made a CA in {}", pem_path.display());
        }
        let key_text = std::fs::read_to_string(&key_path).map_err(Error::file(&key_path))?;
        let key = KeyPair::from_pem(&key_text).map_err(Error::content(&key_path))?;
        let der = CertificateDer::from_pem_file(&pem_path).map_err(Error::content(&pem_path))?;
        if !tls::belong_together(&der, &key_path)? {
            let why = format!("is not the key of {}: remove both to make a new CA", pem_path.display());
            return Err(Error::Content { path: key_path, why });
        }
        // Whoever signed with this key is named as it was named then: only the key and name matter.
        let params = params("BasicAgent dev CA", CA_DAYS, IsCa::Ca(BasicConstraints::Constrained(0)))?;
        Ok(Self { issuer: Issuer::new(params, key), der })
    }

    /// Makes `NAME.pem` and `NAME.key` (`base` without its ending) unless they are there and good.
    ///
    /// # Errors
    /// When they can't be written, or a name can't stand in a certificate.
    pub(crate) fn issue(&self, base: &Path, role: Role, names: &[&str]) -> Result<(), Error> {
        let (pem_path, key_path) = paths(base);
        if let Err(why) = self.check(base, role, names) {
            if pem_path.exists() {
                log::info!("{}: {why}; made anew", pem_path.display());
            }
            let key = new_key()?;
            let mut params = params(names[0], LEAF_DAYS, IsCa::NoCa)?;
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            params.subject_alt_names = CertificateParams::new(names).map_err(cannot_make)?.subject_alt_names;
            params.extended_key_usages = vec![match role {
                Role::Server => ExtendedKeyUsagePurpose::ServerAuth,
                Role::Agent => ExtendedKeyUsagePurpose::ClientAuth,
            }];
            let cert = params.signed_by(&key, &self.issuer).map_err(cannot_make)?;
            files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
            files::replace(&pem_path, cert.pem().as_bytes(), files::PUBLIC)?;
        }
        Ok(())
    }

    /// Whether the pair at `base` can be used for `names` for some days to come.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, base: &Path, role: Role, names: &[&str]) -> Result<(), String> {
        let (pem_path, key_path) = paths(base);
        let der = CertificateDer::from_pem_file(&pem_path).map_err(|error| error.to_string())?;
        if !tls::belong_together(&der, &key_path).map_err(|error| error.to_string())? {
            return Err("the key is another certificate's".to_owned());
        }
        let cert = EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
        let anchor = webpki::anchor_from_trusted_cert(&self.der).map_err(|error| error.to_string())?;
        let usage = match role {
            Role::Server => KeyUsage::server_auth(),
            Role::Agent => KeyUsage::client_auth(),
        };
        let now = UnixTime::now().as_secs();
        for at in [Duration::from_secs(now), Duration::from_secs(now) + DAY * RENEW_DAYS] {
            let at = UnixTime::since_unix_epoch(at);
            cert.verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                std::slice::from_ref(&anchor),
                &[],
                at,
                usage,
                None,
                None,
            )
            .map_err(|error| error.to_string())?;
        }
        for name in names {
            let subject = rustls_pki_types::ServerName::try_from(*name).map_err(|error| error.to_string())?;
            cert.verify_is_valid_for_subject_name(&subject).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// The first name in the certificate at `base`, if there is one.
pub(crate) fn name_in(base: &Path) -> Option<String> {
    let der = CertificateDer::from_pem_file(paths(base).0).ok()?;
    let cert = EndEntityCert::try_from(&der).ok()?;
    cert.valid_dns_names().next().map(str::to_owned)
}

/// `base.pem` and `base.key`; a base may hold dots itself.
fn paths(base: &Path) -> (PathBuf, PathBuf) {
    let with = |ending: &str| {
        let mut name = base.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        base.with_file_name(name)
    };
    (with(".pem"), with(".key"))
}

fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_make)
}

fn params(name: &str, days: u32, is_ca: IsCa) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new()).map_err(cannot_make)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // RFC 5280's upper bound of a common name; nobody reads it for more than a hint.
    let short: String = name.chars().take(64).collect();
    params.distinguished_name.push(DnType::CommonName, short);
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(UnixTime::now().as_secs());
    params.not_before = now - DAY * BACKDATED_DAYS;
    params.not_after = now + DAY * days;
    params.key_usages = match is_ca {
        IsCa::Ca(_) => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        _ => vec![KeyUsagePurpose::DigitalSignature],
    };
    params.use_authority_key_identifier_extension = !matches!(is_ca, IsCa::Ca(_));
    params.is_ca = is_ca;
    Ok(params)
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn cannot_make(error: rcgen::Error) -> Error {
    Error::Certificate(format!("can't make a certificate: {error}"))
}
