//! The floor that the benches measure the agent against: the barest program that does the same work
//! over the same TLS.
//!
//! `floor answer ADDRESS DIR BYTES` replies to each line with a line of that many bytes. `floor
//! sync ADDRESS DIR BYTES` does the same, but first writes and syncs one record per line, one after
//! the other. `floor bash ADDRESS DIR [UID GID]` runs each request's command with tokio's own
//! process type. DIR holds `ca.pem`, `agent.pem` and `agent.key`. The program checks nothing,
//! bounds nothing and serves no other purpose.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, split};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use e2e::Synced;

const INIT: &[u8] =
    b"{\"method\":\"init\",\"hostname\":\"floor\",\"version\":\"0\",\"protocol\":1}\n";

fn main() -> io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u32>().ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stream = connect(&words[1], Path::new(&words[2])).await?;
        match words[0].as_str() {
            "answer" => answer(stream, number(3).expect("BYTES"), || ()).await,
            "sync" => {
                let mut file = Synced::new(Path::new(&words[2]))?;
                answer(stream, number(3).expect("BYTES"), move || file.write()).await
            }
            "bash" => bash(stream, number(3).zip(number(4))).await,
            other => Err(io::Error::other(format!("{other}: answer, sync or bash"))),
        }
    })
}

async fn connect(address: &str, dir: &Path) -> io::Result<TlsStream<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(INIT).await?;
    while stream.read_u8().await? != b'\n' {}

    let pem = |name: &str| std::fs::read(dir.join(name));
    let certificate =
        |name: &str| CertificateDer::from_pem_slice(&pem(name)?).map_err(io::Error::other);
    let mut roots = RootCertStore::empty();
    roots.add(certificate("ca.pem")?).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(&pem("agent.key")?).map_err(io::Error::other)?;
    let mut config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| {
                let chain = vec![certificate("agent.pem").expect("PEM")];
                builder.with_root_certificates(roots).with_client_auth_cert(chain, key)
            })
            .map_err(io::Error::other)?;
    config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
    let name = ServerName::try_from("config.cargo.com").expect("a name");
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(INIT).await?;
    stream.flush().await?;
    while stream.read_u8().await? != b'\n' {}
    Ok(stream)
}

/// Replies to all lines of one read with one write, as the agent does, after calling `each` once
/// per line.
async fn answer(
    mut stream: TlsStream<TcpStream>,
    bytes: u32,
    mut each: impl FnMut(),
) -> io::Result<()> {
    let mut line = vec![b'x'; bytes as usize];
    *line.last_mut().expect("BYTES is not zero") = b'\n';
    let mut buffer = vec![0; 16 << 10];
    let mut out = Vec::new();
    loop {
        // The bench has ended; it sends no TLS close_notify.
        let Ok(count @ 1..) = stream.read(&mut buffer).await else { return Ok(()) };
        out.clear();
        for _ in buffer[..count].iter().filter(|byte| **byte == b'\n') {
            each();
            out.extend_from_slice(&line);
        }
        stream.write_all(&out).await?;
        stream.flush().await?;
    }
}

async fn bash(stream: TlsStream<TcpStream>, ids: Option<(u32, u32)>) -> io::Result<()> {
    let (reader, mut writer) = split(stream);
    let (answers, mut waiting) = mpsc::channel::<Vec<u8>>(64);
    let writing = tokio::spawn(async move {
        while let Some(mut out) = waiting.recv().await {
            while let Ok(more) = waiting.try_recv() {
                out.extend_from_slice(&more);
            }
            writer.write_all(&out).await?;
            writer.flush().await?;
        }
        io::Result::Ok(())
    });
    let mut lines = BufReader::new(reader).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answers = answers.clone();
        tokio::spawn(async move {
            let request: Value = serde_json::from_str(&line).expect("JSON");
            let output = run(request["cmd"].as_str().expect("cmd"), ids).await.expect("it runs");
            let answer = format!(
                "{{\"id\":{},\"resp\":\"success\",\"retcode\":{},\"message\":\"Normal termination\",\"data\":{}}}\n",
                request["id"],
                output.status.code().unwrap_or(-1),
                Value::from(String::from_utf8_lossy(&output.stdout)),
            );
            let _ = answers.send(answer.into_bytes()).await;
        });
    }
    drop(answers);
    writing.await.expect("it does not panic")
}

async fn run(cmd: &str, ids: Option<(u32, u32)>) -> io::Result<std::process::Output> {
    let mut command = Command::new("/bin/bash");
    command.arg("-c").arg(cmd).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some((uid, gid)) = ids {
        command.uid(uid).gid(gid);
    }
    command.output().await
}
