//! One TCP connection on its way to a session (§2, §3): the first byte tells a plain `init` from a
//! TLS hello; then TLS, then the `init` that is believed. A deadline for each step.
//!
//! Refuses without ceremony: whoever sends anything else, too much, or nothing.

use crate::agents::registry::Hosts;
use super::redirect::{self, Redirect};
use crate::agents::{Channel, Session};
use crate::stop::Stop;
use crate::store::Store;
use crate::agents::tls;
use agent_wire::json::{parse_object, quote};
use agent_wire::message::{Init, InitReply, Response};
use agent_wire::{Decoder, Limits, Retcode};
use socket2::{SockRef, TcpKeepalive};
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

/// How long a peer may take for each step: its first byte and `init`, the TLS handshake, `init` inside TLS.
const STEP: Duration = Duration::from_secs(10);

/// Bytes a peer may send before it is accepted, before TLS and inside it.
const MAX_BOOTSTRAP: usize = 64 << 10;

/// How long the last words to a peer may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The first byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// A silent peer is probed after this long…
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// …then this often…
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// …and is given up when nothing was acknowledged for so long: within 30 s in all (§3).
const USER_TIMEOUT: Duration = Duration::from_secs(20);

/// What every connection is served with.
pub(crate) struct Shared {
    /// Where an accepted agent is entered.
    pub(crate) hosts: Arc<Hosts>,
    /// The policy.
    pub(crate) redirect: Option<Redirect>,
    /// The server's side of TLS.
    pub(crate) tls: TlsAcceptor,
    /// Where results go.
    pub(crate) store: Arc<Store>,
}

/// Why a connection came to nothing.
#[derive(Debug)]
enum Rejected {
    TooSlow(&'static str),
    Io(&'static str, io::Error),
    /// It was answered with this.
    Refused(Retcode, String),
    Stopped,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSlow(step) => write!(f, "{step}: took longer than {} s", STEP.as_secs()),
            Self::Io(step, error) => write!(f, "{step}: {error}"),
            Self::Refused(_, why) => f.write_str(why),
            Self::Stopped => f.write_str("the controller stops"),
        }
    }
}

/// Serves one connection from its first byte to its end. `opening` is given back once it is a session,
/// `open` when it is over.
pub(crate) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    opening: OwnedSemaphorePermit,
    open: OwnedSemaphorePermit,
    shared: Arc<Shared>,
    mut stop: Stop,
) {
    let opened = tokio::select! {
        // On the heap, and gone once it is through: an idle session's task stays small.
        opened = Box::pin(way_in(stream, peer, &shared)) => opened,
        () = stop.said() => Err(Rejected::Stopped),
    };
    drop(opening);
    match opened {
        Ok(Some((session, channel))) => {
            let id = session.id.clone();
            if let Some(older) = shared.hosts.enter(&session) {
                log::warn!("{id}: a newer session from {peer} replaces the one from {}", older.address);
            } else {
                log::info!("{id}: connected from {peer}");
            }
            let end = channel.run(&session, &shared.store, &mut stop).await;
            shared.hosts.leave(&session);
            log::info!("{id}: session from {peer} ended: {end}");
        }
        Ok(None) => log::info!("{peer}: redirected"),
        Err(Rejected::Stopped) => {}
        Err(why) => log::info!("{peer}: {why}"),
    }
    drop(open);
}

async fn way_in(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: &Shared,
) -> Result<Option<(Arc<Session>, Channel)>, Rejected> {
    tune(&stream).map_err(|error| Rejected::Io("socket", error))?;
    let first = step("first message", next_byte(&stream)).await?;
    if first != TLS_HANDSHAKE {
        match step("first message", plain_init(&mut stream, shared)).await {
            Ok(InitReply::Accept) => {}
            Ok(_) => {
                goodbye(&mut stream).await;
                return Ok(None);
            }
            Err(why) => return Err(refuse(&mut stream, why).await),
        }
        step("TLS hello", skip_blanks(&mut stream)).await?;
    }
    let mut stream = step("TLS handshake", async {
        shared.tls.accept(stream).await.map_err(|error| Rejected::Io("TLS handshake", error))
    })
    .await?;
    let mut decoder = Decoder::new(Channel::LIMITS);
    let init = match step("init inside TLS", bound_init(&mut stream, &mut decoder)).await {
        Ok(init) => init,
        Err(why) => return Err(refuse(&mut stream, why).await),
    };
    let answer = redirect::decide(shared.redirect.as_ref());
    step("init inside TLS", write(&mut stream, &answer.to_line())).await?;
    if !matches!(answer, InitReply::Accept) {
        goodbye(&mut stream).await;
        return Ok(None);
    }
    let session = Arc::new(Session::new(init.hostname, peer, init.version, SystemTime::now()));
    Ok(Some((session, Channel::new(stream, decoder))))
}

