//! The real controller with its console, one operator, and what tests ask of its API.

use crate::driver::Browser;
use crate::joining::Joining;
use e2e::{Agent, AgentConfig, binary};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use test_support::{Scratch, start_until_ready, wait_until};

/// The password of the operator `ann`, and of those that tests create.
pub const PASSWORD: &str = "correct horse battery";

/// A controller whose first operator is `ann`, an admin.
#[derive(Debug)]
pub struct Console {
    scratch: Scratch,
    child: Child,
    ready: Value,
    /// Whether it has a file of `--token-file`.
    has_token: bool,
}

impl Console {
    /// Starts a controller with the operator `ann`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let console = Self::launch(true);
        console.operator("ann", &["admin"]);
        console
    }

    /// Starts a controller that nobody has set up.
    ///
    /// # Panics
    /// When it does not start.
    pub fn first_start() -> Self {
        Self::launch(false)
    }

    /// Starts a controller with a copy of a state directory, and the operator `ann` in it, who has
    /// [`PASSWORD`] if she is there already.
    ///
    /// # Panics
    /// When it does not start.
    pub fn with_state(state: &Path) -> Self {
        let scratch = Scratch::new("console");
        let [from, to] = [state, &scratch.file("state")].map(|it| it.display().to_string());
        e2e::run(&["cp", "-a", &from, &to]);
        let console = Self::launch_in(scratch, true);
        let known = console.api("GET", "operators", None);
        let known = known["operators"].as_array().expect("a list");
        if !known.iter().any(|it| it["name"] == "ann") {
            console.operator("ann", &["admin"]);
        }
        console
    }

    fn launch(has_token: bool) -> Self {
        Self::launch_in(Scratch::new("console"), has_token)
    }

    fn launch_in(scratch: Scratch, has_token: bool) -> Self {
        let (child, ready) = Self::run(&scratch, "127.0.0.1:0", "127.0.0.1:0", has_token);
        Self { scratch, child, ready, has_token }
    }

    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    fn run(scratch: &Scratch, listen: &str, http: &str, has_token: bool) -> (Child, Value) {
        let mut command = Command::new(binary("BasicAgentController"));
        command.args(["--listen", listen, "--http", http, "--name", "127.0.0.1"]);
        command.arg("--state-dir").arg(scratch.file("state"));
        command.arg("--ready-file").arg(scratch.file("ready.json"));
        if has_token {
            command.arg("--token-file").arg(scratch.file("token"));
        }
        let (ready, log) = (scratch.file("ready.json"), scratch.file("log"));
        let (child, text) = start_until_ready(&mut command, &ready, &log);
        (child, serde_json::from_str(&text).expect("JSON"))
    }

    /// Returns the link that the first start prints.
    ///
    /// # Panics
    /// When there is none.
    pub fn setup_link(&self) -> String {
        self.ready["setup"].as_str().expect("a link").to_owned()
    }

    /// Creates an operator with [`PASSWORD`].
    ///
    /// # Panics
    /// When the API refuses it.
    pub fn operator(&self, name: &str, roles: &[&str]) {
        let body = json!({"name": name, "password": PASSWORD, "roles": roles});
        self.api("POST", "operators", Some(&body));
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
        let listen = self.listen().to_owned();
        (self.child, self.ready) = Self::run(&self.scratch, &listen, &http, self.has_token);
    }

    /// Returns the address for agents.
    ///
    /// # Panics
    /// Never: the controller has told its address.
    pub fn listen(&self) -> &str {
        self.ready["listen"][0].as_str().expect("an address")
    }

    /// Returns the folder of its database.
    pub fn state_dir(&self) -> PathBuf {
        self.scratch.file("state")
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
        let token = std::fs::read_to_string(self.scratch.file("token")).expect("a token");
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(self.url(&format!("/api/v1/{path}")))
            .header("authorization", format!("Bearer {}", token.trim()));
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

    /// Creates a join token that admits some hosts, and returns its line.
    ///
    /// # Panics
    /// When the API refuses it.
    pub fn line(&self, hosts: usize) -> String {
        let token = json!({"max_uses": hosts, "labels": {}, "networks": [], "approval": false});
        let token = self.api("POST", "tokens", Some(&token));
        token["join"].as_str().expect("a line").to_owned()
    }

    /// Lets a real agent join, and waits until it is connected. Returns its host id too.
    ///
    /// # Panics
    /// When it does not join.
    pub fn agent(&self) -> (String, Agent) {
        self.agent_in(&[])
    }

    /// Does the same with a command put before the agent's own, such as `unshare`.
    ///
    /// # Panics
    /// When it does not join.
    pub fn agent_in(&self, wrapper: &[&str]) -> (String, Agent) {
        let joining = Joining::start(&self.line(1));
        let wrapper = wrapper.iter().copied().map(str::to_owned).collect();
        let (id, agent) = joining.connect(AgentConfig { wrapper, ..self.config() });
        wait_until("the host is connected", || {
            self.api("GET", &format!("hosts/{id}"), None)["connected"] == true
        });
        (id, agent)
    }

    /// Returns the configuration of an agent that has joined.
    ///
    /// # Panics
    /// Never: the controller has told its address.
    pub fn config(&self) -> AgentConfig {
        let address = self.listen().parse().expect("an address");
        AgentConfig { enroll: Some(String::new()), server_name: None, ..AgentConfig::new(address) }
    }

    /// Logs `ann` in.
    ///
    /// # Panics
    /// When the pages are not as they should be.
    pub fn log_in(&self, browser: &Browser) {
        self.log_in_as(browser, "ann");
    }

    /// Logs an operator in whose password is [`PASSWORD`].
    ///
    /// # Panics
    /// When the pages are not as they should be.
    pub fn log_in_as(&self, browser: &Browser, name: &str) {
        browser.go(&self.url("/login"));
        browser.fill("#name", name);
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
