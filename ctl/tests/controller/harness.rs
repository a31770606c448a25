//! A real controller with its own CA and HTTPS, and people who use the real BasicAgentCtl.

use nix::unistd::{Gid, Uid, chown};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use test_support::{Scratch, start_until_ready};

/// The account of an ordinary person: `nobody`.
const NOBODY: u32 = 65534;

/// Returns a binary beside the one under test.
fn binary(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_BasicAgentCtl")).with_file_name(name);
    assert!(path.exists(), "{name} is not built: run cargo build --workspace first");
    path
}

/// A running controller.
pub(crate) struct Controller {
    child: Child,
    scratch: Scratch,
    /// `https://127.0.0.1:PORT`
    pub(crate) url: String,
    /// The link for the first operator.
    pub(crate) setup: String,
}

impl Controller {
    /// Starts a controller that nobody has used before.
    pub(crate) fn start() -> Self {
        let scratch = Scratch::new("ctl-controller");
        // Beyond loopback, so that the API is HTTPS with a certificate of the controller's own CA.
        let (child, ready) = launch(&scratch, ["127.0.0.1:0", "0.0.0.0:0"]);
        let (_, port) = ready["http"].as_str().unwrap().rsplit_once(':').unwrap();
        let url = format!("https://127.0.0.1:{port}");
        let (_, secret) = ready["setup"].as_str().unwrap().split_once('#').unwrap();
        let setup = format!("{url}/setup#{secret}");
        Self { child, scratch, url, setup }
    }

    /// Kills the controller.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts the controller again on its state and its ports.
    pub(crate) fn start_again(&mut self) {
        let (_, port) = self.url.rsplit_once(':').unwrap();
        let agents = self.agents();
        self.child = launch(&self.scratch, [&agents, &format!("0.0.0.0:{port}")]).0;
    }

    /// Returns the controller's own root certificate.
    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.file("state/ca/root.pem")
    }

    /// Returns where agents connect.
    fn agents(&self) -> String {
        let ready = std::fs::read_to_string(self.scratch.file("ready")).unwrap();
        let ready: Value = serde_json::from_str(&ready).unwrap();
        ready["listen"][0].as_str().unwrap().to_owned()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts a controller that listens for agents and for operators, and returns its ready file.
fn launch(scratch: &Scratch, [agents, operators]: [&str; 2]) -> (Child, Value) {
    let (ready, log) = (scratch.file("ready"), scratch.file("log"));
    let mut command = Command::new(binary("BasicAgentController"));
    command
        .args(["--listen", agents, "--http", operators])
        .arg("--state-dir")
        .arg(scratch.file("state"))
        .arg("--ready-file")
        .arg(&ready);
    let (child, text) = start_until_ready(&mut command, &ready, &log);
    (child, serde_json::from_str(&text).unwrap())
}

/// A person with a home and the binary.
pub(crate) struct Person {
    pub(crate) home: PathBuf,
    words: Vec<String>,
    scratch: Scratch,
}

impl Person {
    /// The account that runs the test.
    pub(crate) fn myself() -> Self {
        let scratch = Scratch::new("ctl-person");
        let words = vec![binary("BasicAgentCtl").to_str().unwrap().to_owned()];
        Self { home: scratch.file("home"), words, scratch }
    }

    /// An ordinary user, if the test runs as root.
    pub(crate) fn ordinary() -> Self {
        let person = Self::myself();
        if !Uid::effective().is_root() {
            return person;
        }
        // The checkout may be where only root can go.
        let copy = person.scratch.file("BasicAgentCtl");
        test_support::copy_program(binary("BasicAgentCtl"), &copy);
        std::fs::create_dir(&person.home).unwrap();
        for path in [person.scratch.path(), &person.home] {
            chown(path, Some(Uid::from_raw(NOBODY)), Some(Gid::from_raw(NOBODY))).unwrap();
        }
        let id = NOBODY.to_string();
        let words = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"];
        let mut words: Vec<String> = words.map(str::to_owned).to_vec();
        words.push(copy.to_str().unwrap().to_owned());
        Self { words, ..person }
    }

    /// Returns the file of the contexts.
    pub(crate) fn contexts(&self) -> PathBuf {
        self.home.join(".config/basicagent/contexts.json")
    }

    /// Starts BasicAgentCtl.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        Command::new(&self.words[0])
            .args(&self.words[1..])
            .args(args)
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("BASICAGENT_TOKEN")
            .env("HOME", &self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Runs BasicAgentCtl; returns its exit status and both outputs.
    pub(crate) fn run(&self, args: &[&str], stdin: &str) -> (i32, String, String) {
        use std::io::Write as _;
        let mut child = self.start(args);
        // A process that does not read its input may be gone.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        ended(child)
    }

    /// Runs BasicAgentCtl, which must succeed, and returns its standard output.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let (status, out, err) = self.run(args, "");
        assert_eq!(status, 0, "{args:?}: {err}");
        out
    }

    /// Runs BasicAgentCtl with `-o json`, which must succeed.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[args, &["-o", "json"]].concat())).unwrap()
    }

    /// Creates the first operator and logs in.
    pub(crate) fn first_login(&self, controller: &Controller, password: &str) {
        let pin = pin(controller);
        let flags = ["--ca", &pin, "--name", "alice", "--password-stdin"];
        for words in [["setup", &controller.setup], ["login", &controller.url]] {
            let (status, _, err) = self.run(&[&words[..], &flags].concat(), password);
            assert_eq!(status, 0, "{words:?}: {err}");
        }
    }
}

