//! TLS on the agents' port: the server's offer, the certificates that it accepts, and the host that
//! a certificate speaks for.

use crate::error::Error;
use crate::pem;
use agent_wire::ALPN;
use agent_wire::message::Init;
use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use webpki::EndEntityCert;
use x509_parser::prelude::{ASN1Time, FromDer as _, GeneralName, X509Certificate};

/// A server's certificate with less time left is reported at the start.
const WARN_BEFORE: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// The PEM files of the agents' port.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The server's certificate chain.
    pub(crate) cert: PathBuf,
    /// The server's private key.
    pub(crate) key: PathBuf,
    /// The CA that signs agents' certificates.
    pub(crate) client_ca: PathBuf,
}

/// Makes the server's side: TLS 1.3 only, and no handshake without a certificate of the client CA.
///
/// # Errors
/// When a file cannot be read or used.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for der in pem::certificates(&files.client_ca)? {
        // Another one may still be usable; without any, the verifier is not made.
        if let Err(error) = roots.add(der) {
            log::warn!("{}: skipped a certificate: {error}", files.client_ca.display());
        }
    }
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(Error::content(&files.client_ca))?;
    let chain = pem::certificates(&files.cert)?;
    let key = pem::private_key(&files.key)?;
    if !key_matches(&chain[0], &files.key)? {
        let why = format!("not the key of the certificate in {}", files.cert.display());
        return Err(Error::Content { path: files.key.clone(), why });
    }
    check_server_certificate(&chain[0]).map_err(Error::content(&files.cert))?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::Certificate(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(Error::content(&files.cert))?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: it would skip the check of the agent's certificate, which may have expired.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Checks that an agent can accept the certificate: it is valid now, names this server, and is for
/// servers.
///
/// # Errors
/// A sentence that says what is wrong and what to do.
fn check_server_certificate(der: &CertificateDer<'_>) -> Result<(), String> {
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

/// Returns whether a host id can be named in a certificate.
pub(crate) fn can_name_a_host(id: &str) -> bool {
    Init::is_hostname(id) && host_name(id).is_some()
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
