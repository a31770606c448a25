//! Real agents that join by a line, as the controller prints it or a page shows it.

use e2e::{Agent, AgentConfig, binary};
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use test_support::{Scratch, wait_some};

/// Plugins that agents have beside those of every test: pages draw what they tell of this machine.
const PLUGINS: [&str; 3] = ["libgetinfo_os.so", "libgetinfo_disks.so", "libgetinfo_packages.so"];

/// A line that runs: it ends when the host is admitted.
#[derive(Debug)]
pub struct Joining {
    child: Child,
    scratch: Scratch,
    line: String,
}

impl Joining {
    /// Runs the line, as it is, with a state directory of its own.
    ///
    /// # Panics
    /// When it is not a line that can run.
    pub fn start(line: &str) -> Self {
        Self::start_with(line, "")
    }

    /// Runs the line on a host that has its id already.
    ///
    /// # Panics
    /// When it is not a line that can run.
    pub fn start_named(line: &str, id: &str) -> Self {
        Self::start_with(line, &format!("host_id = \"{id}\"\n"))
    }

    fn start_with(line: &str, config: &str) -> Self {
        let scratch = Scratch::new("agent");
        scratch.write("enroll.toml", config);
        Self { child: run(line, &scratch), scratch, line: line.to_owned() }
    }

    /// Interrupts the line, and runs it again at once: it goes on with the same key.
    ///
    /// # Panics
    /// Never: the process is ours.
    pub fn again(&mut self) {
        self.child.kill().expect("our child");
        self.child.wait().expect("our child");
        self.child = run(&self.line, &self.scratch);
    }

    /// Returns whether the line still waits, as for an approval.
    ///
    /// # Panics
    /// Never: the process is ours.
    pub fn waits(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Waits until the host is admitted, then starts its agent. Returns the host's id too.
    ///
    /// # Panics
    /// When the host is refused.
    pub fn connect(mut self, config: AgentConfig) -> (String, Agent) {
        let child = &mut self.child;
        let status = wait_some("the line ends", || child.try_wait().expect("our child"));
        let said = std::fs::read_to_string(self.scratch.file("enroll.log")).expect("a log");
        assert!(status.success(), "{said}");
        let record = std::fs::read(self.scratch.file("state/identity/identity.json"));
        let record: Value = serde_json::from_slice(&record.expect("a record")).expect("JSON");
        let id = record["host_id"].as_str().expect("an id").to_owned();
        let plugins = e2e::install_plugins(&self.scratch);
        PLUGINS.iter().for_each(|name| e2e::install_plugin(&plugins, name));
        (id, Agent::start_in(std::mem::replace(&mut self.scratch, Scratch::new("done")), config))
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
fn run(line: &str, scratch: &Scratch) -> Child {
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words.first(), Some(&"BasicAgent"), "{line}");
    let said = File::create(scratch.file("enroll.log")).expect("the folder is ours");
    Command::new(binary("BasicAgent"))
        .args(&words[1..])
        .arg("--state-dir")
        .arg(scratch.file("state"))
        .arg("--config")
        .arg(scratch.file("enroll.toml"))
        .stdin(Stdio::null())
        .stdout(said.try_clone().expect("a descriptor"))
        .stderr(said)
        .spawn()
        .expect("it runs")
}
