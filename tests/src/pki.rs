//! A certificate authority for one test.

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::PathBuf;
use std::sync::Arc;
use time::OffsetDateTime;

/// A CA, and what it signs.
#[derive(Debug)]
pub struct Pki {
    ca: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM text.
#[derive(Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// A CA of its own; two of them never trust each other.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test CA");
        let ca = params.self_signed(&key).expect("a CA");
        Self { ca, issuer: Issuer::new(params, key) }
    }

    /// The CA's certificate as PEM.
    pub fn ca(&self) -> String {
        self.ca.pem()
    }

    /// A certificate for these DNS names or addresses.
    pub fn sign(&self, names: &[&str]) -> Identity {
        self.sign_with(names, |_| {})
    }

    /// A certificate that ended yesterday.
    pub fn sign_expired(&self, names: &[&str]) -> Identity {
        self.sign_with(names, |params| {
            params.not_before = OffsetDateTime::now_utc() - time::Duration::days(10);
            params.not_after = OffsetDateTime::now_utc() - time::Duration::days(1);
        })
    }

    fn sign_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names are DNS names or addresses");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A TLS server's configuration that requires client certificates of this CA.
    pub fn server(&self, identity: &Identity) -> Arc<ServerConfig> {
        self.server_with(identity, &[&rustls::version::TLS13])
    }

    /// The same with chosen TLS versions.
    pub fn server_with(
        &self,
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).expect("our CA");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .expect("a verifier");
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("PEM")];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
        Arc::new(config)
    }
}

impl Identity {
    /// Writes both as files; returns the paths of certificate and key.
    pub fn write(&self, scratch: &crate::Scratch, name: &str) -> (PathBuf, PathBuf) {
        (
            scratch.write(&format!("{name}.pem"), &self.certificate),
            scratch.write(&format!("{name}.key"), &self.key),
        )
    }
}
