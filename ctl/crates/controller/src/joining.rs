//! The line that joins a host, as it is with the present CA.

use crate::identity::Ca;
use fleet::Digest;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::net::SocketAddr;
use std::sync::Arc;

/// How hosts join this controller.
#[derive(Debug)]
pub(crate) struct Joining {
    /// The server's address as hosts find it.
    server: String,
    ca: Arc<Ca>,
}

/// The line without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The command.
    pub(crate) command: String,
    /// The pin in it.
    pub(crate) pin: String,
}

impl Joining {
    /// Names the server: by the address that agents connect to, or by the first of its names where
    /// it listens on all addresses.
    pub(crate) fn new(listen: SocketAddr, names: &[String], ca: Arc<Ca>) -> Self {
        let server = match names.first() {
            Some(name) if listen.ip().is_unspecified() => match name.parse() {
                Ok(address) => SocketAddr::new(address, listen.port()).to_string(),
                Err(_) => format!("{name}:{}", listen.port()),
            },
            _ => listen.to_string(),
        };
        Self { server, ca }
    }

    /// Returns the line; `None` where no host can join.
    pub(crate) fn line(&self) -> Option<Line> {
        let issuance = self.ca.current();
        let bundle = issuance.bundle.as_deref()?;
        let pin = match issuance.server_chain() {
            Some(_) => issuance.pin(),
            // Another CA signed the server's certificate.
            None => {
                let root = CertificateDer::from_pem_slice(bundle.as_bytes()).ok()?;
                Digest::of(&root).to_string()
            }
        };
        let pin = format!("sha256:{pin}");
        let command = format!("BasicAgent enroll --server {} --ca {pin}", self.server);
        Some(Line { command, pin })
    }
}
