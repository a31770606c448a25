//! One end of an exchange of messages, over TCP or TLS.

use super::DEADLINE;
use agent_wire::message::{Init, InitReply, line};
use agent_wire::{ALPN, Decoder, Limits, json::parse_object};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Map, Value};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// A peer of the controller.
pub(crate) struct Peer<S> {
    pub(crate) stream: S,
    decoder: Decoder,
}

/// A peer inside TLS.
pub(crate) type Agent = Peer<StreamOwned<ClientConnection, TcpStream>>;

impl<S: Read + Write> Peer<S> {
    fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::new(Limits::default()) }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// Returns the next message; `None` at the end of the stream.
    pub(crate) fn receive(&mut self) -> Option<Map<String, Value>> {
        self.try_receive().unwrap()
    }

    pub(crate) fn try_receive(&mut self) -> io::Result<Option<Map<String, Value>>> {
        loop {
            if let Some(text) = self.decoder.next_message().unwrap() {
                return Ok(Some(parse_object(text).unwrap()));
            }
            let mut chunk = [0; 16 << 10];
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            self.decoder.push(&chunk[..count]);
        }
    }

    /// Sends `init` and returns the reply.
    pub(crate) fn init(&mut self, host: &str) -> InitReply {
        self.try_init(host).unwrap().expect("a reply to init")
    }

    /// As [`Peer::init`], on a connection that may end first.
    pub(crate) fn try_init(&mut self, host: &str) -> io::Result<Option<InitReply>> {
        let mut text = Vec::new();
        line(&Init::new(host, "9.9.9"), &mut text);
        self.stream.write_all(&text)?;
        self.stream.flush()?;
        let reply = self.try_receive()?;
        Ok(reply.map(|reply| InitReply::parse(&reply).unwrap()))
    }
}

/// Connects over plain TCP.
pub(crate) fn connect(address: SocketAddr) -> Peer<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Peer::new(stream)
}

/// Starts TLS over a connection.
pub(crate) fn start_tls(stream: TcpStream, config: Arc<ClientConfig>) -> Agent {
    let name = ServerName::try_from("config.cargo.com").unwrap();
    Peer::new(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
}

/// Makes the client's side of TLS, with the certificate and key at `base`, if given.
pub(crate) fn tls(ca: &Path, base: Option<&Path>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match base {
        Some(base) => {
            let cert = CertificateDer::from_pem_file(base.with_extension("pem")).unwrap();
            let key = PrivateKeyDer::from_pem_file(base.with_extension("key")).unwrap();
            builder.with_client_auth_cert(vec![cert], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}
