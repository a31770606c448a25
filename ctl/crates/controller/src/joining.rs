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
    /// Names the server as its certificate does: by the address that agents connect to, if that is
    /// among its names, or else by the first of them.
    pub(crate) fn new(listen: SocketAddr, names: &[String], ca: Arc<Ca>) -> Self {
        Self { server: server(listen, names), ca }
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

fn server(listen: SocketAddr, names: &[String]) -> String {
    let is_named = names.iter().any(|name| name.parse() == Ok(listen.ip()));
    match names.first().filter(|_| !is_named) {
        None => listen.to_string(),
        Some(name) => match name.parse() {
            Ok(address) => SocketAddr::new(address, listen.port()).to_string(),
            Err(_) => format!("{name}:{}", listen.port()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_server_as_its_certificate_does() {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (listen, given, wanted) in [
            ("[::]:7443", "c.example localhost 127.0.0.1 ::1", "c.example:7443"),
            ("127.0.0.1:7443", "c.example localhost 127.0.0.1 ::1", "127.0.0.1:7443"),
            ("[::1]:7443", "c.example localhost 127.0.0.1 ::1", "[::1]:7443"),
            ("10.0.0.5:7443", "c.example localhost 127.0.0.1 ::1", "c.example:7443"),
            ("127.0.0.1:7443", "localhost", "localhost:7443"),
            ("0.0.0.0:7443", "10.0.0.5 c.example", "10.0.0.5:7443"),
            ("[::]:7443", "fd00::5", "[fd00::5]:7443"),
            ("10.0.0.5:7443", "", "10.0.0.5:7443"),
        ] {
            assert_eq!(server(listen.parse().unwrap(), &names(given)), wanted, "{listen} {given}");
        }
    }
}
