//! One simulated agent.

use super::jobs::Jobs;
use super::tasks::Tasks;
use agent_wire::json::parse_object;
use agent_wire::message::{Init, InitReply, line};
use agent_wire::{Decoder, Limits};
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::HandshakeKind;
use rustls_pki_types::ServerName;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The time for each answer of a server.
const STEP: Duration = Duration::from_secs(10);

/// The longest first wait after a channel was lost, and the longest of all.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The first exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bootstrap {
    Plain,
    Tls,
}

/// How a try ended.
pub(crate) enum Outcome {
    /// The channel stands.
    Open(Box<TlsStream<TcpStream>>, Decoder, HandshakeKind),
    /// The server asks to come back after so many seconds.
    Busy(u64),
    /// The server sends the agent to another one.
    Elsewhere,
}

/// How a bootstrap ended.
enum Begun {
    /// The server waits for a TLS hello.
    Accepted(TcpStream),
    /// The server asks to come back after so many seconds.
    Busy(u64),
    /// The server sends the agent to another one.
    Elsewhere,
}

/// One simulated agent.
pub(crate) struct Member {
    pub(crate) id: String,
    source: Ipv4Addr,
    config: Arc<ClientConfig>,
    /// Tried in turn.
    servers: Mutex<Vec<SocketAddr>>,
    /// Where the server has sent it: tried first, once.
    elsewhere: Mutex<Option<SocketAddr>>,
    connected: AtomicBool,
    /// Tries that a server answered, since the last channel was lost.
    tries: AtomicUsize,
    /// How tries failed, since the last channel was lost.
    failures: Mutex<Vec<String>>,
    tasks: Mutex<Tasks>,
    jobs: Mutex<Jobs>,
}

impl Member {
    pub(super) fn new(
        id: String,
        source: Ipv4Addr,
        servers: Vec<SocketAddr>,
        config: Arc<ClientConfig>,
    ) -> Self {
        Self {
            id,
            source,
            config,
            servers: Mutex::new(servers),
            elsewhere: Mutex::new(None),
            connected: AtomicBool::new(false),
            tries: AtomicUsize::new(0),
            failures: Mutex::default(),
            tasks: Mutex::default(),
            jobs: Mutex::default(),
        }
    }

    pub(super) fn move_to(&self, servers: Vec<SocketAddr>) {
        *self.servers.lock() = servers;
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn forget_tries(&self) {
        self.tries.store(0, Ordering::Relaxed);
        self.failures.lock().clear();
    }

    pub(super) fn tries(&self) -> usize {
        self.tries.load(Ordering::Relaxed)
    }

    /// Returns how often each task was started.
    pub(crate) fn starts(&self) -> BTreeMap<String, u32> {
        self.tasks.lock().starts()
    }

    /// Returns how many jobs the agent has.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.lock().count()
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.failures.lock().clone()
    }

    /// Connects within a time and stays connected, whatever happens.
    pub(super) async fn live(
        self: Arc<Self>,
        first_words: Handle,
        within: Duration,
        bootstrap: Bootstrap,
    ) {
        sleep(part_of(within)).await;
        let mut wait = FIRST_WAIT;
        loop {
            match self.try_apart(&first_words, bootstrap).await {
                Ok(Outcome::Open(stream, decoder, _)) => {
                    self.connected.store(true, Ordering::Relaxed);
                    let goodbye = self.serve(stream, decoder).await;
                    self.connected.store(false, Ordering::Relaxed);
                    wait = FIRST_WAIT;
                    sleep(part_of(goodbye.unwrap_or(wait))).await;
                }
                Ok(Outcome::Elsewhere) => {}
                Ok(Outcome::Busy(seconds)) => {
                    let seconds = Duration::from_secs(seconds);
                    sleep(seconds * 9 / 10 + part_of(seconds / 5)).await;
                }
                Err(error) => {
                    self.failures.lock().push(error.to_string());
                    wait = (wait * 2).min(LONGEST_WAIT);
                    sleep(part_of(wait)).await;
                }
            }
        }
    }

    /// Connects once; everything before TLS runs elsewhere.
    async fn try_apart(
        self: &Arc<Self>,
        first_words: &Handle,
        bootstrap: Bootstrap,
    ) -> io::Result<Outcome> {
        let member = Arc::clone(self);
        let begun = first_words.spawn(async move { member.bootstrap(bootstrap).await });
        match begun.await.map_err(io::Error::other)?? {
            Begun::Accepted(stream) => self.open(stream).await,
            Begun::Busy(seconds) => Ok(Outcome::Busy(seconds)),
            Begun::Elsewhere => Ok(Outcome::Elsewhere),
        }
    }

