//! One TCP connection on its way to a session (PROTOCOL §2, §3). The first byte tells a plain
//! `init` from a TLS hello; then comes TLS, then the `init` that is authoritative. Each step has a
//! deadline.
//!
//! A peer that sends something else, too much, or nothing is rejected.

use super::channel::Channel;
use super::redirect::{self, Redirect};
use super::registry::Registry;
use super::session::Session;
use super::{socket, tls};
use crate::stop::Stop;
use crate::store::Store;
use agent_wire::json::{parse_object, quote};
use agent_wire::message::{Init, InitReply, Response};
use agent_wire::{Decoder, Limits, Retcode};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The time for each step: first byte and `init`, the TLS handshake, `init` inside TLS.
const STEP: Duration = Duration::from_secs(10);

/// Bytes that a peer may send before it is accepted, before TLS and inside it.
const MAX_BOOTSTRAP: usize = 64 << 10;

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// The services that a connection uses.
pub(crate) struct Services {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The addresses that agents are redirected to, if they are.
    pub(crate) redirect: Option<Redirect>,
    /// The server's side of TLS.
    pub(crate) tls: TlsAcceptor,
    /// The store of results.
    pub(crate) store: Arc<dyn Store>,
}

/// Why a connection did not become a session.
#[derive(Debug)]
enum Rejected {
    /// The step took too long.
    TooSlow(&'static str),
    /// The step failed.
    Io(&'static str, io::Error),
    /// The peer's message was answered with this.
    Refused(Retcode, String),
    /// The controller is shutting down.
    Stopped,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow(step) => write!(f, "{step}: took longer than {} s", STEP.as_secs()),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Refused(_, why) => f.write_str(why),
            Self::Stopped => f.write_str("the controller is shutting down"),
        }
    }
}

/// Serves one connection from its first byte to its end. Gives `opening` back once the connection
/// is a session, and `open` when it is over.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    opening: OwnedSemaphorePermit,
    open: OwnedSemaphorePermit,
    services: Arc<Services>,
    mut stop: Stop,
) {
    let opened = tokio::select! {
        // On the heap, and freed once it is through: an idle session's task stays small.
        opened = Box::pin(admit(stream, peer, &services)) => opened,
        () = stop.requested() => Err(Rejected::Stopped),
    };
    drop(opening);
    match opened {
        Ok(Some((session, channel))) => {
            let host = session.host.clone();
            if let Some(older) = services.registry.enter(&session) {
                log::warn!(
                    "{host}: a new session from {peer} replaces the one from {}",
                    older.address
                );
            } else {
                log::info!("{host}: connected from {peer}");
            }
            let reason = channel.run(&session, &*services.store, &mut stop).await;
            services.registry.leave(&session);
            log::info!("{host}: disconnected from {peer}: {reason}");
        }
        Ok(None) => log::info!("{peer}: redirected"),
        Err(Rejected::Stopped) => {}
        Err(why) => log::info!("{peer}: rejected: {why}"),
    }
    drop(open);
}

/// Takes a connection through bootstrap, TLS and `init`; `None` if the agent was redirected.
async fn admit(
    mut stream: TcpStream,
    peer: SocketAddr,
    services: &Services,
) -> Result<Option<(Arc<Session>, Channel)>, Rejected> {
    socket::tune(&stream).map_err(|error| Rejected::Io("socket", error))?;
    let first = step("first message", next_byte(&stream)).await?;
    if first != TLS_HANDSHAKE {
        match step("first message", plain_init(&mut stream, services)).await {
            Ok(InitReply::Accept) => {}
            Ok(_) => {
                socket::close_gracefully(&mut stream).await;
                return Ok(None);
            }
            Err(why) => return Err(refuse(&mut stream, why).await),
        }
        step("TLS hello", skip_blanks(&mut stream)).await?;
    }
    let mut stream = step("TLS handshake", async {
        services.tls.accept(stream).await.map_err(|error| Rejected::Io("TLS handshake", error))
    })
    .await?;
    let mut decoder = Decoder::new(Channel::LIMITS);
    let init = match step("init inside TLS", bound_init(&mut stream, &mut decoder)).await {
        Ok(init) => init,
        Err(why) => return Err(refuse(&mut stream, why).await),
    };
    let reply = redirect::decide(services.redirect.as_ref());
    step("init inside TLS", write(&mut stream, &reply.to_line())).await?;
    if !matches!(reply, InitReply::Accept) {
        socket::close_gracefully(&mut stream).await;
        return Ok(None);
    }
    let session = Arc::new(Session::new(init.hostname, peer, init.version, SystemTime::now()));
    Ok(Some((session, Channel::new(stream, decoder))))
}

