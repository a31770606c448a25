//! The real controller in a directory of its own, and agents played by a plain rustls client.

#![allow(dead_code, unused_imports, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod agent;
mod facts;
mod joining;
pub(crate) mod pki;

pub(crate) use agent::{Agent, connect, start_tls, tls};
pub(crate) use facts::{noise, refresh, send_facts};
pub(crate) use joining::client as joining_client;
pub(crate) use joining::{Host, csr, csr_with, enroll, exchange, new_key, open};
pub(crate) use pki::{sign, write_private};

use agent_wire::message::InitReply;
use rcgen::CertificateParams;
use rustls::ClientConfig;
use serde_json::Value;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;
use test_support::{Scratch, start_until_ready, wait_some, wait_until};

/// Longer than any read or response takes, even on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// Longer than a whole exchange over HTTP takes, be it a thousand at once, or tens of megabytes.
const EXCHANGE: Duration = Duration::from_secs(120);

/// Returns the command that runs the binary under test.
#[expect(clippy::disallowed_methods, reason = "tests start the real binary")]
pub(crate) fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_BasicAgentController"))
}

/// Wraps a command with the words that run it.
#[expect(clippy::disallowed_methods, reason = "tests start the real binary")]
pub(crate) fn under(words: &[&str], command: Command) -> Command {
    let [program, arguments @ ..] = words else { return command };
    let mut wrapped = Command::new(program);
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    wrapped
}

/// The flags that name the files of a PKI, and the token beside them.
pub(crate) const FILES: [(&str, &str); 5] = [
    ("--cert", "server.pem"),
    ("--key", "server.key"),
    ("--server-ca", "ca.pem"),
    ("--agent-ca", "ca.pem"),
    ("--token-file", "token"),
];

/// Returns the command that starts a controller on free ports with the files of a PKI.
pub(crate) fn command(dir: &Path, words: &[&str]) -> Command {
    command_with(dir, words, &dir.join("state"))
}

/// Returns the command that starts a controller with another state directory.
pub(crate) fn command_with(dir: &Path, words: &[&str], state: &Path) -> Command {
    let mut command = under(words, binary());
    command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    for (flag, name) in FILES {
        command.arg(flag).arg(dir.join(name));
    }
    command.arg("--state-dir").arg(state);
    command
}

/// A running controller with a company's own PKI, which has the hosts `host-1` and `host-2`.
pub(crate) struct Controller {
    pub(crate) child: Child,
    pub(crate) dir: PathBuf,
    pub(crate) agents: SocketAddr,
    /// The API's address.
    pub(crate) http: SocketAddr,
    /// The URL before `/hosts`.
    pub(crate) api: String,
    pub(crate) token: String,
    /// `None` only while it is handed to the next controller.
    scratch: Option<Scratch>,
}

