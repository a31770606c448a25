//! The certificates that a controller's own must chain to: a CA file, a pinned certificate, or
//! this machine's CA bundle.
//!
//! Nothing here runs for plain HTTP, so that a command for this machine pays for no TLS.

use super::Address;
use super::crypto::provider;
use crate::error::Error;
use fleet::Digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The CA bundles of the distributions, in the order of the search.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The variable that names another bundle, as for OpenSSL.
const BUNDLE_VARIABLE: &str = "SSL_CERT_FILE";

/// The most time for a handshake that only shows the certificates.
const LOOK: Duration = Duration::from_secs(10);

/// Before the hexadecimal digest of a pinned certificate.
const PIN: &str = "sha256:";

/// The choice of trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ca {
    /// This machine's CA bundle.
    System,
    /// Certificates in a file.
    File(PathBuf),
    /// The SHA-256 of one certificate in the chain that the controller presents.
    Pin(Digest),
    /// Certificates as PEM, as a context keeps them.
    Pem(String),
}

impl Ca {
    /// Checks that a choice of the caller has an effect.
    ///
    /// # Errors
    /// [`Error::Usage`] with plain HTTP, which proves nothing.
    pub(crate) fn check_for(&self, address: &Address) -> Result<(), Error> {
        if matches!(self, Self::System) || address.is_tls {
            return Ok(());
        }
        Err(Error::usage(format!("--ca is for https://, not for {}", address.base)))
    }
}

/// Parses `--ca`: a file, or `sha256:` and 64 hexadecimal digits.
pub(crate) fn ca(text: &str) -> Result<Ca, String> {
    let Some(hex) = text.strip_prefix(PIN) else { return Ok(Ca::File(PathBuf::from(text))) };
    let hex: String = hex.chars().filter(|digit| *digit != ':').collect();
    let pin = hex.parse();
    pin.map(Ca::Pin).map_err(|_| format!("expected {PIN} and 64 hexadecimal digits, or a file"))
}

/// Returns the trusted certificates for an address. A pin is looked up in the chain that the
/// controller presents; no byte of a request is sent for that.
///
/// # Errors
/// [`Error::Unavailable`] if there are none.
pub(crate) fn anchors(ca: &Ca, address: &Address) -> Result<Vec<CertificateDer<'static>>, Error> {
    match ca {
        Ca::System => system(),
        Ca::File(path) => from_file(path),
        Ca::Pem(pem) => from_pem(pem.as_bytes(), "the context"),
        Ca::Pin(pin) => pinned(pin, address).map(|certificate| vec![certificate]),
    }
}

/// Returns certificates as PEM.
pub(crate) fn pem(certificates: &[CertificateDer<'_>]) -> String {
    certificates
        .iter()
        .map(|certificate| agent_wire::pem::write("CERTIFICATE", certificate))
        .collect()
}

/// Returns a sentence about the certificates that the controller presents, for an error.
pub(crate) fn presented(address: &Address) -> String {
    match chain(address) {
        Ok(chain) => match chain.last() {
            Some(last) => format!(
                "; it presents {} certificate{}, the last with {}: compare that with \
                 BasicAgentCtl ca status on the controller, then use --ca with it",
                chain.len(),
                if chain.len() == 1 { "" } else { "s" },
                fingerprint(last)
            ),
            None => String::new(),
        },
        Err(_) => String::new(),
    }
}

/// Returns `sha256:` and the digest of a certificate.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    format!("{PIN}{}", Digest::of(certificate))
}

fn system() -> Result<Vec<CertificateDer<'static>>, Error> {
    let named = std::env::var_os(BUNDLE_VARIABLE).map(PathBuf::from);
    if let Some(path) = named {
        return from_file(&path);
    }
    match BUNDLES.iter().map(Path::new).find(|path| path.exists()) {
        Some(path) => from_file(path),
        None => Err(Error::unavailable(
            "this machine has no CA bundle to check the controller with: use --ca",
        )),
    }
}

fn from_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::unavailable_by(format!("CA file {}", path.display()), error))?;
    from_pem(&bytes, &path.display().to_string())
}