async fn step<T>(
    name: &'static str,
    doing: impl Future<Output = Result<T, Rejected>>,
) -> Result<T, Rejected> {
    timeout(STEP, doing).await.unwrap_or(Err(Rejected::TooSlow(name)))
}

/// Returns the next byte and leaves it in the stream.
async fn next_byte(stream: &TcpStream) -> Result<u8, Rejected> {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) => Err(Rejected::Io("first message", io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(byte[0]),
        Err(error) => Err(Rejected::Io("first message", error)),
    }
}

/// Answers the `init` before TLS. Nothing that the peer says there is trusted.
async fn plain_init(stream: &mut TcpStream, services: &Services) -> Result<InitReply, Rejected> {
    let mut decoder = Decoder::new(Limits { max_message: MAX_BOOTSTRAP, ..Limits::default() });
    read_init(stream, &mut decoder).await?;
    if !decoder.is_drained() {
        return Err(Rejected::Refused(
            Retcode::InvalidParams,
            "bytes follow init; wait for its reply before starting TLS".to_owned(),
        ));
    }
    let reply = redirect::decide(services.redirect.as_ref());
    write(stream, &reply.to_line()).await?;
    Ok(reply)
}

/// Skips the white space that may end a plain `init` after its reply, up to the first byte of the
/// TLS hello.
async fn skip_blanks(stream: &mut TcpStream) -> Result<(), Rejected> {
    for _ in 0..MAX_BOOTSTRAP {
        match next_byte(stream).await? {
            TLS_HANDSHAKE => return Ok(()),
            b' ' | b'\t' | b'\r' | b'\n' => {
                stream.read_u8().await.map_err(|error| Rejected::Io("TLS hello", error))?;
            }
            _ => break,
        }
    }
    Err(Rejected::Io("TLS hello", io::Error::other("expected a TLS hello after accept")))
}

/// Reads the `init` inside TLS, which is authoritative: the certificate must name its host.
async fn bound_init(
    stream: &mut TlsStream<TcpStream>,
    decoder: &mut Decoder,
) -> Result<Init, Rejected> {
    let init = read_init(stream, decoder).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if certificates.first().is_some_and(|leaf| tls::speaks_for(leaf, &init.hostname)) {
        Ok(init)
    } else {
        let why = format!("the certificate does not name the host \"{}\"", quote(&init.hostname));
        Err(Rejected::Refused(Retcode::Refused, why))
    }
}

/// Reads one `init` from at most [`MAX_BOOTSTRAP`] bytes.
async fn read_init(
    stream: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> Result<Init, Rejected> {
    let mut read = 0;
    loop {
        match decoder.next_message() {
            Ok(Some(text)) => {
                let map = parse_object(text)
                    .map_err(|error| Rejected::Refused(error.retcode, error.message))?;
                return Init::parse(&map)
                    .map_err(|error| Rejected::Refused(Retcode::InvalidParams, error.to_string()));
            }
            Ok(None) if read >= MAX_BOOTSTRAP => {
                let why = format!("init is longer than {MAX_BOOTSTRAP} bytes");
                return Err(Rejected::Refused(Retcode::TooLarge, why));
            }
            Ok(None) => {}
            Err(error) => return Err(Rejected::Refused(error.retcode, error.message)),
        }
        let mut chunk = [0; 1024];
        let count = stream.read(&mut chunk).await.map_err(|error| Rejected::Io("init", error))?;
        if count == 0 {
            return Err(Rejected::Io("init", io::ErrorKind::UnexpectedEof.into()));
        }
        read += count;
        decoder.push(&chunk[..count]);
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), Rejected> {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    written.await.map_err(|error| Rejected::Io("reply to init", error))
}

/// Tells the peer why it is rejected, if it sent a message, and closes the connection.
async fn refuse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), why: Rejected) -> Rejected {
    if let Rejected::Refused(retcode, message) = &why {
        let reply = InitReply::Refused(Response::failed(None, *retcode, message)).to_line();
        if let Ok(Ok(())) = timeout(socket::GOODBYE, write(stream, &reply)).await {
            socket::close_gracefully(stream).await;
        }
    }
    why
}
