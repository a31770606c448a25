//! Compares runs with the same commands asked for directly: as many durable commands on as many real
//! agents, through a run of each command, through the API's requests to single hosts, and by a bare
//! server that keeps nothing.

use crate::line::Line;
use crate::peers::Controller as BareController;
use crate::sample::Ratio;
use crate::table::{self, Bar};
use e2e::{Agent, AgentConfig, Scratch, binary, wait_until};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use test_support::start_until_ready;

const HOSTS: usize = 50;

/// Commands on each host in a turn.
const COMMANDS: usize = 20;

/// Turns of each side, after one that is not counted.
const TURNS: usize = 7;

/// The wait between two looks at a run.
const LOOK: Duration = Duration::from_millis(5);

/// More than any turn takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller with its hosts.
struct Site {
    child: Child,
    api: Api,
    hosts: Vec<(String, Agent)>,
    _files: Scratch,
}

/// Where the API is, and the operator's token.
struct Api {
    base: String,
    bearer: String,
}

/// A client of the API with a connection of its own.
struct Client<'a> {
    api: &'a Api,
    http: ureq::Agent,
}

/// Measures commands a second.
pub(crate) fn run() {
    let site = Site::start();
    let bare = BareController::new();
    let mut lines: Vec<(Agent, Line)> = (0..HOSTS).map(|_| bare.agent_with("")).collect();
    let (mut runs, mut requests, mut floors) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        // Whoever comes first in one turn comes last in the next.
        let mut order = [0, 1, 2];
        order.rotate_left(turn % 3);
        for side in order {
            let took = match side {
                0 => by_runs(&site),
                1 => by_requests(&site, turn),
                _ => by_lines(&mut lines, turn),
            };
            let rate = (HOSTS * COMMANDS) as f64 / took.as_secs_f64();
            if turn > 0 {
                [&mut runs, &mut requests, &mut floors][side].push(rate);
            }
        }
    }
    table::ratios();
    let what = format!("{COMMANDS} runs of `true` on {HOSTS} hosts");
    row(&format!("{what} : requests of the API to each host"), &runs, &requests, Bar::AtLeast(0.9));
    row(&format!("{what} : a bare server of the same agents"), &runs, &floors, Bar::None);
}

fn row(what: &str, ours: &[f64], floor: &[f64], bar: Bar) {
    let ratio = Ratio::of(ours.iter().zip(floor).map(|(ours, floor)| ours / floor).collect());
    let median = |rates: &[f64]| format!("{:.0}/s", Ratio::of(rates.to_vec()).median);
    table::ratio(what, &median(ours), &median(floor), &ratio, bar);
}

/// Plans and applies all runs at once, and waits for the last one's end.
fn by_runs(site: &Site) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..COMMANDS {
            scope.spawn(|| {
                let client = site.api.client();
                let run = client.post(
                    "runs",
                    &json!({
                        "request": { "method": "async.bash", "cmd": "true" }, "selector": "",
                        "concurrency": "100%", "ramp": false, "stop_after": "none",
                    }),
                );
                let path = format!("runs/{}", run["id"].as_str().expect("an id"));
                loop {
                    let run = client.get(&path);
                    if run["state"] == "ended" {
                        assert_eq!(run["equation"]["succeeded"], HOSTS, "{run}");
                        return;
                    }
                    assert!(start.elapsed() < PATIENCE, "{run}");
                    std::thread::sleep(LOOK);
                }
            });
        }
    });
    start.elapsed()
}

/// Asks each host by a client of its own, one command after the other is accepted, and waits for
/// their results.
fn by_requests(site: &Site, turn: usize) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (host, _) in &site.hosts {
            scope.spawn(move || {
                let client = site.api.client();
                let id = |number| format!("direct-{turn}-{number}");
                for number in 0..COMMANDS {
                    let reply = client.post(
                        &format!("hosts/{host}/requests"),
                        &json!({ "method": "async.bash", "id": id(number), "cmd": "true" }),
                    );
                    assert_eq!(reply["message"], "Accepted", "{reply}");
                }
                // The last one first: the others are there by then.
                for number in (0..COMMANDS).rev() {
                    let result =
                        client.get(&format!("hosts/{host}/results/{}?wait=60", id(number)));
                    assert_eq!(result["retcode"], 0, "{result}");
                }
            });
        }
    });
    start.elapsed()
}

