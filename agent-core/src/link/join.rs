//! The connections by which a host joins, or recovers when its certificate's time is over (§9).
//!
//! The files are written before the server is asked and after it has answered, each time under the
//! lock of the identity's folder, which is free while the server takes its time.

use super::error::Error;
use super::plain::Plain;
use super::resolve::Target;
use super::tls::HANDSHAKE_TIMEOUT;
use super::{anchor, refusal};
use crate::config::Anchor;
use crate::enroll::{self, Folder, HostKey, Joined, Record};
use agent_wire::json::{parse_object, sentence};
use agent_wire::message::{
    Enroll, EnrollReply, EnrollRequest, Issued, Joiner, MAX_ENROLL_REPLY, RECOVER_EXPORTER,
    Recover, TokenText, line,
};
use agent_wire::{Decoder, Limits};
use ring::digest::{SHA256, digest};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

/// How long the server may take to answer, beyond the wait for an operator's approval.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a host that joins says and shows.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) folder: Folder,
    pub(crate) token: TokenText,
    pub(crate) anchor: Anchor,
    /// The id that the host would like to have.
    pub(crate) wanted: Option<String>,
    /// What is kept beside key and certificate.
    pub(crate) record: Record,
    pub(crate) joiner: Joiner,
}

/// Asks one server to let the host join, and keeps the identity that it gives.
///
/// # Errors
/// [`Error::Pending`] and [`Error::Refused`] are the server's answers; [`Error::Unverified`] is a
/// server that got nothing.
pub(crate) async fn join(target: &Target, application: &Application) -> Result<Issued, Error> {
    let Application { folder, record, .. } = application;
    let (folder, first) = (folder.clone(), record.clone());
    let anchor = application.anchor.clone();
    let (key, client) = blocking(move || {
        let client = anchor::client(&anchor)?;
        Ok((folder.lock()?.begin(&first)?, client))
    })
    .await?;
    let request = EnrollRequest::Enroll(Enroll {
        token: application.token.clone(),
        csr: key.request()?,
        hostname: application.wanted.clone(),
        joiner: application.joiner.clone(),
    });
    let anchor = application.anchor.words();
    let reply = exchange(target, client, &anchor, |_| Ok(request)).await?;
    let issued = accepted(target, reply)?;
    let (folder, record, stored) =
        (application.folder.clone(), application.record.clone(), issued.clone());
    blocking(move || Ok(folder.lock()?.complete(&stored, &record)?)).await?;
    Ok(issued)
}

/// Asks one server for a certificate with the key of one whose time is over, and keeps it.
///
/// # Errors
/// As those of [`join`].
pub(super) async fn recover(
    target: &Target,
    folder: &Folder,
    joined: &Joined,
    rejects_next: bool,
    joiner: &Joiner,
) -> Result<(), Error> {
    let anchor = Anchor::File(joined.ca.clone());
    let (of_folder, words) = (folder.clone(), anchor.words());
    let (bound, next, client) = blocking(move || {
        let locked = of_folder.lock()?;
        let joined = locked.joined()?.ok_or(enroll::Error::NotEnrolled)?;
        let mut pair = joined.pair(rejects_next).clone();
        if pair.is_next {
            // The key of the renewal becomes the one in use, so that another can follow it.
            locked.promote()?;
            let settled = locked.joined()?.ok_or(enroll::Error::NotEnrolled)?;
            pair = settled.pairs[0].clone();
        }
        let bound = of_folder.key_of(&pair)?;
        Ok((bound, locked.begin_renewal()?, anchor::client(&anchor)?))
    })
    .await?;
    let csr = next.request()?;
    let (hostname, joiner) = (joined.host_id.clone(), joiner.clone());
    let reply = exchange(target, client, &words, move |stream| {
        let signature = prove(stream, &bound, &csr, target)?;
        let key = bound.public();
        Ok(EnrollRequest::Recover(Recover { hostname, csr, key, signature, joiner }))
    })
    .await?;
    let issued = accepted(target, reply)?;
    let folder = folder.clone();
    blocking(move || Ok(folder.lock()?.complete_renewal(&issued)?)).await
}

