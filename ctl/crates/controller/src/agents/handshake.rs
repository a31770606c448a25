//! One TCP connection on its way to a session (PROTOCOL §2, §3). The first byte tells a plain
//! `init` from a TLS hello; then comes TLS, then the `init` that is authoritative. Each step has a
//! deadline.
//!
//! A peer that sends something else, too much, or nothing is rejected.

use super::certificate;
use super::channel::Channel;
use super::places::Place;
use super::redirect::{self, Redirect};
use super::registry::Registry;
use super::room::Room;
use super::session::Session;
use super::socket;
use super::tls::{ServerSide, Tls};
use crate::log_limit::{LogLimit, log_limited};
use crate::stop::Stop;
use crate::store::Store;
use agent_wire::json::{parse_object, quote};
use agent_wire::message::{Init, InitReply, Response};
use agent_wire::{ALPN, Decoder, Limits, PROTOCOL_VERSION, Retcode};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// The time for each step: first byte and `init`, the TLS handshake, `init` inside TLS.
const STEP: Duration = Duration::from_secs(10);

/// Bytes that a peer may send before it is accepted, before TLS and inside it.
const MAX_BOOTSTRAP: usize = 64 << 10;

/// The time for a host's older session to answer a ping when a newer one comes.
const PROBE: Duration = Duration::from_secs(5);

/// Log lines a minute for connections that did not become sessions. Anybody can cause them.
static REJECTIONS: LogLimit = LogLimit::new(30);

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// The services that a connection uses.
pub(crate) struct Services {
    /// The connected hosts.
    pub(crate) registry: Arc<Registry>,
    /// The addresses that agents are redirected to, if they are.
    pub(crate) redirect: Option<Redirect>,
    /// The server's side of TLS.
    pub(crate) tls: Tls,
    /// The room for unfinished messages.
    pub(crate) room: Room,
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
    /// The connection sent nothing, and another one needed its place.
    Evicted,
    /// The controller is shutting down.
    Stopped,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow(step) => write!(f, "{step}: took longer than {} s", STEP.as_secs()),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Refused(_, why) => f.write_str(why),
            Self::Evicted => f.write_str("sent nothing, and others needed its place"),
            Self::Stopped => f.write_str("the controller is shutting down"),
        }
    }
}

/// A session, its channel, and the server's side of TLS that it follows.
type Admitted = (Arc<Session>, Channel, watch::Receiver<ServerSide>);

/// Serves one connection from its first byte to its end. Gives `opening` back once the connection
/// is a session, and `open` when it is over.
pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    opening: Place,
    open: OwnedSemaphorePermit,
    services: Arc<Services>,
    mut stop: Stop,
) {
    let opened = tokio::select! {
        // On the heap, and freed once it is through: an idle session's task stays small.
        opened = Box::pin(admit(stream, peer, &opening, &services)) => opened,
        () = opening.evicted() => Err(Rejected::Evicted),
        () = stop.requested() => Err(Rejected::Stopped),
    };
    drop(opening);
    match opened {
        Ok(Some((session, channel, tls))) => {
            let host = session.host.clone();
            if let Some(older) = services.registry.enter(&session) {
                log::warn!(
                    "{host}: a new session from {peer} replaces the one from {}",
                    older.address
                );
            } else {
                log::info!("{host}: connected from {peer}");
            }
            let reason = channel.run(&session, &services, tls, &mut stop).await;
            services.registry.leave(&session);
            log::info!("{host}: disconnected from {peer}: {reason}");
        }
        Ok(None) => log::info!("{peer}: redirected"),
        Err(Rejected::Stopped) => {}
        Err(why) => log_limited!(REJECTIONS, info, "{peer}: rejected: {why}"),
    }
    drop(open);
}

/// Takes a connection through bootstrap, TLS and `init`; `None` if the agent was redirected.
async fn admit(
    mut stream: TcpStream,
    peer: SocketAddr,
    place: &Place,
    services: &Services,
) -> Result<Option<Admitted>, Rejected> {
    socket::tune(&stream).map_err(|error| Rejected::Io("socket", error))?;
    let first = step("first message", next_byte(&stream)).await?;
    place.spoken();
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
    let mut tls = services.tls.follow();
    let acceptor = tls.borrow_and_update().acceptor.clone();
    let mut stream = step("TLS handshake", async {
        acceptor.accept(stream).await.map_err(|error| Rejected::Io("TLS handshake", error))
    })
    .await?;
    let mut decoder = Decoder::new(Channel::LIMITS);
    let init = match step("init inside TLS", bound_init(&mut stream, &mut decoder)).await {
        Ok(init) => init,
        Err(why) => return Err(refuse(&mut stream, why).await),
    };
    if let Err(why) = only_one(services, &init.hostname, peer).await {
        return Err(refuse(&mut stream, why).await);
    }
    let reply = redirect::decide(services.redirect.as_ref());
    step("init inside TLS", write(&mut stream, &reply.to_line())).await?;
    if !matches!(reply, InitReply::Accept) {
        socket::close_gracefully(&mut stream).await;
        return Ok(None);
    }
    let session = Arc::new(Session::new(init.hostname, peer, init.version, SystemTime::now()));
    Ok(Some((session, Channel::new(stream, decoder, services), tls)))
}

/// Checks that no other agent serves this host: two agents of one identity (clones of an image that
/// holds a key) would take turns, and each would answer for the other. An agent has one channel, so
/// an older one that answers belongs to another agent; one that does not has lost its network.
async fn only_one(services: &Services, host: &str, peer: SocketAddr) -> Result<(), Rejected> {
    let Some(older) = services.registry.find(host) else { return Ok(()) };
    if !older.answers(PROBE).await {
        return Ok(());
    }
    log::warn!(
        "{host}: rejected a second agent with this identity, from {peer}: the one from {} is alive; \
         if one is a clone of the other, give it a host id and a certificate of its own",
        older.address
    );
    let why = format!(
        "another agent with the identity \"{}\" is connected, from {}; if this host is a clone, give \
         it a host_id and a certificate of its own",
        quote(host),
        older.address
    );
    Err(Rejected::Refused(Retcode::Refused, why))
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
    if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
        let why = "the TLS handshake must negotiate the ALPN protocol basicagent/1".to_owned();
        return Err(Rejected::Refused(Retcode::Refused, why));
    }
    let init = read_init(stream, decoder).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if certificates.first().is_some_and(|leaf| certificate::speaks_for(leaf, &init.hostname)) {
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
                let init = Init::parse(&map).map_err(|error| {
                    Rejected::Refused(Retcode::InvalidParams, error.to_string())
                })?;
                return check_version(init);
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

/// Rejects a version of the protocol that this controller does not speak; absent means 1.
fn check_version(init: Init) -> Result<Init, Rejected> {
    match init.protocol {
        None => Ok(init),
        Some(version) if version == u64::from(PROTOCOL_VERSION) => Ok(init),
        Some(version) => {
            let why = format!(
                "protocol {version} is not supported: this controller speaks version \
                 {PROTOCOL_VERSION}; upgrade it before its agents"
            );
            Err(Rejected::Refused(Retcode::InvalidParams, why))
        }
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
