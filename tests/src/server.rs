//! The server's end, in steps that a test can combine: a listener, the plain exchange, TLS,
//! messages.

use crate::{Agent, AgentConfig, DEADLINE, Pki};
use agent_wire::{Decoder, Limits};
use rustls::ServerConfig;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Limits for the largest replies.
pub(crate) const ANSWER_LIMITS: Limits = Limits { max_message: 64 << 20, max_depth: 64 };

/// A listener with a certificate.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
}

/// An open channel to one agent, from the server's end.
#[derive(Debug)]
pub struct Channel {
    /// The TLS stream, for tests that misbehave.
    pub stream: TlsStream<TcpStream>,
    decoder: Decoder,
    /// The `init` inside TLS.
    pub init: Value,
}

impl Server {
    /// Listens on a port of 127.0.0.1, with a certificate for the name that agents expect.
    pub async fn start(pki: &Pki) -> Self {
        Self::start_at(pki, "127.0.0.1:0").await
    }

    /// Listens on a given address.
    pub async fn start_at(pki: &Pki, address: &str) -> Self {
        let tls = pki.server(&pki.sign(&["config.cargo.com"]));
        Self { listener: TcpListener::bind(address).await.expect("a free port"), tls }
    }

    /// Listens with the test's own TLS configuration.
    pub async fn start_with(tls: Arc<ServerConfig>) -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port"), tls }
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    /// Accepts the next connection.
    pub async fn connection(&self) -> TcpStream {
        let (stream, _) = timeout(DEADLINE * 4, self.listener.accept())
            .await
            .expect("an agent connects")
            .expect("accept");
        stream.set_nodelay(true).expect("a socket");
        stream
    }

    /// Accepts the next connection and reads its plain `init`.
    pub async fn plain_init(&self) -> (TcpStream, Value) {
        let mut stream = self.connection().await;
        let init = read_line(&mut stream).await;
        (stream, init)
    }

    /// Accepts a connection, replies to its plain `init` with `answer`, and closes it.
    pub async fn answer_and_close(&self, answer: &str) {
        let (mut stream, _) = self.plain_init().await;
        stream.write_all(answer.as_bytes()).await.expect("write");
        let _ = stream.shutdown().await;
    }

    /// Accepts the next agent: plain exchange, TLS, `init`, `accept`.
    pub async fn channel(&self) -> Channel {
        let (mut stream, init) = self.plain_init().await;
        assert_eq!(init["method"], "init");
        stream.write_all(b"{\"method\":\"accept\"}\n").await.expect("write");
        let mut channel = self.tls(stream).await.expect("TLS");
        channel.send_text("{\"method\":\"accept\"}\n").await;
        channel
    }

    /// Accepts the next agent as [`Server::channel`] does, after connections that ended before their
    /// channel was open: an agent that was killed may have left one.
    pub async fn channel_of_survivor(&self) -> Channel {
        loop {
            let mut stream = self.connection().await;
            if try_line(&mut stream).await.is_none() {
                continue;
            }
            if stream.write_all(b"{\"method\":\"accept\"}\n").await.is_err() {
                continue;
            }
            if let Ok(mut channel) = self.tls(stream).await {
                channel.send_text("{\"method\":\"accept\"}\n").await;
                return channel;
            }
        }
    }

    /// Performs the TLS handshake on a connection with another configuration.
    ///
    /// # Errors
    /// The TLS error when the handshake fails.
    pub async fn tls_with(
        tls: Arc<ServerConfig>,
        stream: TcpStream,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        timeout(DEADLINE, TlsAcceptor::from(tls).accept(stream)).await.expect("a handshake")
    }

    /// Performs the TLS handshake on a connection and reads the `init` inside it.
    ///
    /// # Errors
    /// The TLS error when the handshake or the agent's first message fails.
    pub async fn tls(&self, stream: TcpStream) -> std::io::Result<Channel> {
        let accepted = timeout(DEADLINE, TlsAcceptor::from(self.tls.clone()).accept(stream)).await;
        let stream = accepted.expect("a handshake")?;
        let mut channel =
            Channel { stream, decoder: Decoder::new(ANSWER_LIMITS), init: Value::Null };
        channel.init = channel.next().await.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        Ok(channel)
    }
}

/// Starts a server and an agent that trusts it, and returns both with their channel.
pub async fn connected() -> (Server, Agent, Channel) {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let channel = server.channel().await;
    (server, agent, channel)
}

/// Reads one line of JSON, byte by byte so that nothing after it is consumed.
async fn read_line(stream: &mut TcpStream) -> Value {
    try_line(stream).await.expect("read")
}

/// Reads one line of JSON; `None` when the connection ends first.
async fn try_line(stream: &mut TcpStream) -> Option<Value> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let byte = timeout(DEADLINE, stream.read_u8()).await.expect("a line").ok()?;
        line.push(byte);
    }
    Some(serde_json::from_slice(&line).expect("JSON"))
}

impl Channel {
    /// Returns the next message, or `None` when the agent has closed the channel.
    pub async fn next(&mut self) -> Option<Value> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(text) = self.decoder.next_message().expect("the agent speaks JSON") {
                return Some(serde_json::from_str(text).expect("the agent speaks JSON"));
            }
            match timeout(DEADLINE * 2, self.stream.read(&mut buffer))
                .await
                .expect("a message from the agent")
            {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&buffer[..count]),
            }
        }
    }

    /// Sends text unchanged.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("write");
        self.stream.flush().await.expect("flush");
    }

    /// Sends one message.
    pub async fn send(&mut self, message: &Value) {
        self.send_text(&format!("{message}\n")).await;
    }

    /// Sends a request and returns its reply. Discards messages before it: the agent redelivers
    /// results that were not acknowledged.
    pub async fn ask_past(&mut self, request: &Value) -> Value {
        self.send(request).await;
        loop {
            let message = self.next().await.expect("a reply");
            if message["id"] == request["id"] && message["method"].is_null() {
                return message;
            }
        }
    }

    /// Sends a request and returns its reply, which must be the next message.
    pub async fn ask(&mut self, request: &Value) -> Value {
        self.send(request).await;
        let answer = self.next().await.expect("a reply");
        assert_eq!(answer["id"], request["id"], "{answer}");
        answer
    }

    /// Sends `sync.bash` with more fields and returns the reply.
    pub async fn bash(&mut self, cmd: &str, fields: Value) -> Value {
        let mut request = json!({"id": "bash", "method": "sync.bash", "cmd": cmd});
        let object = request.as_object_mut().expect("an object");
        object.extend(fields.as_object().cloned().unwrap_or_default());
        self.ask(&request).await
    }

    /// Closes the channel with a TLS close_notify.
    pub async fn close(mut self) {
        let _ = self.stream.shutdown().await;
    }
}