impl Controller {
    /// Starts a controller with these flags.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_under(&[], flags, Scratch::new("controller"))
    }

    /// Starts a controller whose PKI has these hosts too.
    pub(crate) fn start_with_hosts(hosts: &[&str]) -> Self {
        let scratch = Scratch::new("controller");
        pki::make(&scratch.file("dev"), hosts);
        Self::start_under(&[], &[], scratch)
    }

    /// Starts a controller with its own CA alone.
    pub(crate) fn start_own(flags: &[&str]) -> Self {
        Self::start_own_in(flags, Scratch::new("controller"))
    }

    /// As [`Controller::start_own`], in a directory that another one may have used.
    pub(crate) fn start_own_in(flags: &[&str], scratch: Scratch) -> Self {
        let dir = scratch.file("dev");
        let mut command = binary();
        command.args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.args(["--name", "config.cargo.com", "--state-dir"]).arg(dir.join("state"));
        command.arg("--token-file").arg(dir.join("token"));
        std::fs::create_dir_all(&dir).unwrap();
        Self::start_command(command, flags, scratch)
    }

    /// Starts a controller under other words (`unshare -m sh -c …`), in a directory that another
    /// one may have used.
    pub(crate) fn start_under(words: &[&str], flags: &[&str], scratch: Scratch) -> Self {
        let dir = scratch.file("dev");
        pki::make(&dir, &["host-1", "host-2"]);
        Self::start_command(command(&dir, words), flags, scratch)
    }

    /// Starts a controller whose state directory is on a disk of this size; returns the path of a
    /// file on it as this process sees it. Needs root.
    pub(crate) fn start_on_small_disk(size: &str, flags: &[&str]) -> (Self, String) {
        let scratch = Scratch::new("controller");
        let state = scratch.file("dev/state");
        std::fs::create_dir_all(&state).unwrap();
        let state = state.to_str().unwrap().to_owned();
        let script =
            format!("mount -t tmpfs -o size={size},mode=0700 tmpfs '{state}' && exec \"$@\"");
        let words = ["unshare", "-m", "--propagation", "private", "sh", "-c", &script, "sh"];
        let controller = Self::start_under(&words, flags, scratch);
        let ballast = format!("/proc/{}/root{state}/ballast", controller.child.id());
        (controller, ballast)
    }

    fn start_command(mut command: Command, flags: &[&str], scratch: Scratch) -> Self {
        let (dir, ready, log) =
            (scratch.file("dev"), scratch.file("ready.json"), scratch.file("log"));
        command.arg("--ready-file").arg(&ready).args(flags);
        if !flags.iter().any(|flag| flag.starts_with("--facts")) {
            // The agents of these tests are played; nobody plays the answers to `getinfo`.
            command.args(["--facts-hours", "0"]);
        }
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        let ready: Value = serde_json::from_str(&text).unwrap();
        let http: SocketAddr = ready["http"].as_str().unwrap().parse().unwrap();
        Self {
            agents: ready["listen"][0].as_str().unwrap().parse().unwrap(),
            http,
            api: format!("http://{http}/api/v1"),
            token: std::fs::read_to_string(dir.join("token")).unwrap().trim().to_owned(),
            child,
            dir,
            scratch: Some(scratch),
        }
    }

    /// Kills the controller and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts the controller, which must have ended, in the same directory and on other ports.
    pub(crate) fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// Starts the controller, which must have ended, with its own CA in the same directory.
    pub(crate) fn restart_own(&mut self, flags: &[&str]) {
        let scratch = self.scratch.take().unwrap();
        *self = Self::start_own_in(flags, scratch);
    }

    /// Starts the controller with these flags, otherwise as [`Controller::restart`].
    pub(crate) fn restart_with(&mut self, flags: &[&str]) {
        let scratch = self.scratch.take().unwrap();
        *self = Self::start_under(&[], flags, scratch);
    }

    /// Leaves the directory of a controller, which must have ended, to another one.
    pub(crate) fn leave(&mut self) -> Scratch {
        self.scratch.take().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.as_ref().unwrap().file("log")).unwrap()
    }

    pub(crate) fn signal(&self, signal: &str) {
        test_support::run(&["kill", signal, &self.child.id().to_string()]);
    }

    /// Waits for the controller's end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_some("the controller's end", || self.child.try_wait().unwrap())
    }

    /// Returns the processor time that the controller has used.
    pub(crate) fn processor_time(&self) -> Duration {
        processor_time(self.child.id())
    }

    /// Returns the resident memory (VmRSS) in KiB.
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse().unwrap()
    }

    /// Sends a GET request with the token; returns the status and the JSON body.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.api);
        read(http().get(url).header("Authorization", self.bearer()).call())
    }

    /// Asks a probe, without the token; returns the status and the JSON body.
    pub(crate) fn probe(&self, path: &str) -> (u16, Value) {
        read(http().get(format!("http://{}{path}", self.http)).call())
    }

    /// Returns the text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        let url = format!("http://{}/metrics", self.http);
        let mut response = http().get(url).header("Authorization", self.bearer()).call().unwrap();
        assert_eq!(response.status(), 200);
        response.body_mut().read_to_string().unwrap()
    }

    /// Returns the directory of the results.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Posts a request for a host; returns the status and the JSON body.
    pub(crate) fn ask(&self, host: &str, body: &str) -> (u16, Value) {
        let (status, text) = self.ask_text(host, body);
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
    }

    pub(crate) fn ask_text(&self, host: &str, body: &str) -> (u16, String) {
        post(&self.api, &self.bearer(), host, body)
    }

    /// Opens a connection to the API.
    pub(crate) fn connect_http(&self) -> TcpStream {
        TcpStream::connect(self.http).unwrap()
    }

    /// Returns a request for `host-1`, with its head.
    pub(crate) fn raw_request(&self, body: &str) -> String {
        format!(
            "POST /api/v1/hosts/host-1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.bearer(),
            body.len()
        )
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(crate) fn wait_for_hosts(&self, wanted: &[&str]) {
        wait_until("the connected hosts", || {
            let hosts = self.get("/hosts?connected=true&limit=1000").1;
            let hosts = hosts["hosts"].as_array().unwrap();
            let found: Vec<&str> = hosts.iter().map(|host| host["id"].as_str().unwrap()).collect();
            found == wanted
        });
    }

    /// Waits until these hosts are connected, and no others.
    pub(crate) fn wait_for_hosts_connected(&self, wanted: &[&str]) {
        wait_until("the connected hosts", || {
            let hosts = self.get("/hosts?connected=true").1;
            let hosts = hosts["hosts"].as_array().unwrap();
            let found: Vec<&str> = hosts.iter().map(|host| host["id"].as_str().unwrap()).collect();
            found == wanted
        });
    }

    /// Waits until `host-1` has no request without a reply.
    pub(crate) fn wait_for_no_requests(&self) {
        wait_until("the end of the requests", || {
            self.get("/hosts/host-1").1["requests_running"] == 0
        });
    }

    /// Returns the base path of a host's certificate and key.
    pub(crate) fn certificate(&self, host: &str) -> PathBuf {
        self.dir.join("agents").join(host)
    }

    pub(crate) fn tls(&self, host: &str) -> Arc<ClientConfig> {
        tls(&self.dir.join("ca.pem"), Some(&self.certificate(host)))
    }

    /// Signs another certificate for a host.
    pub(crate) fn sign(&self, host: &str, change: impl FnOnce(&mut CertificateParams)) {
        sign(&self.dir, &self.certificate(host), &[host], change);
    }

    /// Connects an agent: plain `init`, TLS, `init`.
    pub(crate) fn agent(&self, host: &str) -> Agent {
        let mut plain = connect(self.agents);
        assert!(matches!(plain.init(host), InitReply::Accept));
        let mut agent = start_tls(plain.stream, self.tls(host));
        assert!(matches!(agent.init(host), InitReply::Accept));
        agent
    }
}