fn from_pem(pem: &[u8], source: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(Error::unavailable(format!("{source} has no certificate in PEM"))),
        Err(error) => {
            Err(Error::unavailable(format!("{source} has an unreadable certificate: {error}")))
        }
    }
}

fn pinned(pin: &Digest, address: &Address) -> Result<CertificateDer<'static>, Error> {
    let chain = chain(address)?;
    let found = chain.iter().find(|certificate| Digest::of(certificate) == *pin);
    match found {
        // A certificate that a CA has signed proves nothing about itself, and is replaced often.
        Some(certificate) if Some(certificate) == chain.first() && chain.len() > 1 => {
            Err(Error::unavailable(format!(
                "controller {}: the pinned digest is that of its own certificate, which changes; \
                 pin its CA: {}. Nothing was sent",
                address.base,
                fingerprint(&chain[chain.len() - 1])
            )))
        }
        Some(certificate) => Ok(certificate.clone()),
        None => {
            let shown: Vec<String> = chain.iter().map(|der| fingerprint(der)).collect();
            Err(Error::unavailable(format!(
                "controller {}: no certificate that it presents has the pinned digest; it presents \
                 {}. Nothing was sent",
                address.base,
                shown.join(", ")
            )))
        }
    }
}

/// Returns the certificates that the controller presents, unverified. The handshake ends there.
fn chain(address: &Address) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::unreachable(format!("controller {}: {error}", address.base))
    };
    let recorder = Arc::new(Recorder::default());
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(address.host.clone()).map_err(|error| failed(&error))?;
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|error| failed(&error))?;
    let mut stream = connect(address).map_err(|error| failed(&error))?;
    let end = Instant::now() + LOOK;
    // The recorder's refusal is the expected end; any other end leaves no certificates.
    let mut last = None;
    while recorder.chain().is_empty() && connection.is_handshaking() && Instant::now() < end {
        if let Err(error) = connection.complete_io(&mut stream) {
            last = Some(error);
            break;
        }
    }
    let chain = std::mem::take(&mut *recorder.chain());
    if chain.is_empty() {
        let why = last.map_or_else(|| "no certificate in time".to_owned(), |why| why.to_string());
        return Err(failed(&format_args!("TLS: {why}")));
    }
    Ok(chain)
}

fn connect(address: &Address) -> std::io::Result<TcpStream> {
    let mut last = None;
    for target in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&target, super::CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(LOOK))?;
                stream.set_write_timeout(Some(LOOK))?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("the name has no address")))
}

/// A verifier that keeps the presented certificates and refuses them all, so that nothing follows.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<CertificateDer<'static>>>);

impl Recorder {
    fn chain(&self) -> std::sync::MutexGuard<'_, Vec<CertificateDer<'static>>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn refusal() -> rustls::Error {
        rustls::Error::General("only the certificates were wanted".to_owned())
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.chain() = chain.map(|der| der.clone().into_owned()).collect();
        Err(Self::refusal())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(Self::refusal())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(Self::refusal())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_is_a_file_or_a_digest() {
        assert_eq!(ca("/etc/ca.pem"), Ok(Ca::File("/etc/ca.pem".into())));
        let hex = "ab".repeat(32);
        assert_eq!(ca(&format!("sha256:{hex}")), Ok(Ca::Pin(Digest::from_bytes([0xab; 32]))));
        let colons = vec!["AB"; 32].join(":");
        assert_eq!(ca(&format!("sha256:{colons}")), Ok(Ca::Pin(Digest::from_bytes([0xab; 32]))));
        for wrong in ["sha256:", "sha256:ab", &format!("sha256:{}", "zz".repeat(32))] {
            assert!(ca(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn certificates_survive_the_way_through_pem() {
        let certificate = CertificateDer::from(vec![7; 100]);
        let text = pem(std::slice::from_ref(&certificate));
        assert_eq!(from_pem(text.as_bytes(), "x").unwrap(), [certificate]);
        assert!(from_pem(b"", "x").is_err());
    }
}
