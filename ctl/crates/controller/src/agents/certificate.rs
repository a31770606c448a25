//! Certificates: which of them the server may present, which host one speaks for, and until when.

use crate::error::Error;
use crate::pem;
use rustls::crypto::ring;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::time::Duration;
use webpki::EndEntityCert;
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};

/// A server's certificate with less time left is reported at the start.
const WARN_BEFORE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Checks that an agent can accept the certificate: it is valid now, names this server, and is for
/// servers.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
pub(super) fn check_server(der: &CertificateDer<'_>) -> Result<(), String> {
    let (_, cert) =
        X509Certificate::from_der(der).map_err(|error| format!("cannot be read: {error}"))?;
    let validity = cert.validity();
    let now = ASN1Time::now();
    if now > validity.not_after {
        return Err(format!(
            "the certificate expired on {}, so no agent accepts it; renew it",
            validity.not_after
        ));
    }
    if now < validity.not_before {
        return Err(format!(
            "the certificate is valid from {} on, which is in the future; check this host's clock",
            validity.not_before
        ));
    }
    let names = cert.subject_alternative_name().map_err(|error| error.to_string())?;
    let named = names.is_some_and(|names| {
        let mut names = names.value.general_names.iter();
        names.any(|name| matches!(name, GeneralName::DNSName(_) | GeneralName::IPAddress(_)))
    });
    if !named {
        return Err("the certificate has no DNS name or address in its subjectAltName (a common \
                    name does not count, RFC 9525), so no agent accepts it; make one for the \
                    name in the agents' tls.server_name"
            .to_owned());
    }
    let usage = cert.extended_key_usage().map_err(|error| error.to_string())?;
    if usage.is_some_and(|usage| !usage.value.server_auth && !usage.value.any) {
        return Err(
            "the certificate is not for servers: its extendedKeyUsage lacks serverAuth".to_owned()
        );
    }
    let left = validity.time_to_expiration().unwrap_or_default();
    if left < WARN_BEFORE {
        log::warn!("the server's certificate expires on {}; renew it", validity.not_after);
    }
    Ok(())
}

/// Returns the time until the first certificate of a chain expires; zero if one has.
pub(super) fn time_left(chain: &[CertificateDer<'_>]) -> Option<Duration> {
    let now = ASN1Time::now().timestamp();
    let ends = chain.iter().filter_map(|der| {
        let (_, cert) = X509Certificate::from_der(der).ok()?;
        // Valid up to and including that second (RFC 5280 §4.1.2.5).
        Some(cert.validity().not_after.timestamp().saturating_add(1))
    });
    ends.map(|end| Duration::from_secs(u64::try_from(end - now).unwrap_or_default())).min()
}

/// Returns the name of a certificate's issuer, in DER.
pub(super) fn issuer<'a>(der: &'a CertificateDer<'_>) -> Option<&'a [u8]> {
    let (_, cert) = X509Certificate::from_der(der).ok()?;
    Some(cert.tbs_certificate.issuer.as_raw())
}

/// Returns whether a verified certificate speaks for a host. It must name the host as a DNS name;
/// with a wildcard, one key would speak for many hosts, and the common name does not count
/// (RFC 9525 §2).
pub(super) fn speaks_for(der: &CertificateDer<'_>, id: &str) -> bool {
    let (Ok(cert), Some(name)) = (EndEntityCert::try_from(der), host_name(id)) else {
        return false;
    };
    cert.verify_is_valid_for_subject_name(&name).is_ok()
        && cert.valid_dns_names().any(|named| named == id)
}

/// Returns whether the file at `key` holds the certificate's key.
///
/// # Errors
/// When the key cannot be read or used.
pub(crate) fn key_matches(der: &CertificateDer<'_>, key: &Path) -> Result<bool, Error> {
    let parsed = pem::private_key(key)?;
    let signer = ring::sign::any_supported_type(&parsed).map_err(Error::content(key))?;
    Ok(CertifiedKey::new(vec![der.clone().into_owned()], signer).keys_match().is_ok())
}

fn host_name(id: &str) -> Option<ServerName<'_>> {
    ServerName::try_from(id).ok().filter(|name| matches!(name, ServerName::DnsName(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    fn certificate(common_name: &str, names: &[&str]) -> CertificateDer<'static> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_speaks_only_for_the_hosts_it_names() {
        for (common_name, names, id, wanted) in [
            ("x", &["host-1"][..], "host-1", true),
            ("x", &["other", "host_2.example.com"], "host_2.example.com", true),
            ("host-1", &["other"], "host-1", false),
            ("host-1", &[], "host-1", false),
            ("x", &["*.example.com"], "a.example.com", false),
            ("x", &["HOST-1"], "host-1", false),
            ("x", &["10.0.0.1"], "10.0.0.1", false),
            ("x", &["host-1"], "host-1.", false),
            ("x", &["host-1"], "", false),
        ] {
            let der = certificate(common_name, names);
            assert_eq!(speaks_for(&der, id), wanted, "{common_name} {names:?} as {id:?}");
        }
    }
}