/// Connects from an address of loopback and says nothing.
pub(crate) fn silent(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let kind = socket2::Type::STREAM;
    let socket = socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the processor time that a process has used, in user and system mode.
pub(crate) fn processor_time(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in parentheses, may contain blanks (proc_pid_stat(5)).
    let after_name = stat.rsplit_once(')').unwrap().1;
    let mut fields = after_name.split_whitespace().skip(11);
    let ticks: u64 = (0..2).map(|_| fields.next().unwrap().parse::<u64>().unwrap()).sum();
    // USER_HZ is 100 on every architecture of Linux.
    Duration::from_millis(ticks * 10)
}

/// Makes an HTTP client that returns error statuses as responses.
pub(crate) fn http() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(EXCHANGE))
        .max_idle_connections(0)
        .build()
        .into()
}

/// Posts a request for a host; returns the status and the body.
pub(crate) fn post(api: &str, bearer: &str, host: &str, body: &str) -> (u16, String) {
    let mut response = http()
        .post(format!("{api}/hosts/{host}/requests"))
        .header("Authorization", bearer)
        .send(body)
        .unwrap();
    let text = response.body_mut().with_config().limit(100 << 20).read_to_string().unwrap();
    (response.status().as_u16(), text)
}

/// Reads a response: its status and JSON body.
pub(crate) fn read(
    response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> (u16, Value) {
    let mut response = response.unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}
