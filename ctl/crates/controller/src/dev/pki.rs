//! A small CA for trials: one self-signed certificate that signs certificates for the server and
//! the agents.
//!
//! A valid file is reused; a certificate that has expired, or that another CA signed, is replaced.
//! Keys are ECDSA P-256, which every TLS library supports.

use crate::agents;
use crate::error::Error;
use crate::files::{self, Access};
use crate::pem;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::path::{Path, PathBuf};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

const DAY: Duration = Duration::from_secs(86_400);

/// The lifetime of a CA.
const CA_DAYS: u32 = 3653;

/// The lifetime of the certificates that it signs.
const LEAF_DAYS: u32 = 365;

/// A certificate with fewer days left is replaced.
const RENEW_DAYS: u32 = 7;

/// Certificates are valid from this far in the past: clocks differ.
const BACKDATED_DAYS: u32 = 1;

/// A CA with its key.
pub(super) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
}

/// The kind of certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A server's, for its names and addresses.
    Server,
    /// An agent's, for its host id.
    Agent,
}

impl Ca {
    /// Reads `ca.pem` and `ca.key` in `dir`; creates both if both are missing.
    ///
    /// # Errors
    /// When only one is missing, the key does not match, or a file cannot be read or written.
    pub(super) fn load_or_create(dir: &Path) -> Result<Self, Error> {
        let (pem_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        if !pem_path.exists() && !key_path.exists() {
            let key = new_key()?;
            let cert =
                params("BasicAgent dev CA", CA_DAYS, IsCa::Ca(BasicConstraints::Constrained(0)))?
                    .self_signed(&key)
                    .map_err(cannot_create)?;
            files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
            files::replace(&pem_path, cert.pem().as_bytes(), files::PUBLIC)?;
            log::info!("created a CA in {}", pem_path.display());
        }
        let key_text = files::read(&key_path, Access::Private)?;
        let key = KeyPair::from_pem(&String::from_utf8_lossy(&key_text))
            .map_err(Error::content(&key_path))?;
        let der = pem::certificates(&pem_path)?.swap_remove(0);
        if !agents::key_matches(&der, &key_path)? {
            let why =
                format!("not the key of {}; remove both to create a new CA", pem_path.display());
            return Err(Error::Content { path: key_path, why });
        }
        // An issuer is its key and its name; the name is the one that was used at the creation.
        let params =
            params("BasicAgent dev CA", CA_DAYS, IsCa::Ca(BasicConstraints::Constrained(0)))?;
        Ok(Self { issuer: Issuer::new(params, key), der })
    }

    /// Creates `base.pem` and `base.key` unless a valid pair exists.
    ///
    /// # Errors
    /// When a file cannot be written, or a name is not valid in a certificate.
    pub(super) fn issue(&self, base: &Path, role: Role, names: &[&str]) -> Result<(), Error> {
        let (pem_path, key_path) = paths(base);
        if let Err(why) = self.check(base, role, names) {
            if pem_path.exists() {
                log::info!("replacing {}: {why}", pem_path.display());
            }
            let key = new_key()?;
            let mut params = params(names[0], LEAF_DAYS, IsCa::NoCa)?;
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            params.subject_alt_names =
                CertificateParams::new(names).map_err(cannot_create)?.subject_alt_names;
            params.extended_key_usages = vec![match role {
                Role::Server => ExtendedKeyUsagePurpose::ServerAuth,
                Role::Agent => ExtendedKeyUsagePurpose::ClientAuth,
            }];
            let cert = params.signed_by(&key, &self.issuer).map_err(cannot_create)?;
            files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
            files::replace(&pem_path, cert.pem().as_bytes(), files::PUBLIC)?;
        }
        Ok(())
    }

    /// Checks that the pair at `base` is valid for `names`, now and for some days to come.
    ///
    /// # Errors
    /// The reason why it is not.
    pub(super) fn check(&self, base: &Path, role: Role, names: &[&str]) -> Result<(), String> {
        let (pem_path, key_path) = paths(base);
        let der = pem::certificates(&pem_path).map_err(|error| error.to_string())?.swap_remove(0);
        if !agents::key_matches(&der, &key_path).map_err(|error| error.to_string())? {
            return Err("the key does not match the certificate".to_owned());
        }
        let cert = EndEntityCert::try_from(&der).map_err(|error| error.to_string())?;
        let anchor =
            webpki::anchor_from_trusted_cert(&self.der).map_err(|error| error.to_string())?;
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
            let subject =
                rustls_pki_types::ServerName::try_from(*name).map_err(|error| error.to_string())?;
            cert.verify_is_valid_for_subject_name(&subject).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// Returns the first name in the certificate at `base`, if there is one.
pub(super) fn name_in(base: &Path) -> Option<String> {
    let der = pem::certificates(&paths(base).0).ok()?.swap_remove(0);
    let cert = EndEntityCert::try_from(&der).ok()?;
    cert.valid_dns_names().next().map(str::to_owned)
}

/// Returns `base.pem` and `base.key`; a base may contain dots itself.
fn paths(base: &Path) -> (PathBuf, PathBuf) {
    let with = |ending: &str| {
        let mut name = base.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        base.with_file_name(name)
    };
    (with(".pem"), with(".key"))
}

fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot_create)
}

fn params(name: &str, days: u32, is_ca: IsCa) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(Vec::new()).map_err(cannot_create)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // RFC 5280's upper bound on a common name, which is only informative here.
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
fn cannot_create(error: rcgen::Error) -> Error {
    Error::Certificate(format!("cannot create a certificate: {error}"))
}
