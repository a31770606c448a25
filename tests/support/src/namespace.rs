//! Mounts and networks that belong to one test; only root can create them.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Returns whether the process is root; if not, prints that the test is skipped.
pub fn needs_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED (needs root): {test}");
    }
    root
}

/// Returns the words to put before a command so that it runs in a mount namespace of its own where
/// each of these files is bound over another.
pub fn in_mount_namespace(binds: &[(&Path, &str)]) -> Vec<String> {
    let mut script = String::from("set -e\n");
    for (from, over) in binds {
        script.push_str(&format!("mount --bind '{}' '{over}'\n", from.display()));
    }
    script.push_str("exec \"$@\"");
    ["unshare", "-m", "--propagation", "private", "sh", "-c", &script, "sh"]
        .map(str::to_owned)
        .to_vec()
}

/// Returns whether the calling test runs after these words already, in the namespaces that they
/// make. If not, runs it so and waits for its success; without root, prints that it is skipped.
///
/// # Panics
/// When the test fails there.
#[expect(clippy::disallowed_methods, reason = "a test runs itself in a namespace")]
pub fn is_inside(test: &str, words: &[String]) -> bool {
    const INSIDE: &str = "TEST_RUNS_INSIDE";
    if std::env::var_os(INSIDE).is_some_and(|inside| inside == test) {
        return true;
    }
    if needs_root(test) {
        let own = std::env::current_exe().expect("a test knows its own path");
        let output = Command::new(&words[0])
            .args(&words[1..])
            .arg(own)
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, test)
            .output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", words[0]));
        assert!(output.status.success(), "{output:?}");
    }
    false
}

/// Runs a command and waits for its success.
///
/// # Panics
/// When the command cannot be started or fails.
#[expect(clippy::disallowed_methods, reason = "a test sets up its own machine")]
pub fn run(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}", words[0]));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two network namespaces joined by a veth pair: a new one for the calling thread and one for an
/// agent.
#[derive(Debug)]
pub struct NetworkPair {
    holder: Child,
}

impl NetworkPair {
    /// The address at the calling thread's end.
    pub const SERVER: &'static str = "10.99.0.1";

    /// Moves the calling thread into a new network namespace and joins it to the agent's.
    ///
    /// # Panics
    /// Without root, or without unshare(1) and ip(8).
    #[expect(clippy::disallowed_methods, reason = "a test sets up its own machine")]
    pub fn lay() -> Self {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("we are root");
        // The agent's namespace lives as long as this process waits for input.
        let holder = Command::new("unshare")
            .args(["-n", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let pair = Self { holder: holder.expect("unshare is installed") };
        let pid = pair.holder.id().to_string();
        let own = std::fs::read_link("/proc/thread-self/ns/net").expect("/proc");
        let end = std::time::Instant::now() + crate::DEADLINE;
        while std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|other| other == own) {
            assert!(std::time::Instant::now() < end, "unshare -n made no namespace");
            std::thread::yield_now();
        }
        run(&[
            "ip",
            "link",
            "add",
            "server",
            "address",
            "02:00:00:00:00:01",
            "type",
            "veth",
            "peer",
            "name",
            "agent",
            "netns",
            &pid,
        ]);
        run(&["ip", "address", "add", "10.99.0.1/24", "dev", "server"]);
        run(&["ip", "link", "set", "server", "up"]);
        pair.on_agents_side(&["ip", "address", "add", "10.99.0.2/24", "dev", "agent"]);
        pair.on_agents_side(&["ip", "link", "set", "agent", "up"]);
        // A permanent neighbor entry: lost packets stay lost, with no "host unreachable".
        pair.on_agents_side(&[
            "ip",
            "neighbour",
            "add",
            "10.99.0.1",
            "lladdr",
            "02:00:00:00:00:01",
            "dev",
            "agent",
            "nud",
            "permanent",
        ]);
        pair
    }

    /// Returns the words to put before a command so that it runs at the agent's end.
    pub fn wrapper(&self) -> Vec<String> {
        ["nsenter", "-n", "-t", &self.holder.id().to_string()].map(str::to_owned).to_vec()
    }

    /// Drops every packet of the agent from now on, without an error to it.
    pub fn swallow_packets(&self) {
        run(&["ip", "address", "del", "10.99.0.1/24", "dev", "server"]);
    }

    /// Delivers packets again.
    pub fn deliver_packets(&self) {
        run(&["ip", "address", "add", "10.99.0.1/24", "dev", "server"]);
    }

    fn on_agents_side(&self, words: &[&str]) {
        let wrapper = self.wrapper();
        let all: Vec<&str> =
            wrapper.iter().map(String::as_str).chain(words.iter().copied()).collect();
        run(&all);
    }
}

impl Drop for NetworkPair {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
