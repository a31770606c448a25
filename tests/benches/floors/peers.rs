//! The agent and the floor as processes, each with its channel.

use crate::line::Line;
use e2e::{Agent, AgentConfig, Pki, Scratch, binary};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// The listener that peers connect to.
pub(crate) struct Controller {
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    pki: Pki,
}

/// A floor process; killed when dropped.
pub(crate) struct Floor {
    child: Child,
    _files: Scratch,
}

impl Controller {
    /// Listens on a port of 127.0.0.1.
    pub(crate) fn new() -> Self {
        let pki = Pki::new();
        let tls = pki.server(&pki.sign(&["config.cargo.com"]));
        Self { listener: TcpListener::bind("127.0.0.1:0").expect("a free port"), tls, pki }
    }

    /// Starts an agent with default settings, with `wrapper` before its command line.
    pub(crate) fn agent(&self, wrapper: Vec<String>) -> (Agent, Line) {
        let mut config = AgentConfig::new(self.listener.local_addr().expect("bound"));
        config.wrapper = wrapper;
        self.start(config)
    }

    /// Starts an agent with these tables in its configuration.
    pub(crate) fn agent_with(&self, extra: &str) -> (Agent, Line) {
        let mut config = AgentConfig::new(self.listener.local_addr().expect("bound"));
        config.extra = extra.to_owned();
        self.start(config)
    }

    /// Accepts the channel of a restarted agent.
    pub(crate) fn again(&self) -> Line {
        Line::accept(&self.listener, &self.tls)
    }

    fn start(&self, mut config: AgentConfig) -> (Agent, Line) {
        config.log_level = "info";
        let agent = Agent::start(&self.pki, config);
        let line = Line::accept(&self.listener, &self.tls);
        (agent, line)
    }

    /// Starts a floor in this mode.
    #[expect(clippy::disallowed_methods, reason = "a bench starts the programs that it measures")]
    pub(crate) fn floor(&self, mode: &str, more: &[&str]) -> (Floor, Line) {
        let files = Scratch::new("floor");
        files.write("ca.pem", self.pki.ca());
        self.pki.sign(&["floor"]).write(&files, "agent");
        let child = Command::new(binary("floor"))
            .args([mode, &self.listener.local_addr().expect("bound").to_string()])
            .arg(files.path())
            .args(more)
            .stdin(Stdio::null())
            .spawn()
            .expect("the floor starts");
        let line = Line::accept(&self.listener, &self.tls);
        (Floor { child, _files: files }, line)
    }
}

impl Floor {
    /// Returns the floor's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