/// Waits for the end of BasicAgentCtl; returns its exit status and both outputs.
pub(crate) fn ended(child: Child) -> (i32, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Returns the pin of a controller's CA, computed by another program.
pub(crate) fn pin(controller: &Controller) -> String {
    let script =
        format!("openssl x509 -in {} -outform der | sha256sum", controller.root().display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split(' ').next().unwrap())
}

/// A machine whose agent joins by a join line.
pub(crate) struct Machine {
    scratch: Scratch,
    running: Option<Child>,
    /// Words before the agent: what gives it files of its own.
    words: Vec<String>,
}

impl Machine {
    /// Gives the machine files of its own, by their usual paths, and these plugins. Needs root.
    pub(crate) fn with_files(mut self, files: &[(&str, &str)], plugins: &[&str]) -> Self {
        let sources: Vec<PathBuf> = files
            .iter()
            .map(|(path, text)| self.scratch.write(&path.replace('/', "_"), text))
            .collect();
        let binds: Vec<(&Path, &str)> = sources
            .iter()
            .zip(files)
            .map(|(source, (path, _))| (source.as_path(), *path))
            .collect();
        self.words = test_support::in_mount_namespace(&binds);
        // The loader rejects a folder below one that others can write to, as a checkout may be.
        let folder = self.scratch.file("plugins");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        for plugin in plugins {
            let name = format!("libgetinfo_{plugin}.so");
            std::fs::copy(binary(&name), folder.join(&name)).unwrap();
            let private = Permissions::from_mode(0o644);
            std::fs::set_permissions(folder.join(name), private).unwrap();
        }
        let config = self.scratch.file("agent.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        std::fs::write(config, format!("plugin_dirs = [{folder:?}]\n{text}")).unwrap();
        self
    }

    /// Changes one of the machine's own files.
    pub(crate) fn change_file(&self, path: &str, text: &str) {
        // In place: the agent has this very file at the usual path.
        std::fs::write(self.scratch.file(&path.replace('/', "_")), text).unwrap();
    }

    /// Configures an agent for the address where this test's controller listens.
    pub(crate) fn new(controller: &Controller, host: &str) -> Self {
        Self::with_policy(controller, host, "default = 'allow'")
    }

    /// Does the same for a machine with a policy.
    pub(crate) fn with_policy(controller: &Controller, host: &str, policy: &str) -> Self {
        let scratch = Scratch::new("ctl-agent");
        let config = format!(
            "server = \"{}\"\nhost_id = \"{host}\"\nstate_dir = \"{}\"\nrun_dir = \"{}\"\n\
             policy = \"{}\"\n[cron]\ndir = \"{}\"\n",
            controller.agents(),
            scratch.file("state").display(),
            scratch.file("run").display(),
            scratch.write("policy.toml", policy).display(),
            scratch.file("cron.d").display()
        );
        scratch.write("agent.toml", config);
        Self { scratch, running: None, words: Vec::new() }
    }

    /// Returns the agent's local socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.scratch.file("run/agent.sock")
    }

    /// Begins to join by the line that `token create` printed.
    pub(crate) fn enroll(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let flag = |name| words[words.iter().position(|word| *word == name).unwrap() + 1];
        self.run(&["enroll", "--ca", flag("--ca"), "--token", flag("--token")]);
    }

    /// Waits until the machine has joined.
    pub(crate) fn wait_until_joined(&mut self) {
        let status = self.running.take().unwrap().wait().unwrap();
        let said = || std::fs::read_to_string(self.scratch.file("log")).unwrap();
        assert!(status.success(), "{}", said());
    }

    /// Returns a file of the machine.
    #[allow(dead_code, reason = "the tests of schedules use it")]
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    /// Starts the agent.
    pub(crate) fn start(&mut self) {
        self.run(&[]);
    }

    /// Kills what runs on the machine.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn run(&mut self, args: &[&str]) {
        self.kill();
        let log = self.scratch.file("log");
        let log = std::fs::File::options().append(true).create(true).open(log).unwrap();
        let agent = binary("BasicAgent").display().to_string();
        let words: Vec<&String> = self.words.iter().chain([&agent]).collect();
        let mut agent = Command::new(words[0]);
        agent.args(&words[1..]).args(args).arg("--config").arg(self.scratch.file("agent.toml"));
        agent.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.running = Some(agent.spawn().unwrap());
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}
