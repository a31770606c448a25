//! A controller and an agent that can be killed and restarted on their state, and a cable between
//! them that can be cut.

use crate::cable::Cable;
use crate::client::Client;
use e2e::{Scratch, binary, wait_some};
use serde_json::Value;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

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
    /// Starts both programs. `state` returns the agent's state directory.
    pub(crate) fn start(state: impl FnOnce(&Path) -> PathBuf) -> Self {
        let scratch = Scratch::new("chaos");
        let state = state(scratch.path());
        std::fs::create_dir_all(scratch.file("marks")).expect("the directory is ours");
        let mut site = Self {
            scratch,
            state,
            ports: None,
            controller: None,
            agent: None,
            cable: Cable::new(),
        };
        site.start_controller();
        site.join();
        site.start_agent();
        site
    }

    /// Lets the agent's host join by the controller's join token.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    fn join(&self) {
        // The log may come later than the ready file.
        let pin = wait_some("the join line in the log", || {
            let text = std::fs::read_to_string(self.scratch.file("controller.log")).ok()?;
            let (pin, _) = text.split_once("--ca ")?.1.split_once(' ')?;
            Some(pin.to_owned())
        });
        let token = std::fs::read_to_string(self.scratch.file("dev/join-token")).expect("a token");
        let (listen, _) = self.ports.expect("the controller has been started");
        let joined = Command::new(binary("BasicAgent"))
            .args(["enroll", "--host-id", HOST, "--ca", &pin])
            .args(["--server", &listen.to_string(), "--token", token.trim()])
            .arg("--config")
            .arg(self.scratch.file("dev/agent.toml"))
            .arg("--state-dir")
            .arg(&self.state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log("agent.log"))
            .status()
            .expect("the agent starts");
        assert!(joined.success(), "{joined}: {}", self.agent_log());
    }

    fn log(&self, name: &str) -> File {
        File::options().append(true).create(true).open(self.scratch.file(name)).expect("a log")
    }

    /// Starts the controller, on its previous ports.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub(crate) fn start_controller(&mut self) {
        let ready = self.scratch.file("ready.json");
        let _ = std::fs::remove_file(&ready);
        let any = "127.0.0.1:0".parse().expect("an address");
        let (listen, http) = self.ports.unwrap_or((any, any));
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", &listen.to_string(), "--http", &http.to_string()])
            .arg("--dev")
            .arg(self.scratch.file("dev"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stderr(self.log("controller.log"))
            .spawn()
            .expect("the controller starts");
        self.controller = Some(child);
        let text = wait_some("the controller is ready", || std::fs::read_to_string(&ready).ok());
        let ready: Value = serde_json::from_str(&text).expect("the ready file is JSON");
        let address =
            |value: &Value| value.as_str().and_then(|text| text.parse().ok()).expect("an address");
        let ports = (address(&ready["listen"][0]), address(&ready["http"]));
        self.cable.lay_to(ports.0);
        self.ports = Some(ports);
    }

    /// Starts the agent on its previous state.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub(crate) fn start_agent(&mut self) {
        let config = self.scratch.file("dev/agent.toml");
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

    /// Kills the agent and restarts it.
    pub(crate) fn kill_agent(&mut self) {
        kill(&mut self.agent);
        self.start_agent();
    }

    /// Kills the controller and restarts it.
    pub(crate) fn kill_controller(&mut self) {
        kill(&mut self.controller);
        self.start_controller();
    }

    /// Cuts every connection between the two.
    pub(crate) fn cut(&mut self) {
        self.cable.cut();
    }

    /// Returns a client of the controller.
    pub(crate) fn client(&self) -> Client {
        let token = std::fs::read_to_string(self.scratch.file("dev/token")).expect("a token");
        let (_, http) = self.ports.expect("the controller has been started");
        Client::new(format!("http://{http}/api/v1/hosts/{HOST}"), token.trim())
    }

    /// Returns the directory in which each task writes one line per start.
    pub(crate) fn marks(&self) -> PathBuf {
        self.scratch.file("marks")
    }

    /// Returns the agent's log.
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
            let log =
                std::fs::read_to_string(self.scratch.file("controller.log")).unwrap_or_default();
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
