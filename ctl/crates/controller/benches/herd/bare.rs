//! The barest acceptor of mTLS: tokio-rustls with the controller's settings, one message each way,
//! and nothing else.

use crate::support::processor_time;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

/// The reply to an `init`, in plain text or inside TLS.
const ACCEPT: &[u8] = b"{\"method\":\"accept\"}\n";

/// Serves with the files of a dev directory, for ever; prints its address.
pub(crate) fn serve(dir: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(accept(Path::new(dir)));
}

async fn accept(dir: &Path) {
    let acceptor = TlsAcceptor::from(Arc::new(config(dir)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            stream.set_nodelay(true)?;
            let mut chunk = [0; 2048];
            // A TLS hello, or first one message each way in plain text, as in the bootstrap.
            stream.peek(&mut chunk[..1]).await?;
            if chunk[0] == b'{' && stream.read(&mut chunk).await? > 0 {
                stream.write_all(ACCEPT).await?;
            }
            let mut stream = acceptor.accept(stream).await?;
            // One message each way, as in an agent's `init`.
            if stream.read(&mut chunk).await? > 0 {
                stream.write_all(ACCEPT).await?;
                stream.flush().await?;
            }
            while stream.read(&mut chunk).await? > 0 {}
            stream.shutdown().await
        });
    }
}

/// The request of a pair: as long as that of a run's command.
const REQUEST: &str = r#"{"id":"run:0195f3a2c7b070008a4e5d1c2b3a4f60","method":"agent.ping","not_after":"2026-01-31T10:30:00.000Z","max_output":65536}"#;

/// Serves with the files of a dev directory until so many agents have come and a line arrives on
/// standard input; then makes one pair of a request and a reply with each, all at once, and prints
/// the microseconds that this took.
pub(crate) fn serve_pairs(dir: &str, agents: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(pairs(Path::new(dir), agents));
}

async fn pairs(dir: &Path, agents: usize) {
    let acceptor = TlsAcceptor::from(Arc::new(config(dir)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    let (go, started) = tokio::sync::watch::channel(false);
    let mut open = tokio::task::JoinSet::new();
    for _ in 0..agents {
        let (stream, _) = listener.accept().await.unwrap();
        let (acceptor, mut started) = (acceptor.clone(), started.clone());
        open.spawn(async move {
            stream.set_nodelay(true).unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            let mut chunk = [0; 2048];
            assert!(stream.read(&mut chunk).await.unwrap() > 0);
            stream.write_all(b"{\"method\":\"accept\"}\n").await.unwrap();
            stream.flush().await.unwrap();
            started.wait_for(|started| *started).await.unwrap();
            stream.write_all(format!("{REQUEST}\n").as_bytes()).await.unwrap();
            stream.flush().await.unwrap();
            loop {
                let count = stream.read(&mut chunk).await.unwrap();
                assert!(count > 0);
                if chunk[..count].contains(&b'\n') {
                    return stream;
                }
            }
        });
    }
    tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()))
        .await
        .unwrap()
        .unwrap();
    let begun = std::time::Instant::now();
    go.send_replace(true);
    let mut done = Vec::with_capacity(agents);
    while let Some(stream) = open.join_next().await {
        done.push(stream.unwrap());
    }
    println!("{}", begun.elapsed().as_micros());
}

fn config(dir: &Path) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let chain = vec![CertificateDer::from_pem_file(dir.join("server.pem")).unwrap()];
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap())
        .unwrap();
    config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
    config.ticketer = rustls::crypto::ring::Ticketer::new().unwrap();
    config.send_tls13_tickets = 1;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config
}

/// A running bare acceptor.
pub(crate) struct Bare {
    child: Child,
    said: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts this program again as the acceptor.
    pub(crate) fn start(dir: &Path) -> Self {
        Self::start_as("bare", dir, None)
    }

    /// Starts this program again as the server of pairs with so many agents.
    pub(crate) fn start_pairs(dir: &Path, agents: usize) -> Self {
        Self::start_as("pairs", dir, Some(agents))
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark starts its own program")]
    fn start_as(what: &str, dir: &Path, agents: Option<usize>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(what)
            .arg(dir)
            .args(agents.map(|agents| agents.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        Self { child, said, address: line.trim().parse().unwrap() }
    }

    /// Makes one pair with each agent; returns how long that took.
    pub(crate) fn pairs(&mut self) -> Duration {
        self.child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        Duration::from_micros(line.trim().parse().unwrap())
    }

    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
