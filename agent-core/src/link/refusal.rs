//! Says in plain words why a TLS handshake failed, and which side has to change what.

use super::Error;
use super::anchor::NotPinned;
use crate::config::TlsFiles;
use std::io;
use std::net::SocketAddr;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// Where the server does not answer with our ALPN protocol.
pub(super) const NO_ALPN: &str =
    "it does not speak basicagent/1 (TLS ALPN); is it another service?";

/// Where the server lets no host join on this port.
pub(super) const NO_JOINING: &str = "it does not speak basicagent-enroll/1 (TLS ALPN); is it a \
                                     BasicAgentController that lets hosts join?";

/// Turns the error of a handshake, or of a channel's first bytes, into a sentence that names the
/// file or setting to look at.
pub(super) fn explain(peer: SocketAddr, error: io::Error, tls: &TlsFiles) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let why = match inner {
        Some(rustls::Error::InvalidCertificate(why)) => {
            certificate(why, &tls.ca.display().to_string())
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            let why = alert_words(*alert, tls);
            if rejects_certificate(*alert) {
                let is_expired = *alert == AlertDescription::CertificateExpired;
                return Error::Rejected { peer, why, is_expired };
            }
            why
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            "it answered with something that is not TLS; does `bootstrap` fit this server?"
                .to_owned()
        }
        _ => return Error::Connection { peer, source: error },
    };
    Error::Protocol { peer, why }
}

/// Does the same where a host joins: `anchor` is the pin or the file of CAs.
pub(super) fn explain_joining(peer: SocketAddr, error: io::Error, anchor: &str) -> Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => Error::Unverified {
            peer,
            why: format!("{}; nothing was sent", certificate(why, anchor)),
        },
        Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            Error::Protocol { peer, why: NO_JOINING.to_owned() }
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::Protocol { peer, why: format!("it ended the TLS handshake ({alert:?})") }
        }
        Some(rustls::Error::InvalidMessage(_)) => {
            let why = "it answered with something that is not TLS; is it a BasicAgentController?";
            Error::Protocol { peer, why: why.to_owned() }
        }
        _ => Error::Connection { peer, source: error },
    }
}

/// Returns whether an alert is the server's verdict on the agent's certificate.
fn rejects_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::UnknownCA
            | AlertDescription::CertificateExpired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
    )
}

fn certificate(why: &CertificateError, anchor: &str) -> String {
    let why = match why {
        CertificateError::UnknownIssuer => format!("it comes from none of the CAs in {anchor}"),
        CertificateError::BadSignature => {
            format!("its signature is not of the CA in {anchor} that it names")
        }
        CertificateError::Other(other) if other.0.is::<NotPinned>() => {
            format!("no certificate of its chain is the pinned one, {anchor}")
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

fn alert_words(alert: AlertDescription, tls: &TlsFiles) -> String {
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
