//! Agents and the real controller: one joins by the line that the controller prints, one recovers,
//! and two that share an identity are told apart.

use e2e::{Agent, AgentConfig, Clock, Scratch, binary, eventually_some, needs_root};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Seconds of a week and a day: longer than a certificate is good.
const EIGHT_DAYS: i64 = 8 * 24 * 3600;

/// A controller with its own CA.
pub(crate) struct Controller {
    scratch: Scratch,
    child: Child,
    ready: Value,
}

impl Controller {
    #[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
    pub(crate) async fn start() -> Self {
        let scratch = Scratch::new("controller");
        let path = |name: &str| scratch.file(name).display().to_string();
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--name", "127.0.0.1"])
            .args(["--state-dir", &path("state"), "--token-file", &path("token")])
            .args(["--ready-file", &path("ready.json")])
            .stdin(Stdio::null())
            .stderr(File::create(scratch.file("log")).expect("a log"))
            .spawn()
            .expect("the controller starts");
        let text = eventually_some("the controller is ready", || {
            std::fs::read_to_string(scratch.file("ready.json")).ok()
        });
        let ready = serde_json::from_str(&text.await).expect("JSON");
        Self { scratch, child, ready }
    }

    fn listen(&self) -> String {
        self.ready["listen"][0].as_str().expect("an address").to_owned()
    }

    /// Asks the API.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let token = std::fs::read_to_string(self.scratch.file("token")).expect("a token");
        let url =
            format!("http://{}/api/v1/{path}", self.ready["http"].as_str().expect("an address"));
        let bearer = format!("Bearer {}", token.trim());
        let mut reply = match (method, body) {
            ("POST", Some(body)) => ureq::post(&url)
                .header("authorization", &bearer)
                .header("content-type", "application/json")
                .send(body.to_string()),
            _ => ureq::get(&url).header("authorization", &bearer).call(),
        }
        .expect("the API answers");
        let text = reply.body_mut().read_to_string().expect("text");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Makes a join token.
    fn token(&self) -> Value {
        let body =
            json!({"max_uses": 5, "labels": {"env": "test"}, "networks": [], "approval": false});
        self.ask("POST", "tokens", Some(&body))
    }

    /// Waits until a host is as the check wants it.
    async fn host(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually_some(&format!("{id} is as wanted"), || {
            Some(self.ask("GET", &format!("hosts/{id}"), None)).filter(|host| wanted(host))
        })
        .await
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.scratch.file("log")).unwrap_or_default();
            eprintln!("--- the controller's log ---\n{log}---");
        }
    }
}

/// Lets a state directory join by the line that the controller printed.
#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
pub(crate) fn join(controller: &Controller, scratch: &Scratch) -> String {
    let line = controller.token()["join"].as_str().expect("a line").to_owned();
    let mut words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(&words[..2], ["BasicAgent", "enroll"], "{line}");
    // The line names the default port.
    let server = words.iter().position(|word| *word == "--server").expect("a server") + 1;
    let listen = controller.listen();
    words[server] = &listen;
    let config = scratch.write("enroll.toml", "");
    let output = Command::new(binary("BasicAgent"))
        .args(&words[1..])
        .arg("--state-dir")
        .arg(scratch.file("state"))
        .arg("--config")
        .arg(config)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let record = std::fs::read(scratch.file("state/identity/identity.json")).expect("a record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    record["host_id"].as_str().expect("an id").to_owned()
}

pub(crate) fn config(controller: &Controller) -> AgentConfig {
    let address = controller.listen().parse().expect("an address");
    AgentConfig { enroll: Some(String::new()), server_name: None, ..AgentConfig::new(address) }
}

fn copy_state(from: &Scratch, to: &Scratch) {
    let state = |scratch: &Scratch| scratch.file("state").display().to_string();
    e2e::run(&["cp", "-a", &state(from), &state(to)]);
    assert!(Path::new(&state(to)).join("identity/key.pem").exists());
}

#[tokio::test]
async fn a_host_joins_by_the_printed_line_and_recovers_when_its_certificate_has_expired() {
    let (controller, scratch, clock) =
        (Controller::start().await, Scratch::new("agent"), Clock::new());
    let id = join(&controller, &scratch);
    let wrapper = clock.wrapper();
    let mut agent = Agent::start_in(scratch, AgentConfig { wrapper, ..config(&controller) });
    let host = controller.host(&id, |host| host["connected"] == true).await;
    assert_eq!((&host["state"], &host["generation"]), (&json!("active"), &json!(1)), "{host}");
    assert_eq!(host["labels"]["env"]["value"], "test", "{host}");
    agent.kill();
    controller.host(&id, |host| host["connected"] == false).await;
    clock.step(EIGHT_DAYS * 1000);
    agent.restart();
    agent.logged("a new certificate in place of the expired one").await;
    let again = |host: &Value| host["connected"] == true && host["generation"].as_u64() >= Some(2);
    controller.host(&id, again).await;
}

#[tokio::test]
async fn two_agents_of_one_state_directory_are_told_apart() {
    if !needs_root("two_agents_of_one_state_directory_are_told_apart") {
        return;
    }
    let (controller, scratch) = (Controller::start().await, Scratch::new("agent"));
    let id = join(&controller, &scratch);
    let copy = Scratch::new("copy");
    copy_state(&scratch, &copy);
    let _agent = Agent::start_in(scratch, config(&controller));
    let first = controller.host(&id, |host| host["connected"] == true).await;
    // The copy runs on another machine, so its boot is another one.
    let boot = copy.write("boot", "11111111-2222-4333-8444-555555555555\n");
    let script =
        format!("mount --bind {} /proc/sys/kernel/random/boot_id && exec \"$@\"", boot.display());
    let wrapper = ["unshare", "-m", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    let _copy = Agent::start_in(copy, AgentConfig { wrapper, ..config(&controller) });
    let told = controller
        .host(&id, |host| host["clones"].as_array().is_some_and(|clones| !clones.is_empty()))
        .await;
    assert_eq!(told["address"], first["address"], "the first agent goes on: {told}");
    assert_eq!(told["clones"].as_array().map(Vec::len), Some(1), "{told}");
}
