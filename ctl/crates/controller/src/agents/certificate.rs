//! Certificates: which of them the server may present, which host one speaks for, and until when.

use crate::error::Error;
use crate::identity::Leaf;
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

/// What is needed of an agent's chain, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain<'a> {
    /// The agent's own certificate.
    pub(super) leaf: Leaf,
    /// The name of that one's issuer, in DER.
    pub(super) issuer: &'a [u8],
    /// The time until which all of the chain is valid.
    pub(super) end: End,
}

/// The second after the last one in which the whole of a chain is valid, since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct End(i64);

impl<'a> Chain<'a> {
    /// Reads a chain that the handshake has verified; `None` for one that cannot be read.
    pub(super) fn read(chain: &'a [CertificateDer<'_>]) -> Option<Self> {
        let (leaf, others) = chain.split_first()?;
        let (_, cert) = X509Certificate::from_der(leaf).ok()?;
        let others = others.iter().filter_map(|der| {
            let (_, cert) = X509Certificate::from_der(der).ok()?;
            Some(end(&cert))
        });
        Some(Self {
            leaf: Leaf::of(&cert),
            issuer: cert.tbs_certificate.issuer.as_raw(),
            end: End(others.fold(end(&cert), i64::min)),
        })
    }
}

impl End {
    /// Returns the time until then; zero if it has passed.
    pub(super) fn left(self) -> Duration {
        let now = ASN1Time::now().timestamp();
        Duration::from_secs(u64::try_from(self.0.saturating_sub(now)).unwrap_or_default())
    }
}

fn end(cert: &X509Certificate<'_>) -> i64 {
    // Valid up to and including that second (RFC 5280 §4.1.2.5).
    cert.validity().not_after.timestamp().saturating_add(1)
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
