//! A server that lets hosts join, step by step as a test says.

use agent_wire::message::{EnrollReply, EnrollRequest, Issued};
use agent_wire::{Decoder, ENROLL_ALPN, Limits, json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use e2e::{Channel, Identity, Pki, Server};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The name in the server's certificate.
pub(crate) const NAME: &str = "config.cargo.com";

/// The algorithm's part of a P-256 key in DER, up to the point.
const P256: &[u8] = b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00";

/// Bytes of an uncompressed point.
const POINT: usize = 65;

/// How long a certificate is good, in seconds.
const LIFE: i64 = 7 * 24 * 3600;

pub(crate) struct Issuer {
    pub(crate) pki: Pki,
    pub(crate) server: Server,
    joining: Arc<ServerConfig>,
}

/// One host that asks, whose answer the test gives.
pub(crate) struct Asked {
    pub(crate) request: EnrollRequest,
    /// The connection's keying material for a recovery.
    pub(crate) exporter: [u8; 32],
    stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let pki = Pki::new();
        let identity = pki.sign(&[NAME]);
        let joining = joining(&pki, &identity);
        let server = Server::start_with(pki.server(&identity)).await;
        Self { pki, server, joining }
    }

    /// The port and address for `--server`.
    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// The pin of the CA.
    pub(crate) fn pin(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.pki.ca().as_bytes()).expect("PEM");
        let hex: String =
            digest(&SHA256, &der).as_ref().iter().map(|b| format!("{b:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// Accepts a connection by which a host joins or recovers, and reads its request.
    pub(crate) async fn asked(&self) -> Asked {
        let stream = self.server.connection().await;
        let mut stream = Server::tls_with(self.joining.clone(), stream).await.expect("TLS");
        let mut decoder = Decoder::new(Limits::default());
        let mut buffer = [0; 4096];
        let request = loop {
            if let Some(text) = decoder.next_message().expect("JSON") {
                let map = json::parse_object(text).expect("an object");
                break EnrollRequest::parse(&map).expect("a request");
            }
            let count = stream.read(&mut buffer).await.expect("read");
            assert!(count > 0, "the agent closed without a request");
            decoder.push(&buffer[..count]);
        };
        let label = agent_wire::message::RECOVER_EXPORTER;
        let exporter = stream
            .get_ref()
            .1
            .export_keying_material([0; 32], label, None)
            .expect("an open connection");
        Asked { request, exporter, stream }
    }

    /// Accepts a connection whose handshake fails, so that no byte inside TLS arrives.
    pub(crate) async fn gets_nothing(&self) {
        let stream = self.server.connection().await;
        let accepted = Server::tls_with(self.joining.clone(), stream).await;
        if let Ok(mut stream) = accepted {
            let mut buffer = Vec::new();
            let read = stream.read_to_end(&mut buffer).await;
            assert!(buffer.is_empty() && read.is_err(), "{buffer:?}");
        }
    }

    /// Lets the next host join under an id, with a certificate that is good from now on.
    pub(crate) async fn lets_join(&self, host_id: &str) -> EnrollRequest {
        self.lets_join_from(host_id, 0).await
    }

    /// Lets the next host join with a certificate that became good some time ago.
    pub(crate) async fn lets_join_from(&self, host_id: &str, age: i64) -> EnrollRequest {
        let asked = self.asked().await;
        let request = asked.request.clone();
        let issued = self.issue(host_id, csr(&request), age, 1);
        asked.answer(&EnrollReply::Enrolled(issued)).await;
        request
    }

    /// Issues a certificate for a request's key.
    pub(crate) fn issue(&self, host_id: &str, csr: &[u8], age: i64, generation: u64) -> Issued {
        let from = now() - age;
        let key = public(csr);
        Issued {
            host_id: host_id.to_owned(),
            certificate: self.pki.sign_public_between(&[host_id], &key, from, from + LIFE),
            ca: self.pki.ca(),
            ca_version: 1,
            generation,
        }
    }

    /// The answer to a `cert.renew`.
    pub(crate) fn renewed(&self, host_id: &str, asked: &Value, generation: u64) -> Value {
        let csr = BASE64.decode(asked["csr"].as_str().expect("a request")).expect("base64");
        let issued = self.issue(host_id, &csr, 0, generation);
        json!({
            "method": "cert.renewed", "renewal_id": asked["renewal_id"],
            "certificate": issued.certificate, "generation": generation,
            "ca": issued.ca, "ca_version": issued.ca_version,
        })
    }
}

impl Asked {
    pub(crate) async fn answer(mut self, reply: &EnrollReply) {
        self.stream.write_all(&reply.to_line()).await.expect("write");
        let _ = self.stream.shutdown().await;
    }
}

fn joining(pki: &Pki, identity: &Identity) -> Arc<ServerConfig> {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let chain = vec![der(&identity.certificate), der(&pki.ca())];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate and its key");
    config.alpn_protocols = vec![ENROLL_ALPN.to_vec()];
    Arc::new(config)
}

/// The certificate request in a request.
pub(crate) fn csr(request: &EnrollRequest) -> &[u8] {
    match request {
        EnrollRequest::Enroll(enroll) => &enroll.csr,
        EnrollRequest::Recover(recover) => &recover.csr,
    }
}

/// The public key in a certificate or a request, in DER.
pub(crate) fn public(der: &[u8]) -> Vec<u8> {
    let at = der.windows(P256.len()).position(|part| part == P256).expect("a P-256 key");
    der[at..at + P256.len() + POINT].to_vec()
}

/// The public key that the agent's end of a channel has proven.
pub(crate) fn key_of(channel: &Channel) -> Vec<u8> {
    let certificates = channel.stream.get_ref().1.peer_certificates().expect("a certificate");
    public(&certificates[0])
}

pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("a date")
}
