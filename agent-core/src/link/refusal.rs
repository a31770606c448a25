//! Says in plain words why a TLS handshake failed, and which side has to change what.

use super::Error;
use crate::config::TlsSettings;
use std::io;
use std::net::SocketAddr;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// Where the server does not answer with our ALPN protocol.
pub(super) const NO_ALPN: &str =
    "it does not speak basicagent/1 (TLS ALPN); is it another service?";

/// Turns the error of a handshake into a sentence that names the file or setting to look at.
pub(super) fn explain(peer: SocketAddr, error: io::Error, tls: &TlsSettings) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let why = match inner {
        Some(rustls::Error::InvalidCertificate(why)) => certificate(why, tls),
        Some(rustls::Error::AlertReceived(alert)) => alert_words(*alert, tls),
        Some(rustls::Error::InvalidMessage(_)) => {
            "it answered with something that is not TLS; does `bootstrap` fit this server?"
                .to_owned()
        }
        _ => return Error::Connection { peer, source: error },
    };
    Error::Protocol { peer, why }
}

fn certificate(why: &CertificateError, tls: &TlsSettings) -> String {
    let why = match why {
        CertificateError::UnknownIssuer => {
            format!("it comes from none of the CAs in {}", tls.ca.display())
        }
        CertificateError::BadSignature => {
            format!("its signature is not of the CA in {} that it names", tls.ca.display())
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("{why} (by this host's clock)")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("{why} (by this host's clock)")
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "it is signed with an algorithm that the agent cannot verify; RSA of 2048 to 8192 bits, \
             the curves P-256 and P-384, and Ed25519, with SHA-2, work"
                .to_owned()
        }
        CertificateError::BadEncoding => {
            "it is damaged, or not an X.509 certificate of version 3".to_owned()
        }
        other => other.to_string(),
    };
    format!("the server's certificate was rejected: {why}")
}

fn alert_words(alert: AlertDescription, tls: &TlsSettings) -> String {
    let own = tls.cert.display();
    match alert {
        AlertDescription::NoApplicationProtocol => NO_ALPN.to_owned(),
        AlertDescription::CertificateRequired => {
            format!("it requires a certificate, but this agent has none at {own}")
        }
        AlertDescription::UnknownCA => {
            format!("it does not know the CA that issued this agent's certificate, {own}")
        }
        AlertDescription::CertificateExpired => {
            format!("this agent's certificate, {own}, has expired by the server's clock")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError => {
            format!("it rejected this agent's certificate, {own} ({alert:?})")
        }
        AlertDescription::ProtocolVersion => {
            "it speaks no TLS version that tls.min_version allows".to_owned()
        }
        other => format!("it ended the TLS handshake ({other:?})"),
    }
}
