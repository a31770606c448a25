//! A NATS server that belongs to one test and ends with it.

use crate::{DEADLINE, Scratch, wait_some_within};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server.
#[derive(Debug)]
pub struct NatsServer {
    scratch: Scratch,
    program: PathBuf,
    /// What its configuration says beside the port.
    more: String,
    port: u16,
    child: Option<Child>,
}

impl NatsServer {
    /// Starts a server with this configuration beside its port, which is on 127.0.0.1. `None`, with a
    /// line that the test is skipped, where there is none. The server ends with the calling thread.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(more: &str) -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("SKIPPED (needs nats-server: make test-deps): a test of the bus");
            return None;
        };
        let scratch = Scratch::new("nats");
        let mut server = Self { scratch, program, more: more.to_owned(), port: 0, child: None };
        server.start_again();
        Some(server)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("our child");
            child.wait().expect("our child");
        }
    }

    /// Starts the server again on the same port, and waits until it takes connections.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        // -1: any free port, which the server writes into a file.
        let port = if self.port == 0 { "-1".to_owned() } else { self.port.to_string() };
        let text = format!("listen: \"127.0.0.1:{port}\"\n{}", self.more);
        let config = self.scratch.write("nats.conf", text);
        let log = self.scratch.file("log");
        let told = fs::File::options().create(true).append(true).open(&log).expect("our folder");
        // The signal comes when the thread of the test ends, however it ends.
        #[expect(clippy::disallowed_methods, reason = "a test runs its own server")]
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .arg("--config")
            .arg(config)
            .arg("--ports_file_dir")
            .arg(self.scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(told)
            .spawn()
            .expect("setpriv(1)");
        let file = self.scratch.file(&format!("nats-server_{}.ports", child.id()));
        self.child = Some(child);
        self.port = wait_some_within(DEADLINE * 3, "the NATS server", || {
            let child = self.child.as_mut().expect("it was just set");
            if let Ok(Some(status)) = child.try_wait() {
                panic!("it ended, {status}: {}", fs::read_to_string(&log).unwrap_or_default());
            }
            port_in(&file)
        });
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads `{"nats":["nats://127.0.0.1:4222"]}`, once it is whole.
fn port_in(file: &Path) -> Option<u16> {
    let text = fs::read_to_string(file).ok()?;
    let (_, rest) = text.split_once("://127.0.0.1:")?;
    let (port, _) = rest.split_once('"')?;
    port.parse().ok()
}

/// Returns the server's program: `make test-deps` puts it into target/tools.
fn program() -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::iter::once(tools).chain(std::env::split_paths(&path));
    folders.find_map(|folder| {
        let program = folder.join("nats-server");
        program.exists().then_some(program)
    })
}
