//! The certificates that our CA signs: their parameters are ours alone.
//!
//! Of a host's request only its public key goes into the certificate. Validity and serial number
//! come from the caller, which stores them: the same question gets the same certificate again.

use crate::error::Error;
use controller_api::CaCertificate;
use fleet::Digest;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Bytes of a serial number: 128 random bits (CA/Browser Forum BR §7.1 asks for 64).
pub(crate) const SERIAL_BYTES: usize = 16;

/// The longest common name (RFC 5280, appendix A.1, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// A certificate is valid from this long before its making: clocks differ.
pub(crate) const BACKDATED: Duration = Duration::from_secs(10 * 60);

/// What is chosen for a certificate before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Its serial number.
    pub(crate) serial: [u8; SERIAL_BYTES],
    /// The first second of its validity, since 1970.
    pub(crate) not_before: u64,
    /// The last second of its validity, since 1970.
    pub(crate) not_after: u64,
}

impl Terms {
    /// Chooses the terms of a certificate that is good for `life` from now on, at most until `end`.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn choose(now: SystemTime, life: Duration, end: u64) -> Result<Self, Error> {
        let mut serial = [0; SERIAL_BYTES];
        getrandom::fill(&mut serial).map_err(|error| {
            Error::Certificate(format!("the system has no random numbers: {error}"))
        })?;
        // A serial number is positive, and its length fixed: one bit of the 128 goes to each.
        serial[0] = serial[0] & 0x7f | 0x40;
        let now = seconds(now);
        Ok(Self {
            serial,
            not_before: now.saturating_sub(BACKDATED.as_secs()),
            not_after: now.saturating_add(life.as_secs()).min(end),
        })
    }
}

/// The kind of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A root, or one root signed by another: the CA may have CAs below it.
    Root,
    /// An issuing CA: signs servers and hosts alone.
    Issuing,
    /// A server's.
    Server,
    /// A host's.
    Host,
}

/// Makes the parameters of a certificate of this kind for `name`.
pub(super) fn params(kind: Kind, name: &str, terms: &Terms) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let short: String = name.chars().take(MAX_COMMON_NAME).collect();
    params.distinguished_name.push(DnType::CommonName, short);
    params.serial_number = Some(SerialNumber::from_slice(&terms.serial));
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(terms.not_before);
    params.not_after = epoch + Duration::from_secs(terms.not_after);
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::Sha256;
    match kind {
        Kind::Root => params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)),
        Kind::Issuing => params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),
        Kind::Server => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
        Kind::Host => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
    }
    params.key_usages = match kind {
        Kind::Root | Kind::Issuing => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
        Kind::Server | Kind::Host => vec![KeyUsagePurpose::DigitalSignature],
    };
    params
}

/// Returns the common name and the end of the validity of a certificate, in seconds since 1970.
///
/// # Errors
/// When it cannot be read.
pub(super) fn name_and_end(der: &CertificateDer<'_>) -> Result<(String, u64), String> {
    let (_, cert) =
        X509Certificate::from_der(der).map_err(|error| format!("cannot be read: {error}"))?;
    let name = cert.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let name = name.ok_or("has no common name")?.to_owned();
    Ok((name, u64::try_from(cert.validity().not_after.timestamp()).unwrap_or_default()))
}

/// Describes a certificate for people.
pub(super) fn describe(der: &CertificateDer<'static>) -> CaCertificate {
    let fingerprint = Digest::of(der).to_string();
    let Ok((_, cert)) = X509Certificate::from_der(der) else {
        let unknown = String::new;
        return CaCertificate {
            subject: unknown(),
            fingerprint,
            not_before: unknown(),
            not_after: unknown(),
        };
    };
    let name = cert.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let time = |at: x509_parser::time::ASN1Time| {
        let since = Duration::from_secs(u64::try_from(at.timestamp()).unwrap_or_default());
        humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
    };
    CaCertificate {
        subject: name.unwrap_or_default().to_owned(),
        fingerprint,
        not_before: time(cert.validity().not_before),
        not_after: time(cert.validity().not_after),
    }
}

/// Returns the seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// For `map_err`: a certificate cannot be made.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(super) fn cannot_make(error: rcgen::Error) -> Error {
    Error::Certificate(format!("cannot make a certificate: {error}"))
}
