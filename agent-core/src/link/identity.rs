//! The TLS files: the trusted CAs, and the agent's own certificate and key.
//!
//! `--check-config` and each connection load them in the same way. Each connection reads the files,
//! so that a certificate that was renewed or replaced is used without a restart. As long as they
//! are unchanged, the connections share one TLS configuration, and with it the sessions that can be
//! resumed.

use super::error::{TlsFile, TlsProblem};
use super::{Error, key, pem};
use crate::config::{TlsFiles, TlsVersion};
use crate::enroll::Leaf;
use crate::named_file::{self, Reading, Writers};
use ::ring::digest::{Context, SHA256};
use rustls_pki_types::pem::SectionKind;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Larger TLS files are rejected.
const MAX_BYTES: u64 = 1 << 20;

/// Certificates of a bundle that a message names.
const MAX_SKIPPED: usize = 16;

/// Servers whose sessions are kept: an agent has one, or a few that it is redirected between.
const MAX_SESSIONS: usize = 8;

/// The TLS configuration of the last connection, for the next one with the same files.
#[derive(Default)]
pub(super) struct Cache(Option<([u8; 32], Arc<ClientConfig>)>);

impl Cache {
    /// Returns the configuration to connect with: the last connection's, unless a file has changed
    /// since.
    pub(super) fn client(&mut self, loaded: &Identity) -> Arc<ClientConfig> {
        if let Some((fingerprint, client)) = &self.0
            && *fingerprint == loaded.fingerprint
        {
            return client.clone();
        }
        self.0 = Some((loaded.fingerprint, loaded.client.clone()));
        loaded.client.clone()
    }
}

/// The loaded files.
pub(crate) struct Identity {
    client: Arc<ClientConfig>,
    /// The SHA-256 of all that the configuration follows from.
    fingerprint: [u8; 32],
    /// Parts of the files that were skipped.
    pub(crate) skipped: Vec<TlsProblem>,
    /// The DNS names in the agent's certificate, if it has one.
    names: Option<Vec<String>>,
    /// The agent's certificate, if it has one that can be read.
    pub(super) leaf: Option<Leaf>,
    cert: PathBuf,
}

impl Identity {
    /// Returns the problem that the certificate is not this host's: a controller that binds the two
    /// (§3) rejects the agent.
    pub(crate) fn mismatch(&self, host_id: &str) -> Option<TlsProblem> {
        let names = self.names.as_ref()?;
        if names.iter().any(|name| name == host_id) {
            return None;
        }
        let names = match names.is_empty() {
            true => "it has no DNS names".to_owned(),
            false => format!("its DNS names are {}", agent_wire::json::quote(&names.join(", "))),
        };
        let why = format!("{names}, but not the host id, {host_id}; the controller rejects that");
        Some(TlsProblem::content(TlsFile::Cert, &self.cert, why))
    }
}

/// Loads the client's side. The certificate and key are used if one of them exists; then both must.
///
/// # Errors
/// Every file that cannot be used, and why.
pub(crate) fn load(tls: &TlsFiles, min_version: TlsVersion) -> Result<Identity, Error> {
    let start = |path: &Path, writers| match tls.enrolled {
        true => Reading::here(path, MAX_BYTES, writers),
        false => Reading::start(path, MAX_BYTES, writers),
    };
    // Whoever writes the CAs is a controller to this host.
    let (ca, cert) =
        (start(&tls.ca, Writers::TrustedLinks), start(&tls.cert, Writers::TrustedLinks));
    let key = start(&tls.key, Writers::Secret);
    let (ca, cert, key) = (ca.finish(), cert.finish(), key.finish());
    let fingerprint = fingerprint([&ca, &cert, &key], min_version);
    let mut problems = Vec::new();
    let mut skipped = Vec::new();
    let roots = file(TlsFile::Ca, &tls.ca, ca).and_then(|text| roots(tls, &text, &mut skipped));
    let roots = roots.map_err(|problem| problems.push(problem));
    let own = match (cert, key) {
        (Err(cert), Err(key)) if !tls.enrolled && cert.is_missing() && key.is_missing() => None,
        (cert, key) => {
            let chain = file(TlsFile::Cert, &tls.cert, cert).and_then(|text| chain(tls, &text));
            let key = file(TlsFile::Key, &tls.key, key).and_then(|text| private_key(tls, &text));
            match (chain, key) {
                (Ok(chain), Ok(key)) => {
                    let own = CertifiedKey::new(chain, key);
                    let mismatch = rustls::InconsistentKeys::KeyMismatch;
                    if own.keys_match() == Err(rustls::Error::InconsistentKeys(mismatch)) {
                        let why = format!("it is not the key of {}", tls.cert.display());
                        problems.push(TlsProblem::content(TlsFile::Key, &tls.key, why));
                    }
                    Some(own)
                }
                (chain, key) => {
                    problems.extend(chain.err());
                    problems.extend(key.err());
                    None
                }
            }
        }
    };
    let Ok(roots) = roots else { return Err(Error::Tls(problems)) };
    if !problems.is_empty() {
        return Err(Error::Tls(problems));
    }
    let names = own.as_ref().and_then(|own| names(own.cert.first()?));
    let leaf = own.as_ref().and_then(|own| Leaf::parse(own.cert.first()?));
    let client = Arc::new(client(min_version, roots, own).map_err(Error::TlsVersion)?);
    Ok(Identity { client, fingerprint, skipped, names, leaf, cert: tls.cert.clone() })
}