    /// Connects once.
    pub(crate) async fn try_once(&self, bootstrap: Bootstrap) -> io::Result<Outcome> {
        match self.bootstrap(bootstrap).await? {
            Begun::Accepted(stream) => self.open(stream).await,
            Begun::Busy(seconds) => Ok(Outcome::Busy(seconds)),
            Begun::Elsewhere => Ok(Outcome::Elsewhere),
        }
    }

    /// Connects up to the TLS hello.
    async fn bootstrap(&self, bootstrap: Bootstrap) -> io::Result<Begun> {
        let mut stream = self.connect().await?;
        self.tries.fetch_add(1, Ordering::Relaxed);
        stream.set_nodelay(true)?;
        if bootstrap == Bootstrap::Plain {
            let mut decoder = Decoder::new(Limits::default());
            match within("plain init", self.init(&mut stream, &mut decoder)).await? {
                InitReply::Accept => {}
                InitReply::Busy { retry_after } => return Ok(Begun::Busy(retry_after)),
                InitReply::Redirect { server } => {
                    self.goes_to(&server);
                    return Ok(Begun::Elsewhere);
                }
                other => return Err(io::Error::other(format!("{other:?}"))),
            }
        }
        Ok(Begun::Accepted(stream))
    }

    /// Connects to the first of its servers that accepts.
    async fn connect(&self) -> io::Result<TcpStream> {
        let elsewhere = self.elsewhere.lock().take();
        let servers: Vec<_> = elsewhere.into_iter().chain(self.servers.lock().clone()).collect();
        let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for server in servers {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((self.source, 0)))?;
            match within("connect", socket.connect(server)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Notes where the server sends it: the first of a list.
    fn goes_to(&self, servers: &str) {
        let first = servers.split(',').next().and_then(|server| server.trim().parse().ok());
        *self.elsewhere.lock() = first;
    }

    /// Takes a connection through TLS and the `init` inside it.
    async fn open(&self, stream: TcpStream) -> io::Result<Outcome> {
        let name = ServerName::try_from("config.cargo.com").expect("a DNS name");
        let connecting = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        let mut stream = Box::new(within("TLS", connecting).await?);
        let mut decoder = Decoder::new(Limits::default());
        match within("init", self.init(&mut *stream, &mut decoder)).await? {
            InitReply::Accept => {
                let kind = stream.get_ref().1.handshake_kind().expect("the handshake is over");
                Ok(Outcome::Open(stream, decoder, kind))
            }
            InitReply::Busy { retry_after } => Ok(Outcome::Busy(retry_after)),
            InitReply::Redirect { server } => {
                self.goes_to(&server);
                Ok(Outcome::Elsewhere)
            }
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    /// Answers requests until the channel's end; returns the time of a goodbye.
    async fn serve(
        &self,
        mut stream: Box<TlsStream<TcpStream>>,
        mut decoder: Decoder,
    ) -> Option<Duration> {
        let mut goodbye = None;
        let mut text = self.tasks.lock().unacknowledged();
        loop {
            if !text.is_empty() {
                if stream.write_all(&text).await.is_err() || stream.flush().await.is_err() {
                    break;
                }
                text.clear();
            }
            let Ok(Some(message)) = next(&mut *stream, &mut decoder).await else { break };
            if let Some(seconds) = message.get("return_within").and_then(Value::as_u64) {
                goodbye = Some(Duration::from_secs(seconds));
                if let Some(server) = message.get("server").and_then(Value::as_str) {
                    self.goes_to(server);
                }
            }
            if !self.jobs.lock().answer(&message, &mut text) {
                self.tasks.lock().answer(&message, &mut text);
            }
        }
        goodbye
    }

    async fn init(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        decoder: &mut Decoder,
    ) -> io::Result<InitReply> {
        let mut text = Vec::new();
        line(&Init::new(&self.id, "9.9.9"), &mut text);
        stream.write_all(&text).await?;
        stream.flush().await?;
        let reply = next(stream, decoder).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        InitReply::parse(&reply).map_err(io::Error::other)
    }
}

/// Returns the next message; `None` at the end of the stream.
async fn next(
    stream: &mut (impl AsyncRead + Unpin),
    decoder: &mut Decoder,
) -> io::Result<Option<Map<String, Value>>> {
    loop {
        if let Some(text) = decoder.next_message().map_err(io::Error::other)? {
            return parse_object(text).map(Some).map_err(io::Error::other);
        }
        let mut chunk = [0; 2048];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(None);
        }
        decoder.push(&chunk[..count]);
    }
}

async fn within<T>(step: &str, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| Err(io::Error::other("nothing within 10 s"));
    timeout(STEP, doing)
        .await
        .unwrap_or_else(late)
        .map_err(|error| io::Error::new(error.kind(), format!("{step}: {error}")))
}

/// Returns a random part of a time.
fn part_of(time: Duration) -> Duration {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the system has random bytes");
    time.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX))
}
