//! The real controller with its console, one operator, and what tests ask of its API.

use crate::driver::Browser;
use e2e::{Agent, AgentConfig, binary};
use serde_json::{Value, json};
use std::process::{Child, Command};
use test_support::{Scratch, start_until_ready, wait_until};

/// The operator's password.
const PASSWORD: &str = "correct horse battery";

/// A controller whose first operator is `ann`, an admin.
#[derive(Debug)]
pub struct Console {
    scratch: Scratch,
    child: Child,
    ready: Value,
    /// The API's token of `--token-file`.
    token: String,
}

impl Console {
    /// Starts a controller with the operator `ann`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let scratch = Scratch::new("console");
        let (child, ready) = Self::run(&scratch, "127.0.0.1:0", "127.0.0.1:0");
        let token = std::fs::read_to_string(scratch.file("token")).expect("a token");
        let console = Self { scratch, child, ready, token: token.trim().to_owned() };
        let ann = json!({"name": "ann", "password": PASSWORD, "roles": ["admin"]});
        console.api("POST", "operators", Some(&ann));
        console
    }

    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    fn run(scratch: &Scratch, listen: &str, http: &str) -> (Child, Value) {
        let mut command = Command::new(binary("BasicAgentController"));
        command.args(["--listen", listen, "--http", http, "--name", "127.0.0.1"]);
        for (flag, name) in
            [("--state-dir", "state"), ("--token-file", "token"), ("--ready-file", "ready.json")]
        {
            command.arg(flag).arg(scratch.file(name));
        }
        let (ready, log) = (scratch.file("ready.json"), scratch.file("log"));
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        (child, serde_json::from_str(&text).expect("JSON"))
    }

    /// Kills the controller with SIGKILL.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().expect("our own child");
        self.child.wait().expect("our own child");
    }

    /// Starts it again, on the same ports.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        let http = self.ready["http"].as_str().expect("an address").to_owned();
        let listen = self.ready["listen"][0].as_str().expect("an address").to_owned();
        (self.child, self.ready) = Self::run(&self.scratch, &listen, &http);
    }

    /// Returns the URL of a page.
    ///
    /// # Panics
    /// Never: the controller has told its address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ready["http"].as_str().expect("an address"))
    }

    /// Asks the API as the holder of the token file, and returns the JSON of its answer.
    ///
    /// # Panics
    /// When it answers with a problem.
    pub fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(&format!("/api/v1/{path}")))
            .header("authorization", format!("Bearer {}", self.token));
        let answer = match body {
            None => ureq::run(request.body(()).expect("a request")),
            Some(body) => ureq::run(
                request
                    .header("content-type", "application/json")
                    .body(body.to_string())
                    .expect("a request"),
            ),
        };
        let mut answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = answer.body_mut().read_to_string().expect("text");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") }
    }

    /// Lets a real agent join by the line that the controller prints, and waits until it is
    /// connected. Returns its host id too.
    ///
    /// # Panics
    /// When it does not join.
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub fn agent(&self) -> (String, Agent) {
        let token = json!({"max_uses": 1, "labels": {}, "networks": [], "approval": false});
        let token = self.api("POST", "tokens", Some(&token));
        let line = token["join"].as_str().expect("a line").to_owned();
        let mut words: Vec<&str> = line.split_whitespace().collect();
        // The line names the default port.
        let listen = self.ready["listen"][0].as_str().expect("an address");
        let server = words.iter().position(|word| *word == "--server").expect("a server") + 1;
        words[server] = listen;
        let scratch = Scratch::new("agent");
        let output = Command::new(binary("BasicAgent"))
            .args(&words[1..])
            .arg("--state-dir")
            .arg(scratch.file("state"))
            .arg("--config")
            .arg(scratch.write("enroll.toml", ""))
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let record = std::fs::read(scratch.file("state/identity/identity.json")).expect("a record");
        let record: Value = serde_json::from_slice(&record).expect("JSON");
        let id = record["host_id"].as_str().expect("an id").to_owned();
        let address = listen.parse().expect("an address");
        let config = AgentConfig {
            enroll: Some(String::new()),
            server_name: None,
            ..AgentConfig::new(address)
        };
        let agent = Agent::start_in(scratch, config);
        wait_until("the host is connected", || {
            self.api("GET", &format!("hosts/{id}"), None)["connected"] == true
        });
        (id, agent)
    }

    /// Logs `ann` in.
    ///
    /// # Panics
    /// When the pages are not as they should be.
    pub fn log_in(&self, browser: &Browser) {
        browser.go(&self.url("/login"));
        browser.fill("#name", "ann");
        browser.fill("#password", PASSWORD);
        browser.click("button.primary");
        browser.wait_for(".side .who");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.scratch.file("log")).unwrap_or_default();
            eprintln!("--- the controller's log ---\n{log}---");
        }
    }
}
