//! A real controller, and hosts that have joined it, each with a real agent, and a host name and
//! mounts of its own.

#![allow(dead_code, reason = "each test file uses a part")]

use e2e::{DEADLINE, Scratch, binary, wait_some};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) struct Controller {
    pub(crate) scratch: Scratch,
    child: Child,
    listen: String,
    http: String,
    /// What its database is, where that is no file.
    database: Option<String>,
}

pub(crate) struct Host {
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    /// The name of its machine.
    pub(crate) name: String,
    /// A shell command that runs in the machine before the agent.
    pub(crate) first: String,
    pub(crate) child: Child,
}

fn log(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

impl Controller {
    pub(crate) fn start(name: &str) -> Self {
        Self::start_on(name, None)
    }

    /// Starts a controller on the database of this URL.
    pub(crate) fn start_on(name: &str, database: Option<&str>) -> Self {
        let scratch = Scratch::new(name);
        let (child, ready) = Self::launch(&scratch, "127.0.0.1:0", "127.0.0.1:0", database);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (listen, http) = (text(&ready["listen"][0]), text(&ready["http"]));
        Self { scratch, child, listen, http, database: database.map(str::to_owned) }
    }

    fn launch(
        scratch: &Scratch,
        listen: &str,
        http: &str,
        database: Option<&str>,
    ) -> (Child, Value) {
        let ready = scratch.file("ready.json");
        let _ = std::fs::remove_file(&ready);
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", listen, "--http", http, "--enroll-rate-per-address", "1000"])
            .args(database.iter().flat_map(|url| ["--database", url]))
            .arg("--dev")
            .arg(scratch.file("dev"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stderr(log(&scratch.file("controller.log")))
            .spawn()
            .unwrap();
        let text = wait_some("the controller is ready", || std::fs::read_to_string(&ready).ok());
        (child, serde_json::from_str(&text).unwrap())
    }

    /// Kills it and starts it again.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let database = self.database.as_deref();
        self.child = Self::launch(&self.scratch, &self.listen, &self.http, database).0;
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.call("GET", path, None)
    }

    /// Calls the API; `None` while the controller is away.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
        let http: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE * 2))
            .build()
            .into();
        let token = std::fs::read_to_string(self.scratch.file("dev/token")).unwrap();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v1{path}", self.http))
            .header("Authorization", format!("Bearer {}", token.trim()))
            .header("Content-Type", "application/json");
        let answer = match body {
            Some(body) => http.run(request.body(body.to_string()).unwrap()),
            None => http.run(request.body(()).unwrap()),
        };
        let text = answer.ok()?.body_mut().read_to_string().ok()?;
        if text.is_empty() { Some(Value::Null) } else { serde_json::from_str(&text).ok() }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let text = std::fs::read_to_string(self.scratch.file("controller.log")).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

impl Host {
    /// Lets a host join, and starts its agent. `more` goes into the agent's configuration.
    pub(crate) fn join(controller: &Controller, id: &str, more: &str) -> Self {
        let dir = controller.scratch.file(id);
        // The log may come later than the ready file.
        let pin = wait_some("the join line in the log", || {
            let text = std::fs::read_to_string(controller.scratch.file("controller.log")).ok()?;
            let (pin, _) = text.split_once("--ca ")?.1.split_once(' ')?;
            Some(pin.to_owned())
        });
        let token = std::fs::read_to_string(controller.scratch.file("dev/join-token")).unwrap();
        Self::join_by(&[&controller.listen], &pin, token.trim(), dir, id, more)
    }

    /// As [`Host::join`], by the first of these servers, in this folder.
    pub(crate) fn join_by(
        servers: &[&str],
        pin: &str,
        token: &str,
        dir: PathBuf,
        id: &str,
        more: &str,
    ) -> Self {
        std::fs::create_dir_all(&dir).unwrap();
        let config = format!(
            "server = {servers:?}\nstate_dir = \"{}\"\nrun_dir = \"{}\"\n{more}\n[cron]\ndir = \"{}\"\n",
            dir.join("state").display(),
            dir.join("run").display(),
            dir.join("cron.d").display(),
        );
        std::fs::write(dir.join("agent.toml"), config).unwrap();
        let joined = Command::new(binary("BasicAgent"))
            .args(["enroll", "--host-id", id, "--ca", pin, "--server", servers[0]])
            .args(["--token", token, "--config"])
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&dir.join("log")))
            .status()
            .unwrap();
        let said = || std::fs::read_to_string(dir.join("log")).unwrap();
        assert!(joined.success(), "{id}: {}", said());
        let first = "true".to_owned();
        let child = Self::launch(id, &first, &dir);
        Self { id: id.to_owned(), name: id.to_owned(), first, dir, child }
    }

    /// Starts the agent in a machine of this name, whose mounts are its own.
    fn launch(name: &str, first: &str, dir: &Path) -> Child {
        Command::new("unshare")
            .args(["--uts", "--mount", "sh", "-c"])
            .arg("hostname \"$1\" && eval \"$2\" && shift 2 && exec \"$@\"")
            .args(["sh", name, first])
            .arg(binary("BasicAgent"))
            .arg("--config")
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&dir.join("log")))
            .spawn()
            .unwrap()
    }

    /// Kills the agent and starts it again.
    pub(crate) fn kill(&mut self) {
        self.stop();
        self.start();
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn start(&mut self) {
        self.child = Self::launch(&self.name, &self.first, &self.dir);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
