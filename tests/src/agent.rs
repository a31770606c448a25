//! A real BasicAgent process with its configuration and log.

use crate::{Pki, Scratch, binary, eventually, install_plugins};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The name in test servers' certificates.
const SERVER_NAME: &str = "config.cargo.com";

/// The content of the agent's configuration file. `extra` is appended unchanged, so it may contain
/// tables.
#[derive(Debug)]
pub struct AgentConfig {
    /// `server`, as TOML.
    pub server: String,
    /// `port`.
    pub port: u16,
    /// `bootstrap`.
    pub bootstrap: &'static str,
    /// `host_id`.
    pub host_id: String,
    /// `[enroll]`, in place of the files of `[tls]`; `None` for the files.
    pub enroll: Option<String>,
    /// `tls.server_name`; `None` leaves the default.
    pub server_name: Option<String>,
    /// Top-level keys.
    pub top: String,
    /// Tables.
    pub extra: String,
    /// Lines of the section `[cron]`.
    pub cron: String,
    /// A command put before the agent's own, such as `unshare`.
    pub wrapper: Vec<String>,
    /// `--log-level`.
    pub log_level: &'static str,
}

impl AgentConfig {
    /// Returns the configuration of an agent that contacts this server over plain TCP first.
    pub fn new(server: SocketAddr) -> Self {
        Self {
            server: format!("\"{server}\""),
            port: server.port(),
            bootstrap: "plain",
            host_id: "host-1".to_owned(),
            enroll: None,
            server_name: Some(SERVER_NAME.to_owned()),
            top: String::new(),
            extra: String::new(),
            cron: String::new(),
            wrapper: Vec::new(),
            log_level: "debug",
        }
    }
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    scratch: Scratch,
    config: AgentConfig,
}

impl Agent {
    /// Writes the configuration and starts the agent, with a certificate from `pki` for its host
    /// id.
    pub fn start(pki: &Pki, config: AgentConfig) -> Self {
        Self::start_trusting(pki, pki, config)
    }

    /// Starts an agent in a folder that the test has prepared, with no certificate of its own.
    pub fn start_in(scratch: Scratch, config: AgentConfig) -> Self {
        install_plugins(&scratch);
        let child = launch(&scratch, &config);
        Self { child, scratch, config }
    }

    /// Starts an agent whose certificate comes from another CA than the one it trusts.
    pub fn start_trusting(trusted: &Pki, own: &Pki, config: AgentConfig) -> Self {
        let scratch = Scratch::new("agent");
        scratch.write("ca.pem", trusted.ca());
        own.sign(&[&config.host_id]).write(&scratch, "agent");
        install_plugins(&scratch);
        let child = launch(&scratch, &config);
        Self { child, scratch, config }
    }

    /// Kills the agent and restarts it on the same state.
    pub fn restart(&mut self) {
        self.kill();
        self.child = launch(&self.scratch, &self.config);
    }

    /// Starts another agent with the test's own configuration file; it logs to the same file.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub fn another(&self, config: &Path) -> Child {
        let log = File::options()
            .append(true)
            .open(self.scratch.file("log"))
            .expect("created at the start");
        let mut command = Command::new(binary("BasicAgent"));
        command.arg("--config").arg(config).stderr(log).spawn().expect("the agent starts")
    }

    /// Changes the configuration file, which the agent reads at its next start or on SIGHUP.
    pub fn rewrite(&mut self, change: impl FnOnce(&mut AgentConfig)) {
        change(&mut self.config);
        write_config(&self.scratch, &self.config);
    }

    /// Returns the agent's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the agent's folder: state, configuration, log.
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Returns the agent's log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }

    /// Waits until the log contains `text`.
    pub async fn logged(&self, text: &str) {
        eventually(&format!("the log contains {text:?}"), || self.log().contains(text)).await;
    }

    /// Sends the agent a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).expect("a pid")), signal).expect("our child");
    }

    /// Returns the agent's exit status, or `None` while it runs.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our child")
    }

    /// Kills the agent with SIGKILL and reaps it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until the agent exits by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        crate::eventually_some("the agent exits", || child.try_wait().expect("our child")).await
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the agent's log ---\n{}---", self.log());
        }
    }
}

fn write_config(scratch: &Scratch, config: &AgentConfig) -> PathBuf {
    let at = |name: &str| scratch.file(name).display().to_string();
    let mut text = format!(
        "server = {}\nport = {}\nbootstrap = \"{}\"\nhost_id = \"{}\"\nstate_dir = \"{}\"\nrun_dir = \"{}\"\nplugin_dirs = [\"{}\"]\n{}\n",
        config.server,
        config.port,
        config.bootstrap,
        config.host_id,
        at("state"),
        at("run"),
        at("plugins"),
        config.top,
    );
    let _ = match &config.enroll {
        Some(keys) => write!(text, "[enroll]\n{keys}\n[tls]\n"),
        None => write!(
            text,
            "[tls]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n",
            at("ca.pem"),
            at("agent.pem"),
            at("agent.key")
        ),
    };
    if let Some(name) = &config.server_name {
        let _ = writeln!(text, "server_name = \"{name}\"");
    }
    text.push_str(&config.extra);
    // Never the host's own crontab directory.
    let cron = scratch.file("cron.d");
    text.push_str(&format!("\n[cron]\ndir = \"{}\"\n", cron.display()));
    text.push_str(&config.cron);
    scratch.write("agent.toml", text)
}

#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
fn launch(scratch: &Scratch, config: &AgentConfig) -> Child {
    let file = write_config(scratch, config);
    let log = File::options()
        .append(true)
        .create(true)
        .open(scratch.file("log"))
        .expect("the directory is ours");
    let mut words: Vec<String> = config.wrapper.clone();
    words.push(binary("BasicAgent").display().to_string());
    Command::new(&words[0])
        .args(&words[1..])
        .arg("--config")
        .arg(file)
        .args(["--log-level", config.log_level])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a descriptor"))
        .stderr(log)
        .spawn()
        .expect("the agent starts")
}