fn names(leaf: &CertificateDer<'_>) -> Option<Vec<String>> {
    let leaf = webpki::EndEntityCert::try_from(leaf).ok()?;
    Some(leaf.valid_dns_names().map(str::to_owned).collect())
}

/// Returns the SHA-256 of the files' contents and the version.
fn fingerprint(files: [&Result<Vec<u8>, named_file::Error>; 3], version: TlsVersion) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for file in files {
        let bytes = file.as_deref().unwrap_or_default();
        context.update(&bytes.len().to_be_bytes());
        context.update(bytes);
    }
    context.update(&[u8::from(version == TlsVersion::V12)]);
    let mut sum = [0; 32];
    sum.copy_from_slice(context.finish().as_ref());
    sum
}

fn client(
    min_version: TlsVersion,
    roots: RootCertStore,
    own: Option<CertifiedKey>,
) -> Result<ClientConfig, rustls::Error> {
    let versions: &[_] = match min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12],
        TlsVersion::V13 => &[&TLS13],
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)?
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
    // A fleet that comes back at once resumes, which costs its server a fraction of a handshake.
    config.resumption = Resumption::in_memory_sessions(MAX_SESSIONS);
    Ok(config)
}

fn file(
    which: TlsFile,
    path: &Path,
    read: Result<Vec<u8>, named_file::Error>,
) -> Result<Vec<u8>, TlsProblem> {
    read.map_err(|source| TlsProblem::Read { which, path: path.to_owned(), source })
}

/// Reads the CAs. One that cannot be used is skipped: a bundle may hold others that can.
fn roots(
    tls: &TlsFiles,
    text: &[u8],
    skipped: &mut Vec<TlsProblem>,
) -> Result<RootCertStore, TlsProblem> {
    read_roots(text, |why| TlsProblem::content(TlsFile::Ca, &tls.ca, why), skipped)
}

/// Reads the CAs of a PEM text; `problem` words what is wrong with it.
pub(super) fn read_roots(
    text: &[u8],
    problem: impl Fn(String) -> TlsProblem,
    skipped: &mut Vec<TlsProblem>,
) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    let mut number = 0;
    let mut whys = Vec::new();
    for section in pem::sections(text) {
        let why = match section {
            Ok((SectionKind::Certificate, der)) => {
                number += 1;
                match roots.add(CertificateDer::from(der)) {
                    Ok(()) => continue,
                    Err(error) => {
                        format!("certificate {number} is no CA that can be used: {}", cause(&error))
                    }
                }
            }
            Ok(_) => continue,
            Err(why) => {
                number += 1;
                format!("section {number} cannot be read: {why}")
            }
        };
        whys.push(why);
    }
    if roots.is_empty() {
        return Err(problem(match whys.is_empty() {
            true => pem::lacks("certificate", text),
            false => whys.join("; "),
        }));
    }
    skipped
        .extend(whys.into_iter().take(MAX_SKIPPED).map(|why| problem(format!("{why}; skipped"))));
    Ok(roots)
}

fn chain(tls: &TlsFiles, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
    let problem = |why| TlsProblem::content(TlsFile::Cert, &tls.cert, why);
    let mut chain = Vec::new();
    for section in pem::sections(text) {
        match section {
            Ok((SectionKind::Certificate, der)) => chain.push(CertificateDer::from(der)),
            Ok(_) => {}
            Err(why) => {
                let number = chain.len() + 1;
                return Err(problem(format!("section {number} cannot be read: {why}")));
            }
        }
    }
    let Some(leaf) = chain.first() else { return Err(problem(pem::lacks("certificate", text))) };
    match webpki::EndEntityCert::try_from(leaf) {
        Ok(_) => Ok(chain),
        Err(error) => Err(problem(format!("the first certificate cannot be used: {error}"))),
    }
}

fn private_key(
    tls: &TlsFiles,
    text: &[u8],
) -> Result<Arc<dyn rustls::sign::SigningKey>, TlsProblem> {
    let problem = |why| TlsProblem::content(TlsFile::Key, &tls.key, why);
    if pem::is_encrypted(text) {
        let path = tls.key.display();
        return Err(problem(format!(
            "the key is encrypted, and the agent has no passphrase; decrypt it: openssl pkey -in {path}"
        )));
    }
    let mut damaged = None;
    for section in pem::sections(text) {
        let (kind, der) = match section {
            Ok(section) => section,
            Err(why) => {
                damaged.get_or_insert(format!("the key cannot be read: {why}"));
                continue;
            }
        };
        let key = match kind {
            SectionKind::PrivateKey => PrivateKeyDer::Pkcs8(der.into()),
            SectionKind::RsaPrivateKey => PrivateKeyDer::Pkcs1(der.into()),
            SectionKind::EcPrivateKey => PrivateKeyDer::Sec1(der.into()),
            _ => continue,
        };
        return ring::sign::any_supported_type(&key).map_err(|_| {
            problem(format!(
                "it is {}; the agent can use RSA keys of 2048 to 4096 bits, the curves P-256 and \
                 P-384, and Ed25519",
                key::kind(key.secret_der())
            ))
        });
    }
    Err(problem(damaged.unwrap_or_else(|| pem::lacks("private key", text))))
}

/// Words an error of a certificate that is no peer's.
fn cause(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(rustls::CertificateError::BadEncoding) => {
            "it is damaged, or not an X.509 certificate of version 3".to_owned()
        }
        rustls::Error::InvalidCertificate(why) => why.to_string(),
        other => other.to_string(),
    }
}
