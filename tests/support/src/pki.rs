//! A certificate authority that belongs to one test.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::PathBuf;
use std::sync::Arc;
use time::OffsetDateTime;

/// A certificate authority.
#[derive(Debug)]
pub struct Pki {
    ca: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM text.
#[derive(Debug)]
pub struct Identity {
    /// The certificate as PEM.
    pub certificate: String,
    /// The private key as PEM.
    pub key: String,
}

/// Bytes of an uncompressed point of P-256.
const POINT: usize = 65;

/// A P-256 key whose private half is somebody else's.
struct PublicKey(Vec<u8>);

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// Creates an authority; two of them never trust each other.
    ///
    /// # Panics
    /// When no key can be made.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "test CA");
        let ca = params.self_signed(&key).expect("a CA");
        Self { ca, issuer: Issuer::new(params, key) }
    }

    /// Returns the authority's certificate as PEM.
    pub fn ca(&self) -> String {
        self.ca.pem()
    }

    /// Signs a certificate for these DNS names or addresses.
    ///
    /// # Panics
    /// When a name is neither a DNS name nor an address.
    pub fn sign(&self, names: &[&str]) -> Identity {
        self.sign_with(names, |_| {})
    }

    /// Signs a certificate that expired yesterday.
    ///
    /// # Panics
    /// When a name is neither a DNS name nor an address.
    pub fn sign_expired(&self, names: &[&str]) -> Identity {
        self.sign_with(names, |params| {
            params.not_before = OffsetDateTime::now_utc() - time::Duration::days(10);
            params.not_after = OffsetDateTime::now_utc() - time::Duration::days(1);
        })
    }

    /// Signs a certificate that is valid between two instants, in seconds since 1970.
    ///
    /// # Panics
    /// When a name is neither a DNS name nor an address, or an instant no date.
    pub fn sign_between(&self, names: &[&str], not_before: i64, not_after: i64) -> Identity {
        self.sign_with(names, |params| {
            params.not_before = OffsetDateTime::from_unix_timestamp(not_before).expect("a date");
            params.not_after = OffsetDateTime::from_unix_timestamp(not_after).expect("a date");
        })
    }

    /// Signs a certificate for somebody else's P-256 key, given as SubjectPublicKeyInfo in DER.
    ///
    /// # Panics
    /// When a name is neither a DNS name nor an address, or the key is no P-256 key.
    pub fn sign_public(&self, names: &[&str], public: &[u8]) -> String {
        self.sign_public_between(
            names,
            public,
            OffsetDateTime::now_utc().unix_timestamp() - 600,
            OffsetDateTime::now_utc().unix_timestamp() + 7 * 24 * 3600,
        )
    }

    /// Signs a certificate for somebody else's P-256 key, valid between two instants.
    ///
    /// # Panics
    /// When a name is neither a DNS name nor an address, an instant no date, or the key no P-256
    /// key.
    pub fn sign_public_between(
        &self,
        names: &[&str],
        public: &[u8],
        not_before: i64,
        not_after: i64,
    ) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names are DNS names or addresses");
        params.not_before = OffsetDateTime::from_unix_timestamp(not_before).expect("a date");
        params.not_after = OffsetDateTime::from_unix_timestamp(not_after).expect("a date");
        // An uncompressed point is at the end of the key.
        let point = public[public.len() - POINT..].to_vec();
        params.signed_by(&PublicKey(point), &self.issuer).expect("a signature").pem()
    }

    fn sign_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names are DNS names or addresses");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Returns a TLS server's configuration that requires client certificates of this authority.
    ///
    /// # Panics
    /// When `identity` is not a certificate and its key.
    pub fn server(&self, identity: &Identity) -> Arc<ServerConfig> {
        self.server_with(identity, &[&rustls::version::TLS13])
    }

    /// Returns [`Pki::server`]'s configuration with other TLS versions.
    ///
    /// # Panics
    /// When `identity` is not a certificate and its key.
    pub fn server_with(
        &self,
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).expect("our CA");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .expect("a verifier");
        let chain =
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).expect("PEM")];
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
    /// Writes both to files and returns the paths of certificate and key.
    pub fn write(&self, scratch: &crate::Scratch, name: &str) -> (PathBuf, PathBuf) {
        (
            scratch.write(&format!("{name}.pem"), &self.certificate),
            scratch.write_secret(&format!("{name}.key"), &self.key),
        )
    }
}
