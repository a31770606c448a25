//! The real controller in a directory of its own, and agents played by a plain rustls client.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

use agent_wire::message::{Init, InitReply, line};
use agent_wire::{ALPN, Decoder, Limits, json::parse_object};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Map, Value};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// A directory that goes when the test is over.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("controller-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The binary under test.
#[expect(clippy::disallowed_methods, reason = "tests start the real binary")]
pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_BasicAgentController"))
}

/// A command run by the words before it.
#[expect(clippy::disallowed_methods, reason = "tests start the real binary")]
fn under(words: &[&str], command: Command) -> Command {
    let [program, arguments @ ..] = words else { return command };
    let mut wrapped = Command::new(program);
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    wrapped
}

/// A running controller with two dev hosts, `host-1` and `host-2`.
pub(crate) struct Controller {
    pub(crate) child: Child,
    pub(crate) dir: PathBuf,
    pub(crate) agents: SocketAddr,
    pub(crate) api: String,
    pub(crate) token: String,
    /// `None` only while it is handed on.
    scratch: Option<Scratch>,
}

impl Controller {
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_under(&[], flags, Scratch::new())
    }

    /// The same, under words that run it (`unshare -m sh -c …`), in a directory that may have been used.
    pub(crate) fn start_under(words: &[&str], flags: &[&str], scratch: Scratch) -> Self {
        let dir = scratch.0.join("dev");
        let ready = scratch.0.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let log = OpenOptions::new().append(true).create(true).open(scratch.0.join("log")).unwrap();
        let mut child = under(words, binary())
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--dev-host", "host-1", "--dev-host", "host-2"])
            .arg("--dev")
            .arg(&dir)
            .arg("--ready-file")
            .arg(&ready)
            .args(flags)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let text = until("the ready file", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{status}: {}", std::fs::read_to_string(scratch.0.join("log")).unwrap());
            }
            std::fs::read_to_string(&ready).ok()
        });
        let ready: Value = serde_json::from_str(&text).unwrap();
        Self {
            agents: ready["listen"][0].as_str().unwrap().parse().unwrap(),
            api: format!("http://{}/api/v1", ready["http"].as_str().unwrap()),
            token: std::fs::read_to_string(dir.join("token")).unwrap().trim().to_owned(),
            child,
            dir,
            scratch: Some(scratch),
        }
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again where it was, on other ports; it has to have ended.
    pub(crate) fn restart(&mut self) {
        let scratch = self.scratch.take().unwrap();
        *self = Self::start_under(&[], &[], scratch);
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.as_ref().unwrap().0.join("log")).unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        #[expect(clippy::disallowed_methods, reason = "kill(1)")]
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the controller's end", || self.child.try_wait().unwrap())
    }

    /// GET with the token: status and JSON.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let answer = http().get(format!("{}{path}", self.api)).header("Authorization", self.bearer()).call();
        read(answer)
    }

    /// POST of a request for a host.
    pub(crate) fn ask(&self, host: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.ask_text(host, body);
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
    }

    pub(crate) fn ask_text(&self, host: &str, body: &str) -> (u16, String) {
        post(&self.api, &self.bearer(), host, body)
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn wait_for_hosts(&self, wanted: &[&str]) {
        until("the hosts", || {
            let hosts = self.get("/hosts").1;
            let found: Vec<&str> =
                hosts["hosts"].as_array().unwrap().iter().map(|host| host["id"].as_str().unwrap()).collect();
            (found == wanted).then_some(())
        });
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(DEADLINE))
        .max_idle_connections(0)
        .build()
        .into()
}

pub(crate) fn post(api: &str, bearer: &str, host: &str, body: &str) -> (u16, String) {
    let mut answer = http()
        .post(format!("{api}/hosts/{host}/requests"))
        .header("Authorization", bearer)
        .send(body)
        .unwrap();
    let text = answer.body_mut().with_config().limit(100 << 20).read_to_string().unwrap();
    (answer.status().as_u16(), text)
}

pub(crate) fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
    let mut answer = answer.unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

/// Polls until there is a value.
pub(crate) fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(Instant::now() < end, "{what}: not in time");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The client's side of TLS, with the certificate and key at `base` if there is one.
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

/// One end of an exchange of messages, over TCP or TLS.
pub(crate) struct Talk<S> {
    pub(crate) stream: S,
    decoder: Decoder,
}

pub(crate) type Agent = Talk<StreamOwned<ClientConnection, TcpStream>>;

impl<S: Read + Write> Talk<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::new(Limits::default()) }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    /// The next message; `None` at the end of the stream.
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

    pub(crate) fn init(&mut self, host: &str) -> InitReply {
        let mut text = Vec::new();
        line(&Init::new(host, "9.9.9"), &mut text);
        self.stream.write_all(&text).unwrap();
        self.stream.flush().unwrap();
        InitReply::parse(&self.receive().expect("an answer to init")).unwrap()
    }
}

pub(crate) fn connect(address: SocketAddr) -> Talk<TcpStream> {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    Talk::new(stream)
}

pub(crate) fn start_tls(stream: TcpStream, config: Arc<ClientConfig>) -> Agent {
    let name = ServerName::try_from("config.cargo.com").unwrap();
    Talk::new(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
}

impl Controller {
    /// A host's certificate, by its base path.
    pub(crate) fn certificate(&self, host: &str) -> PathBuf {
        self.dir.join("agents").join(host)
    }

    pub(crate) fn tls(&self, host: &str) -> Arc<ClientConfig> {
        tls(&self.dir.join("ca.pem"), Some(&self.certificate(host)))
    }

    /// The whole way of an agent: plain `init`, TLS, `init`.
    pub(crate) fn agent(&self, host: &str) -> Agent {
        let mut plain = connect(self.agents);
        assert!(matches!(plain.init(host), InitReply::Accept));
        let mut agent = start_tls(plain.stream, self.tls(host));
        assert!(matches!(agent.init(host), InitReply::Accept));
        agent
    }
}
