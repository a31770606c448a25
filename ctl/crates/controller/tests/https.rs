//! HTTPS on the API's port: which certificate it presents, and to whom it says nothing.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use support::{DEADLINE, binary};
use test_support::{Pki, Scratch, start_until_ready, wait_until};

/// A controller whose API is on all addresses.
struct Open {
    child: Child,
    scratch: Scratch,
    http: SocketAddr,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Open {
    fn start(scratch: Scratch, flags: &[&str]) -> Self {
        let (ready, log) = (scratch.file("ready.json"), scratch.file("log"));
        let mut command = binary();
        command
            .args(["--listen", "127.0.0.1:0", "--http", "0.0.0.0:0", "--state-dir"])
            .arg(scratch.file("state"))
            .arg("--token-file")
            .arg(scratch.file("token"))
            .arg("--ready-file")
            .arg(&ready)
            .args(flags);
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        let ready: Value = serde_json::from_str(&text).unwrap();
        let http: SocketAddr = ready["http"].as_str().unwrap().parse().unwrap();
        Self { child, scratch, http: SocketAddr::new([127, 0, 0, 1].into(), http.port()) }
    }

    /// Connects to `localhost`, trusting the certificates in a file.
    fn connect(&self, roots: &Path) -> Tls {
        let mut store = RootCertStore::empty();
        for der in CertificateDer::pem_file_iter(roots).unwrap() {
            store.add(der.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(store)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", fs::read_to_string(self.scratch.file("token")).unwrap().trim())
    }

    fn hang_up(&self) {
        test_support::run(&["kill", "-HUP", &self.child.id().to_string()]);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks over an open connection; returns the head of the answer.
fn ask(stream: &mut Tls, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&chunk[..count]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                return text;
            }
        }
    }
}

fn get(path: &str, bearer: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\n\r\n")
}

fn leaf(stream: &Tls) -> CertificateDer<'static> {
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

#[test]
fn on_all_addresses_our_own_ca_vouches_for_the_api() {
    let open = Open::start(Scratch::new("controller-https"), &[]);
    let root = open.scratch.file("state").join("ca/1/root.pem");
    let mut stream = open.connect(&root);
    let answer = ask(&mut stream, &get("/api/v1/me", &open.bearer()));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("token-file"), "{answer}");
    let answer = ask(&mut stream, &get("/api/v1/hosts", "Bearer wrong"));
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    // A request that is not valid gets its problem inside TLS, too.
    let answer = ask(&mut stream, "nonsense\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("invalid-request"), "{answer}");
    // Plain HTTP gets no answer that a client could take for one.
    let mut plain = TcpStream::connect(open.http).unwrap();
    plain.set_read_timeout(Some(DEADLINE)).unwrap();
    plain.write_all(get("/healthz", "").as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
    // Clients that say nothing hold nobody up.
    let silent: Vec<_> = (0..64).map(|_| TcpStream::connect(open.http).unwrap()).collect();
    let answer = ask(&mut open.connect(&root), &get("/healthz", ""));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(silent);
}

#[test]
fn sighup_presents_a_new_certificate_and_keeps_open_connections() {
    let scratch = Scratch::new("controller-https");
    let pki = Pki::new();
    let ca = scratch.write("ca.pem", pki.ca());
    let (cert, key) = pki.sign(&["localhost"]).write(&scratch, "http");
    let flags = ["--http-cert", cert.to_str().unwrap(), "--http-key", key.to_str().unwrap()];
    let open = Open::start(scratch, &flags);
    let mut before = open.connect(&ca);
    let request = get("/api/v1/me", &open.bearer());
    assert!(ask(&mut before, &request).starts_with("HTTP/1.1 200"));
    // A key that does not fit changes nothing.
    pki.sign(&["localhost"]).write(&open.scratch, "other");
    fs::copy(open.scratch.file("other.key"), &key).unwrap();
    open.hang_up();
    let log = || fs::read_to_string(open.scratch.file("log")).unwrap();
    wait_until("the error", || log().contains("not the key of the certificate"));
    pki.sign(&["localhost"]).write(&open.scratch, "http");
    open.hang_up();
    wait_until("the new certificate", || {
        let mut stream = open.connect(&ca);
        ask(&mut stream, &request);
        leaf(&stream) != leaf(&before)
    });
    assert!(ask(&mut before, &request).starts_with("HTTP/1.1 200"));
}