/// Small answers at once; a vanished peer noticed, also with bytes on their way to it.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL).with_retries(3),
    )?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

async fn step<T>(
    name: &'static str,
    doing: impl Future<Output = Result<T, Rejected>>,
) -> Result<T, Rejected> {
    timeout(STEP, doing).await.unwrap_or(Err(Rejected::TooSlow(name)))
}

/// The next byte, left where it is.
async fn next_byte(stream: &TcpStream) -> Result<u8, Rejected> {
    let mut byte = [0];
    match stream.peek(&mut byte).await {
        Ok(0) => Err(Rejected::Io("first message", io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(byte[0]),
        Err(error) => Err(Rejected::Io("first message", error)),
    }
}

/// The exchange before TLS, which is trusted with nothing.
async fn plain_init(stream: &mut TcpStream, shared: &Shared) -> Result<InitReply, Rejected> {
    let mut decoder = Decoder::new(Limits { max_message: MAX_BOOTSTRAP, ..Limits::default() });
    read_init(stream, &mut decoder).await?;
    if !decoder.is_drained() {
        return Err(Rejected::Refused(
            Retcode::InvalidParams,
            "init is answered before TLS may start".to_owned(),
        ));
    }
    let answer = redirect::decide(shared.redirect.as_ref());
    write(stream, &answer.to_line()).await?;
    Ok(answer)
}

/// The white space that may end a plain `init` after its answer, up to the first byte of the TLS hello.
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
    Err(Rejected::Io("TLS hello", io::Error::other("something else than TLS follows accept")))
}

/// The `init` that is believed: the certificate has to name its host.
async fn bound_init(stream: &mut TlsStream<TcpStream>, decoder: &mut Decoder) -> Result<Init, Rejected> {
    let init = read_init(stream, decoder).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    if certificates.first().is_some_and(|leaf| tls::speaks_for(leaf, &init.hostname)) {
        Ok(init)
    } else {
        let why = format!("the certificate does not name the host \"{}\"", quote(&init.hostname));
        Err(Rejected::Refused(Retcode::Refused, why))
    }
}

/// Reads up to a whole `init`, from at most [`MAX_BOOTSTRAP`] bytes.
async fn read_init(stream: &mut (impl AsyncRead + Unpin), decoder: &mut Decoder) -> Result<Init, Rejected> {
    let mut read = 0;
    loop {
        match decoder.next_message() {
            Ok(Some(text)) => {
                let map =
                    parse_object(text).map_err(|error| Rejected::Refused(error.retcode, error.message))?;
                return Init::parse(&map)
                    .map_err(|error| Rejected::Refused(Retcode::InvalidParams, error.to_string()));
            }
            Ok(None) if read >= MAX_BOOTSTRAP => {
                let why = format!("no whole init within {MAX_BOOTSTRAP} bytes");
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
    written.await.map_err(|error| Rejected::Io("answer to init", error))
}

/// Tells the peer why, where there is something to tell, and closes.
async fn refuse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), why: Rejected) -> Rejected {
    if let Rejected::Refused(retcode, message) = &why {
        let answer = InitReply::Refused(Response::failed(None, *retcode, message)).to_line();
        if let Ok(Ok(())) = timeout(GOODBYE, write(stream, &answer)).await {
            goodbye(stream).await;
        }
    }
    why
}

/// Ends our direction and waits, a bounded time, for the peer to end its own: closing over bytes that
/// nobody read would send a reset, and the peer might lose our last words to it.
pub(crate) async fn goodbye(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let ended = async {
        if stream.shutdown().await.is_ok() {
            let mut left = MAX_BOOTSTRAP;
            let mut chunk = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                left = left.saturating_sub(count);
                if left == 0 {
                    break;
                }
            }
        }
    };
    let _ = timeout(GOODBYE, ended).await;
}