/// Signs the connection's keying material and the request, so that the proof is good for this
/// connection alone.
fn prove(
    stream: &TlsStream<Plain>,
    bound: &HostKey,
    csr: &[u8],
    target: &Target,
) -> Result<Vec<u8>, Error> {
    let (_, connection) = stream.get_ref();
    let exporter = connection
        .export_keying_material([0; 32], RECOVER_EXPORTER, None)
        .map_err(|error| Error::Protocol { peer: target.address, why: error.to_string() })?;
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, csr).as_ref());
    Ok(bound.sign(&Recover::signed(&exporter, &sum))?.as_ref().to_vec())
}

/// Returns what the server gave, or its answer as an error.
fn accepted(target: &Target, reply: EnrollReply) -> Result<Issued, Error> {
    match reply {
        EnrollReply::Enrolled(issued) => Ok(issued),
        EnrollReply::Pending { host_id, retry_after } => {
            Err(Error::Pending { host_id, retry_after: Duration::from_secs(retry_after) })
        }
        EnrollReply::Refused { retcode, message, retry_after } => Err(Error::Refused {
            peer: target.address,
            retcode,
            message: sentence(&message),
            retry_after: retry_after.map(Duration::from_secs),
        }),
    }
}

/// Connects, verifies the server, sends the one request and reads the one reply.
async fn exchange(
    target: &Target,
    client: ClientConfig,
    anchor: &str,
    request: impl FnOnce(&TlsStream<Plain>) -> Result<EnrollRequest, Error>,
) -> Result<EnrollReply, Error> {
    let peer = target.address;
    let plain = Plain::connect(peer).await?;
    let handshake = TlsConnector::from(Arc::new(client)).connect(target.name.clone(), plain);
    let mut stream = match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(source)) => return Err(refusal::explain_joining(peer, source, anchor)),
        Err(_) => return Err(Error::TooSlow { peer, what: "the TLS handshake" }),
    };
    if stream.get_ref().1.alpn_protocol() != Some(agent_wire::ENROLL_ALPN) {
        return Err(Error::Protocol { peer, why: refusal::NO_JOINING.to_owned() });
    }
    let request = request(&stream)?;
    let within = ANSWER_TIMEOUT + Duration::from_secs(request.joiner().wait);
    let asked = tokio::time::timeout(within, ask(&mut stream, &request, target)).await;
    let reply =
        asked.map_err(|_| Error::TooSlow { peer, what: "the answer to the host that joins" })?;
    // The server closes first, and has said all it has to say.
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.shutdown()).await;
    reply
}

async fn ask(
    stream: &mut TlsStream<Plain>,
    request: &EnrollRequest,
    target: &Target,
) -> Result<EnrollReply, Error> {
    let peer = target.address;
    let failed = |source| Error::Connection { peer, source };
    let refused = |why: String| Error::Protocol { peer, why };
    let mut out = Vec::new();
    line(request, &mut out);
    stream.write_all(&out).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let mut decoder = Decoder::new(Limits { max_message: MAX_ENROLL_REPLY, ..Limits::default() });
    let mut buffer = [0; 4096];
    loop {
        if let Some(text) = decoder.next_message().map_err(|error| refused(error.to_string()))? {
            let map = parse_object(text).map_err(|error| refused(error.to_string()))?;
            return EnrollReply::parse(&map).map_err(|error| refused(error.to_string()));
        }
        match stream.read(&mut buffer).await.map_err(failed)? {
            0 => return Err(refused("it closed without an answer".to_owned())),
            count => decoder.push(&buffer[..count]),
        }
    }
}

/// Runs work with files on a thread where it may wait for a disk or a lock.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime ends, or the work panicked, which the log has.
        Err(_) => Err(Error::Identity(enroll::Error::Stopping)),
    }
}

impl From<enroll::Error> for Error {
    fn from(error: enroll::Error) -> Self {
        Self::Identity(error)
    }
}
