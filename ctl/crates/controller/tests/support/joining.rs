//! A host that joins: its key, the exchange with the controller, and what it gets.

use super::{Agent, Controller, DEADLINE, connect, start_tls};
use agent_wire::message::{InitReply, RECOVER_EXPORTER, Recover};
use agent_wire::{ALPN, ENROLL_ALPN, json::parse_object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _, SigningKey as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Map, Value, json};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// A host's key with the certificate that it got.
pub(crate) struct Host {
    pub(crate) key: KeyPair,
    pub(crate) id: String,
    /// The chain, in PEM.
    pub(crate) certificate: String,
    /// The version of the CA that it has followed.
    pub(crate) ca_version: u64,
}

/// Makes a key.
pub(crate) fn new_key() -> KeyPair {
    KeyPair::generate().unwrap()
}

/// Makes a request for a certificate over a key.
pub(crate) fn csr(key: &KeyPair) -> Vec<u8> {
    csr_with(key, |_| {})
}

pub(crate) fn csr_with(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["anything".to_owned()]).unwrap();
    change(&mut params);
    params.serialize_request(key).unwrap().der().to_vec()
}

/// Makes the request to enroll.
pub(crate) fn enroll(token: &str, csr: &[u8]) -> Value {
    json!({ "method": "enroll", "protocol": 1, "token": token, "csr": BASE64.encode(csr) })
}

/// Makes the client's side of TLS for a PEM bundle of roots.
pub(crate) fn client(
    roots: &str,
    identity: Option<(&str, &KeyPair)>,
    alpn: &[u8],
) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(roots.as_bytes()) {
        store.add(der.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store);
    let mut config = match identity {
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    Arc::new(config)
}

/// Connects as a host that joins.
pub(crate) fn open(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let name = ServerName::try_from("config.cargo.com").unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(stream)
}

/// Sends the one request and returns the one reply.
pub(crate) fn exchange(
    stream: &mut StreamOwned<ClientConnection, TcpStream>,
    text: &[u8],
) -> io::Result<Map<String, Value>> {
    stream.write_all(text)?;
    stream.flush()?;
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Err(error) if reply.is_empty() => return Err(error),
        _ => {}
    }
    let text = String::from_utf8(reply).unwrap();
    parse_object(text.trim()).map_err(|_| io::ErrorKind::UnexpectedEof.into())
}

impl Controller {
    /// Returns the roots of the controller's own CA.
    pub(crate) fn roots(&self) -> String {
        std::fs::read_to_string(self.state().join("ca/root.pem")).unwrap()
    }

    /// Creates a join token with these terms; returns its id and its text.
    pub(crate) fn join_token(&self, terms: &Value) -> (String, String) {
        let (status, body) = self.post("/tokens", terms);
        assert_eq!(status, 201, "{body}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&body["token"]["id"]), text(&body["secret"]))
    }

    /// Makes a request in an exchange of its own.
    pub(crate) fn try_join(&self, request: &Value) -> io::Result<Map<String, Value>> {
        let mut stream = open(self.agents, client(&self.roots(), None, ENROLL_ALPN))?;
        exchange(&mut stream, format!("{request}\n").as_bytes())
    }

    /// As [`Controller::try_join`], with an answer that must come.
    pub(crate) fn join(&self, request: &Value) -> Map<String, Value> {
        self.try_join(request).unwrap()
    }

    /// Enrolls a host by a token.
    pub(crate) fn enroll(&self, token: &str) -> Host {
        let key = new_key();
        let reply = self.join(&enroll(token, &csr(&key)));
        Host::of(key, &reply)
    }

    /// Recovers a host by its key; returns the reply.
    pub(crate) fn recover(&self, host: &Host, by: &KeyPair, new: &KeyPair) -> Map<String, Value> {
        let mut stream = open(self.agents, client(&self.roots(), None, ENROLL_ALPN)).unwrap();
        let exporter = stream.conn.export_keying_material([0; 32], RECOVER_EXPORTER, None).unwrap();
        let csr = csr(new);
        let digest = ring::digest::digest(&ring::digest::SHA256, &csr);
        let signed = Recover::signed(&exporter, digest.as_ref().try_into().unwrap());
        let request = json!({
            "method": "recover", "protocol": 1, "hostname": host.id,
            "csr": BASE64.encode(&csr),
            "key": BASE64.encode(host.key.subject_public_key_info()),
            "signature": BASE64.encode(by.sign(&signed).unwrap()),
        });
        exchange(&mut stream, format!("{request}\n").as_bytes()).unwrap()
    }

    /// Starts TLS as a host, and sends `init`.
    pub(crate) fn open_channel(&self, host: &Host, more: &Value) -> (Agent, InitReply) {
        let config = client(&self.roots(), Some((&host.certificate, &host.key)), ALPN);
        let mut agent = start_tls(connect(self.agents).stream, config);
        let mut init = json!({
            "method": "init", "hostname": host.id, "protocol": 1, "ca_version": host.ca_version
        });
        init.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        agent.send(&format!("{init}\n"));
        let reply = InitReply::parse(&agent.receive().expect("a reply to init")).unwrap();
        (agent, reply)
    }

    /// Connects a host that must be let in.
    pub(crate) fn channel(&self, host: &Host) -> Agent {
        let (agent, reply) = self.open_channel(host, &json!({}));
        assert!(matches!(reply, InitReply::Accept), "{reply:?}");
        agent
    }

    /// Sends a POST request; returns the status and the JSON body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = super::http()
            .post(format!("{}{path}", self.api))
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/json");
        super::read(request.send(body.to_string()))
    }

    /// Sends a DELETE request; returns the status.
    pub(crate) fn delete(&self, path: &str) -> u16 {
        let request = super::http()
            .delete(format!("{}{path}", self.api))
            .header("Authorization", self.bearer());
        request.call().unwrap().status().as_u16()
    }
}

impl Host {
    /// Takes the certificate from a reply that must have one.
    pub(crate) fn of(key: KeyPair, reply: &Map<String, Value>) -> Self {
        assert_eq!(reply["resp"], "success", "{reply:?}");
        let text = |name: &str| reply["data"][name].as_str().unwrap_or_default().to_owned();
        let ca_version = reply["data"]["ca_version"].as_u64().unwrap_or_default();
        Self { key, id: text("host_id"), certificate: text("certificate"), ca_version }
    }

    /// Returns the leaf's DER.
    pub(crate) fn leaf(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}