/// Asks each agent over its channel, for everything at once, and acknowledges the results.
fn by_lines(lines: &mut [(Agent, Line)], turn: usize) -> Duration {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for (_, line) in lines {
            scope.spawn(move || {
                let request = |number: usize| {
                    let id = format!("direct-{turn}-{number}");
                    format!("{}\n", json!({ "id": id, "method": "async.bash", "cmd": "true" }))
                };
                line.send((0..COMMANDS).map(request).collect::<String>().as_bytes());
                let mut results = 0;
                while results < COMMANDS {
                    for answer in line.answers() {
                        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
                        assert_eq!(answer["resp"], "success", "{answer}");
                        if answer["method"] == "async.result" {
                            let ack = json!({ "method": "async.ack", "id": answer["id"] });
                            line.send(format!("{ack}\n").as_bytes());
                            results += 1;
                        }
                    }
                }
            });
        }
    });
    start.elapsed()
}

impl Site {
    #[expect(clippy::disallowed_methods, reason = "a bench starts the programs that it measures")]
    fn start() -> Self {
        let files = Scratch::new("site");
        let mut command = Command::new(binary("BasicAgentController"));
        command
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"])
            .args(["--enroll-rate-per-address", "1000", "--dev"])
            .arg(files.file("dev"))
            .arg("--ready-file")
            .arg(files.file("ready.json"));
        let (child, ready) =
            start_until_ready(&mut command, &files.file("ready.json"), &files.file("log"));
        let ready: Value = serde_json::from_str(&ready).expect("JSON");
        let text = |value: &Value| value.as_str().expect("an address").to_owned();
        let read = |name: &str| std::fs::read_to_string(files.file(name)).expect("a file");
        let api = Api {
            base: format!("http://{}/api/v1", text(&ready["http"])),
            bearer: format!("Bearer {}", read("dev/token").trim()),
        };
        let log = read("log");
        let pin = log.split("--ca ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let (pin, token) = (pin.expect("the join line"), read("dev/join-token"));
        let joined = |number| {
            let id = format!("host-{number}");
            let agent = join(&id, &text(&ready["listen"][0]), pin, token.trim());
            (id, agent)
        };
        let hosts = (0..HOSTS).map(joined).collect();
        let client = api.client();
        wait_until("every host is connected", || {
            let page = client.get("hosts?connected=true&limit=1000");
            page["hosts"].as_array().map(Vec::len) == Some(HOSTS)
        });
        drop(client);
        Self { child, api, hosts, _files: files }
    }
}

impl Api {
    fn client(&self) -> Client<'_> {
        let http = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        Client { api: self, http }
    }
}

/// Lets a host join, and starts its agent.
#[expect(clippy::disallowed_methods, reason = "a bench starts the programs that it measures")]
fn join(id: &str, server: &str, pin: &str, token: &str) -> Agent {
    let scratch = Scratch::new("host");
    let config = scratch.write("enroll.toml", "");
    let output = Command::new(binary("BasicAgent"))
        .args(["enroll", "--host-id", id, "--ca", pin, "--server", server, "--token", token])
        .arg("--state-dir")
        .arg(scratch.file("state"))
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut config = AgentConfig::new(server.parse().expect("an address"));
    config.host_id = id.to_owned();
    config.enroll = Some(String::new());
    config.server_name = None;
    config.log_level = "info";
    Agent::start_in(scratch, config)
}

impl Client<'_> {
    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.api.base)
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(self.url(path)).header("authorization", &self.api.bearer);
        read(request.header("content-type", "application/json").send(body.to_string()))
    }

    fn get(&self, path: &str) -> Value {
        read(self.http.get(self.url(path)).header("authorization", &self.api.bearer).call())
    }
}

fn read(reply: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let text = reply.expect("the API answers").body_mut().read_to_string().expect("text");
    serde_json::from_str(&text).expect("JSON")
}

impl Drop for Site {
    fn drop(&mut self) {
        self.hosts.clear();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
