//! A controller and an agent that can be killed and started again on what they left, and a cable between them
//! that can be cut.

use e2e::{DEADLINE, Scratch, binary};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks at a condition, and between two attempts of a request.
const LOOK: Duration = Duration::from_millis(20);

/// The host's id.
const HOST: &str = "host-1";

/// The two programs and the cable.
pub(crate) struct Site {
    scratch: Scratch,
    state: PathBuf,
    ports: Option<(SocketAddr, SocketAddr)>,
    controller: Option<Child>,
    agent: Option<Child>,
    cable: Cable,
}

impl Site {
    /// Starts both. `state` is the agent's state directory.
    pub(crate) fn start(state: impl FnOnce(&Path) -> PathBuf) -> Self {
        let scratch = Scratch::new("chaos");
        let state = state(scratch.path());
        std::fs::create_dir_all(scratch.file("marks")).expect("the directory is ours");
        let mut site =
            Self { scratch, state, ports: None, controller: None, agent: None, cable: Cable::new() };
        site.start_controller();
        site.start_agent();
        site
    }

    fn log(&self, name: &str) -> File {
        File::options().append(true).create(true).open(self.scratch.file(name)).expect("a log")
    }

    /// Starts the controller, on the ports that it had before.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub(crate) fn start_controller(&mut self) {
        let ready = self.scratch.file("ready.json");
        let _ = std::fs::remove_file(&ready);
        let any = "127.0.0.1:0".parse().expect("an address");
        let (listen, http) = self.ports.unwrap_or((any, any));
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", &listen.to_string(), "--http", &http.to_string(), "--dev-host", HOST])
            .arg("--dev")
            .arg(self.scratch.file("dev"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stderr(self.log("controller.log"))
            .spawn()
            .expect("the controller starts");
        self.controller = Some(child);
        let text = until("the controller is ready", || std::fs::read_to_string(&ready).ok());
        let ready: Value = serde_json::from_str(&text).expect("the ready file is JSON");
        let address = |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("an address");
        let ports = (address(&ready["listen"][0]), address(&ready["http"]));
        self.cable.lay_to(ports.0);
        self.ports = Some(ports);
    }

    /// Starts the agent on the state that it left.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub(crate) fn start_agent(&mut self) {
        let config = self.scratch.file("dev/agents").join(format!("{HOST}.toml"));
        let child = Command::new(binary("BasicAgent"))
            .arg("--config")
            .arg(config)
            .args(["--port", &self.cable.port().to_string(), "--log-level", "info"])
            .arg("--state-dir")
            .arg(&self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log("agent.log"))
            .spawn()
            .expect("the agent starts");
        self.agent = Some(child);
    }

    /// Kills the agent and starts it again.
    pub(crate) fn kill_agent(&mut self) {
        kill(&mut self.agent);
        self.start_agent();
    }

    /// Kills the controller and starts it again.
    pub(crate) fn kill_controller(&mut self) {
        kill(&mut self.controller);
        self.start_controller();
    }

    /// Cuts every connection between them.
    pub(crate) fn cut(&mut self) {
        self.cable.cut();
    }

    /// What asks the controller.
    pub(crate) fn client(&self) -> Client {
        let token = std::fs::read_to_string(self.scratch.file("dev/token")).expect("a token");
        let (_, http) = self.ports.expect("the controller has been started");
        Client { api: format!("http://{http}/api/v1/hosts/{HOST}"), token: token.trim().to_owned() }
    }

    /// The directory in which each task leaves a line for each time it was started.
    pub(crate) fn marks(&self) -> PathBuf {
        self.scratch.file("marks")
    }

    /// What the agent has logged.
    pub(crate) fn agent_log(&self) -> String {
        std::fs::read_to_string(self.scratch.file("agent.log")).unwrap_or_default()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        kill(&mut self.agent);
        kill(&mut self.controller);
        if thread::panicking() {
            let tail = |text: String| {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(60)..].join("\n")
            };
            eprintln!("--- the agent's log ---\n{}", tail(self.agent_log()));
            let log = std::fs::read_to_string(self.scratch.file("controller.log")).unwrap_or_default();
            eprintln!("--- the controller's log ---\n{}", tail(log));
        }
    }
}

fn kill(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Looks until `condition` gives something.
pub(crate) fn until<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, condition)
}

/// The same with a bound of its own.
pub(crate) fn until_within<T>(bound: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + bound;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "not within {} s: {what}", bound.as_secs());
        thread::sleep(LOOK);
    }
}

/// The controller's API for the one host.
#[derive(Clone)]
pub(crate) struct Client {
    api: String,
    token: String,
}

impl Client {
    fn http() -> ureq::Agent {
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into()
    }

    /// Sends a request once; `None` when there was no answer of the agent.
    pub(crate) fn ask(&self, body: &Value) -> Option<Value> {
        let answer = Self::http()
            .post(format!("{}/requests", self.api))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json")
            .send(body.to_string());
        let mut answer = answer.ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        value.get("resp").is_some().then_some(value)
    }

    /// Sends a task until the agent has answered: the answer.
    pub(crate) fn submit(&self, id: &str, cmd: &str) -> Value {
        let body = json!({"id": id, "method": "async.bash", "cmd": cmd});
        until_within(DEADLINE * 6, "the task is answered", || self.ask(&body))
    }

    /// The results that the controller has stored behind a place in their sequence, and the last place.
    pub(crate) fn results(&self, after: u64) -> Option<(Vec<Value>, u64)> {
        let answer = Self::http()
            .get(format!("{}/results?after={after}&limit=1000", self.api))
            .header("Authorization", format!("Bearer {}", self.token))
            .call();
        let mut answer = answer.ok()?;
        let body = answer.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
        let value: Value = serde_json::from_str(&body).ok()?;
        let results = value["results"].as_array()?.clone();
        let last = results.iter().filter_map(|result| result["sequence"].as_u64()).max().unwrap_or(after);
        Some((results.into_iter().map(|result| result["result"].clone()).collect(), last))
    }
}

/// A TCP relay: what agents connect to.
struct Cable {
    listener: TcpListener,
    target: Arc<Mutex<Option<SocketAddr>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    over: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl Cable {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let target: Arc<Mutex<Option<SocketAddr>>> = Arc::default();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let over: Arc<AtomicBool> = Arc::default();
        let (port, to, streams, ended) =
            (listener.try_clone().expect("a descriptor"), target.clone(), open.clone(), over.clone());
        let accepting = thread::spawn(move || {
            for near in port.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let target = *to.lock().expect("no panic holds it");
                let far = target.and_then(|target| TcpStream::connect(target).ok());
                let (Ok(near), Some(far)) = (near, far) else { continue };
                let _ = (near.set_nodelay(true), far.set_nodelay(true));
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) else { continue };
                    // Ends when either side is shut down, which `cut` and `drop` do.
                    thread::spawn(move || relay(from, to));
                }
                let mut streams = streams.lock().expect("no panic holds it");
                streams.clear();
                streams.extend([near, far]);
            }
        });
        Self { listener, target, open, over, accepting: Some(accepting) }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    fn lay_to(&self, target: SocketAddr) {
        *self.target.lock().expect("no panic holds it") = Some(target);
    }

    fn cut(&self) {
        for stream in self.open.lock().expect("no panic holds it").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the accepting thread, which then sees that it is over.
        let _ = TcpStream::connect(self.listener.local_addr().expect("bound"));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
