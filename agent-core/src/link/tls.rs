//! TLS to the server: the handshake, and the check that the server speaks our protocol (§3).

use super::Error;
use super::identity::Cache;
use super::plain::Plain;
use super::resolve::Target;
use super::{identity, refusal};
use crate::config::{TlsFiles, TlsVersion};
use crate::enroll::Upkeep;
use std::time::Duration;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a handshake may take, from the agent's hello.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Does the handshake with these files, and verifies the peer against the CAs and the target's
/// name. An operator's own certificate becomes part of the host's standing.
pub(super) async fn connect(
    stream: Plain,
    target: &Target,
    host_id: &str,
    files: &TlsFiles,
    min_version: TlsVersion,
    cache: &mut Cache,
    upkeep: &Upkeep,
) -> Result<TlsStream<Plain>, Error> {
    let peer = target.address;
    let of_reader = files.clone();
    // Reading the files may take a while.
    let read = tokio::task::spawn_blocking(move || identity::load(&of_reader, min_version));
    let identity = read.await.map_err(|panic| Error::Connection { peer, source: panic.into() })?;
    let identity = identity?;
    for problem in identity.skipped.iter().chain(&identity.mismatch(host_id)) {
        log::warn!("{problem}");
    }
    if let (false, Some(leaf)) = (files.enrolled, &identity.leaf) {
        upkeep.stand(|standing| standing.certificate(leaf));
    }
    let connector = TlsConnector::from(cache.client(&identity));
    let handshake = connector.connect(target.name.clone(), stream);
    let stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(refusal::explain(peer, source, files)),
        Err(_) => return Err(Error::TooSlow { peer, what: "the TLS handshake" }),
    };
    // A server without ALPN leaves it out (RFC 7301 §3.2), and is not ours.
    match stream.get_ref().1.alpn_protocol() {
        Some(agent_wire::ALPN) => Ok(stream),
        _ => Err(Error::Protocol { peer, why: refusal::NO_ALPN.to_owned() }),
    }
}

/// Returns the DNS names in the server's certificate, which the handshake has verified.
pub(super) fn names_of_peer(stream: &TlsStream<Plain>) -> Vec<String> {
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let leaf = certificates.first().and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok());
    leaf.map(|leaf| leaf.valid_dns_names().map(str::to_owned).collect()).unwrap_or_default()
}
