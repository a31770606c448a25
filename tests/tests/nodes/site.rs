//! The site: PostgreSQL, NATS, and nodes on ports that stay theirs.

use crate::fleet::Host;
use e2e::{DEADLINE, Scratch, binary, wait_some, wait_some_within};
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use test_support::{NatsServer, PostgresDatabase, PostgresServer};

/// Longer than a node takes to start while its database starts too.
const START: Duration = Duration::from_secs(180);

pub(crate) struct Site {
    pub(crate) scratch: Scratch,
    nodes: Vec<Node>,
    bus: NatsServer,
    database: PostgresDatabase<'static>,
    server: &'static PostgresServer,
    pin: String,
    join_token: String,
}

struct Node {
    number: usize,
    child: Child,
    listen: String,
    http: String,
}

/// A client of all nodes.
#[derive(Clone)]
pub(crate) struct Client {
    http: Vec<String>,
    token: String,
}

impl Site {
    /// Starts so many nodes. `None`, with a line that the test is skipped, where PostgreSQL or NATS is
    /// not installed.
    pub(crate) fn start(nodes: usize) -> Option<Self> {
        let (server, bus) = (PostgresServer::start(&[])?, NatsServer::start("")?);
        // As long as the process, so that the site can hold its database beside it.
        let server: &'static PostgresServer = Box::leak(Box::new(server));
        let scratch = Scratch::new("nodes");
        let mut site = Self {
            scratch,
            nodes: Vec::new(),
            bus,
            database: server.create(),
            server,
            pin: String::new(),
            join_token: String::new(),
        };
        for number in 0..nodes {
            let node = site.launch(number, "127.0.0.1:0", "127.0.0.1:0");
            site.nodes.push(node);
        }
        let client = site.client();
        let token = client.call("POST", 0, "/tokens", &[], Some(&json!({ "max_uses": 1000 })));
        let token = token.unwrap();
        site.join_token = token["secret"].as_str().unwrap_or_else(|| panic!("{token}")).to_owned();
        let ca = client.get(0, "/ca").unwrap();
        site.pin = ca["pin"].as_str().unwrap_or_else(|| panic!("{ca}")).to_owned();
        Some(site)
    }

    fn launch(&self, number: usize, listen: &str, http: &str) -> Node {
        let dir = self.scratch.file(&format!("node-{number}"));
        std::fs::create_dir_all(&dir).unwrap();
        let ready = dir.join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", listen, "--http", http, "--name", "127.0.0.1"])
            .args(["--enroll-rate-per-address", "1000", "--node-name", &format!("node-{number}")])
            .args(["--database", self.database.url(), "--bus", &self.bus.url()])
            .args(["--state-dir"])
            .arg(dir.join("state"))
            .arg("--token-file")
            .arg(self.scratch.file("token"))
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stderr(log(&self.scratch.file(&format!("node-{number}.log"))))
            .spawn()
            .unwrap();
        let mut node = Node { number, child, listen: listen.to_owned(), http: http.to_owned() };
        let ready = wait_some_within(START, "the node is ready", || {
            if let Ok(Some(status)) = node.child.try_wait() {
                panic!("node-{number} ended, {status}: {}", self.log_of(number));
            }
            serde_json::from_str::<Value>(&std::fs::read_to_string(&ready).ok()?).ok()
        });
        ready["listen"][0].as_str().unwrap().clone_into(&mut node.listen);
        ready["http"].as_str().unwrap().clone_into(&mut node.http);
        node
    }

    fn log_of(&self, number: usize) -> String {
        let text = std::fs::read_to_string(self.scratch.file(&format!("node-{number}.log")));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Lets a host join by any node, and starts its agent, which knows all of them.
    pub(crate) fn join(&self, id: &str) -> Host {
        let mut servers: Vec<&str> = self.nodes.iter().map(|node| node.listen.as_str()).collect();
        let first = id.len() + id.bytes().map(usize::from).sum::<usize>();
        servers.rotate_left(first % self.nodes.len());
        let dir: PathBuf = self.scratch.file(id);
        Host::join_by(&servers, &self.pin, &self.join_token, dir, id, "")
    }

    pub(crate) fn client(&self) -> Client {
        let token = std::fs::read_to_string(self.scratch.file("token")).unwrap();
        let http = self.nodes.iter().map(|node| node.http.clone()).collect();
        Client { http, token: token.trim().to_owned() }
    }

    /// Waits until every node knows that so many hosts are connected.
    pub(crate) fn wait_for_hosts(&self, count: usize) {
        let client = self.client();
        for node in 0..self.nodes.len() {
            wait_some("every host is online", || {
                let page = client.get(node, "/hosts?connected=true&limit=1000")?;
                (page["hosts"].as_array()?.len() == count).then_some(())
            });
        }
    }

    /// Kills a node, and starts it again after a time.
    pub(crate) fn kill_node(&mut self, place: usize, away: Duration) {
        let node = &mut self.nodes[place];
        let _ = node.child.kill();
        let _ = node.child.wait();
        std::thread::sleep(away);
        let (number, listen, http) = (node.number, node.listen.clone(), node.http.clone());
        self.nodes[place] = self.launch(number, &listen, &http);
    }

    /// Kills the node that leads, or any one where none does.
    pub(crate) fn kill_leader(&mut self, away: Duration) {
        let read = "SELECT n.name FROM nodes n, controller c WHERE n.number = c.lead";
        let leader = self.database.sql(read);
        let leader = leader.strip_prefix("node-").and_then(|number| number.trim().parse().ok());
        self.kill_node(leader.unwrap_or(0), away);
    }

    /// Kills NATS, and starts it again after a time.
    pub(crate) fn kill_bus(&mut self, away: Duration) {
        self.bus.kill();
        std::thread::sleep(away);
        self.bus.start_again();
    }

    /// Kills PostgreSQL, and starts it again after a time.
    pub(crate) fn kill_database(&self, away: Duration) {
        self.server.kill();
        std::thread::sleep(away);
        self.server.start_again();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
        if std::thread::panicking() {
            for node in &self.nodes {
                eprintln!("--- node-{}\n{}", node.number, self.log_of(node.number));
            }
        }
    }
}

impl Client {
    pub(crate) fn get(&self, node: usize, path: &str) -> Option<Value> {
        self.call("GET", node, path, &[], None)
    }

    /// Creates a run, once for each key.
    pub(crate) fn create_run(&self, node: usize, key: &str, body: &Value) -> Option<Value> {
        self.call("POST", node, "/runs", &[("Idempotency-Key", key)], Some(body))
    }

    /// Calls the API of a node; `None` while it is away.
    pub(crate) fn call(
        &self,
        method: &str,
        node: usize,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Option<Value> {
        let http: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build()
            .into();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v1{path}", self.http[node]))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => http.run(request.body(body.to_string()).unwrap()),
            None => http.run(request.body(()).unwrap()),
        };
        let text = answer.ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
    }
}

fn log(path: &std::path::Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}
