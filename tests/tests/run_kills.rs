//! Real agents and a real controller, killed at random moments while runs go through the hosts: each
//! run adds up, and each host starts each command at most once.
//!
//! A command appends one line to a file of its run and its host: the ledger. Each agent has a host
//! name of its own (`unshare --uts`), by which the command knows where it runs.
//! `make run-kills KILLS=200 RUNS=20` kills more often, with 50 agents.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a failed step fails the test, which says what it tried; a test starts real binaries"
)]

use e2e::{Scratch, binary, wait_some, wait_some_within, wait_until};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use test_support::needs_root;

/// Longer than the runs take to end once nothing is killed anymore.
const PATIENCE: Duration = Duration::from_secs(300);

/// The longest time between two kills, in milliseconds.
const MAX_PAUSE: u64 = 1_500;

struct Controller {
    scratch: Scratch,
    child: Child,
    listen: String,
    http: String,
}

struct Host {
    id: String,
    dir: PathBuf,
    child: Child,
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Numbers that a seed repeats (SplitMix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn log(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

impl Controller {
    fn start() -> Self {
        let scratch = Scratch::new("run-kills");
        let (child, ready) = Self::launch(&scratch, "127.0.0.1:0", "127.0.0.1:0");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { scratch, child, listen: text(&ready["listen"][0]), http: text(&ready["http"]) }
    }

    fn launch(scratch: &Scratch, listen: &str, http: &str) -> (Child, Value) {
        let ready = scratch.file("ready.json");
        let _ = std::fs::remove_file(&ready);
        let child = Command::new(binary("BasicAgentController"))
            .args(["--listen", listen, "--http", http, "--enroll-rate-per-address", "1000"])
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

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Self::launch(&self.scratch, &self.listen, &self.http).0;
    }

    fn call(&self, path: &str, body: Option<&Value>) -> Option<Value> {
        let http: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let token = std::fs::read_to_string(self.scratch.file("dev/token")).unwrap();
        let (url, token) =
            (format!("http://{}/api/v1{path}", self.http), format!("Bearer {}", token.trim()));
        let answer = match body {
            Some(body) => http
                .post(url)
                .header("Authorization", token)
                .header("Content-Type", "application/json")
                .send(body.to_string()),
            None => http.get(url).header("Authorization", token).call(),
        };
        let text = answer.ok()?.body_mut().read_to_string().ok()?;
        serde_json::from_str(&text).ok()
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
    /// Lets a host join, and starts its agent.
    fn join(controller: &Controller, n: u64) -> Self {
        let id = format!("host-{n}");
        let dir = controller.scratch.file(&id);
        std::fs::create_dir_all(&dir).unwrap();
        let text = std::fs::read_to_string(controller.scratch.file("controller.log")).unwrap();
        let pin = text.split("--ca ").nth(1).unwrap().split_whitespace().next().unwrap();
        let token = std::fs::read_to_string(controller.scratch.file("dev/join-token")).unwrap();
        let config = format!(
            "server = \"{}\"\nstate_dir = \"{}\"\nrun_dir = \"{}\"\n[cron]\ndir = \"{}\"\n",
            controller.listen,
            dir.join("state").display(),
            dir.join("run").display(),
            dir.join("cron.d").display(),
        );
        std::fs::write(dir.join("agent.toml"), config).unwrap();
        let joined = Command::new(binary("BasicAgent"))
            .args(["enroll", "--host-id", &id, "--ca", pin, "--server", &controller.listen])
            .args(["--token", token.trim(), "--config"])
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&dir.join("log")))
            .status()
            .unwrap();
        let said = || std::fs::read_to_string(dir.join("log")).unwrap();
        assert!(joined.success(), "{id}: {}", said());
        let child = Self::launch(&id, &dir);
        Self { id, dir, child }
    }

    fn launch(id: &str, dir: &Path) -> Child {
        Command::new("unshare")
            .args(["--uts", "sh", "-c", "hostname \"$1\" && shift && exec \"$@\"", "sh", id])
            .arg(binary("BasicAgent"))
            .arg("--config")
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log(&dir.join("log")))
            .spawn()
            .unwrap()
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Self::launch(&self.id, &self.dir);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn each_run_adds_up_and_each_host_starts_it_once_whatever_is_killed() {
    if !needs_root("agents with host names of their own") {
        return;
    }
    let (agents, runs) = (number("AGENTS", 10), number("RUNS", 3));
    let kills = number("KILLS", 6);
    let seed = std::env::var("SEED").map_or_else(
        |_| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(),
        |text| text.parse().unwrap(),
    );
    println!("SEED={seed}");
    let mut rng = Rng(seed);
    let mut controller = Controller::start();
    let mut hosts: Vec<Host> = (0..agents).map(|n| Host::join(&controller, n)).collect();
    let ledger = controller.scratch.file("ledger");
    std::fs::create_dir_all(&ledger).unwrap();
    wait_until("every host is online", || {
        let page = controller.call("/hosts?connected=true&limit=1000", None);
        page.is_some_and(|page| {
            page["hosts"].as_array().map(Vec::len) == usize::try_from(agents).ok()
        })
    });

    let began = Instant::now();
    let mut ids = Vec::new();
    for run in 0..runs {
        let cmd = format!("echo x >> {}/{run}-$HOSTNAME; sleep 0.{}", ledger.display(), run % 10);
        let body = json!({
            "request": { "method": "sync.bash", "cmd": cmd }, "selector": "",
            "stop_after": "none", "ramp": rng.below(2) == 0, "concurrency": "50%",
            "stages": ["1", "100%"],
        });
        let answer = controller.call("/runs", Some(&body)).unwrap();
        ids.push(answer["id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
        // All kills, spread over the runs; when exactly does not matter, that is the point.
        for _ in kills * run / runs..kills * (run + 1) / runs {
            std::thread::sleep(Duration::from_millis(rng.below(MAX_PAUSE)));
            let host = usize::try_from(rng.below(agents)).unwrap();
            if rng.below(2) == 0 {
                hosts[host].kill();
            }
            controller.kill();
        }
    }

    let mut succeeded = 0;
    for (run, id) in ids.iter().enumerate() {
        let row = wait_some_within(PATIENCE, "the run's end", || {
            let row = controller.call(&format!("/runs/{id}"), None)?;
            (row["state"] == "ended").then_some(row)
        });
        let equation = row["equation"].as_object().unwrap();
        let ends = equation.iter().filter(|(state, _)| *state != "total");
        let sum: u64 = ends.filter_map(|(_, count)| count.as_u64()).sum();
        assert_eq!((&row["equation"]["total"], sum), (&json!(agents), agents), "{row}");
        for host in &hosts {
            let lines = std::fs::read_to_string(ledger.join(format!("{run}-{}", host.id)))
                .map_or(0, |text| text.lines().count());
            let target = controller.call(&format!("/runs/{id}/targets/{}", host.id), None).unwrap();
            let state = target["target"]["state"].as_str().unwrap().to_owned();
            assert!(lines <= 1, "{} started run {run} {lines} times: {target}", host.id);
            assert!(state != "succeeded" || lines == 1, "{} did not start: {target}", host.id);
            succeeded += u64::from(state == "succeeded");
        }
    }
    println!(
        "{kills} kills of the controller during {runs} runs on {agents} agents: {succeeded} of {} \
         targets succeeded, {} s",
        agents * runs,
        began.elapsed().as_secs()
    );
    assert!(succeeded > 0);
}
