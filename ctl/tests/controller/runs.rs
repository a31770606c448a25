//! `run` on a real controller and real agents on one machine.

use super::PASSWORD;
use super::harness::{Controller, Machine, Person, ended};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use test_support::{Scratch, needs_root, wait_until};

/// A controller, somebody who is logged in, and hosts that are online.
struct Site {
    controller: Controller,
    person: Person,
    machines: Vec<Machine>,
    scratch: Scratch,
}

impl Site {
    /// Starts agents named `web-1`, `web-2`, … with these policies.
    fn start(policies: &[&str]) -> Self {
        let (controller, person) = (Controller::start(), Person::myself());
        person.first_login(&controller, PASSWORD);
        let line = person.done(&["token", "create", "--uses", "9", "--label", "env=prod"]);
        let mut machines = Vec::new();
        for (n, policy) in policies.iter().enumerate() {
            let host = format!("web-{}", n + 1);
            let mut machine = Machine::with_policy(&controller, &host, policy);
            machine.enroll(&line);
            machine.wait_until_joined();
            machine.start();
            machines.push(machine);
        }
        let site = Self { controller, person, machines, scratch: Scratch::new("ctl-runs") };
        site.wait_for_hosts(policies.len());
        site
    }

    fn wait_for_hosts(&self, count: usize) {
        wait_until("the hosts", || {
            self.person.done(&["hosts", "-o", "name", "--online"]).lines().count() == count
        });
    }

    /// Returns a path that the commands of a test share.
    fn path(&self, name: &str) -> String {
        self.scratch.file(name).display().to_string()
    }

    /// Runs a command on all hosts without a question.
    fn run(&self, flags: &[&str], cmd: &str) -> (i32, String, String) {
        let args = [&["run", "-l", "env=prod", "--yes"], flags, &["--", cmd]].concat();
        self.person.run(&args, "")
    }

    /// Does the same and returns the run and its outputs.
    fn json(&self, flags: &[&str], cmd: &str) -> (i32, Value) {
        let (status, out, err) = self.run(&[&["-o", "json"], flags].concat(), cmd);
        let found = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{status} {out} {err}"));
        (status, found)
    }

    /// Starts a run without waiting for it and returns its id.
    fn detached(&self, cmd: &str) -> String {
        let (status, out, err) = self.run(&["-d", "-o", "name"], cmd);
        assert_eq!(status, 0, "{err}");
        out.trim().to_owned()
    }

    fn lines(&self, name: &str) -> usize {
        let text = std::fs::read_to_string(self.scratch.file(name)).unwrap_or_default();
        text.lines().count()
    }
}

const ALLOW: &str = "default = 'allow'";

#[test]
fn a_run_goes_by_stages_groups_outputs_stops_at_a_failure_and_goes_again() {
    if !needs_root("agents run commands") {
        return;
    }
    let site = Site::start(&[ALLOW; 4]);
    let (person, count) = (&site.person, site.path("count"));
    // Each host has its turn, and equal outputs are one.
    let (status, out, err) =
        site.run(&["--stages", "1,50%,100%"], &format!("echo x >> {count}; echo same"));
    assert_eq!(status, 0, "{out}{err}");
    assert!(out.contains("4 succeeded: ") && out.matches("    same\n").count() == 1, "{out}");
    assert!(out.contains(": 4 succeeded = 4\n"), "{out}");
    assert!(err.contains("4 online") && err.contains("1, then 1, then 2"), "{err}");
    assert_eq!(site.lines("count"), 4);

    // Exactly one host fails: the first one that runs it.
    let once = |name: &str| format!("mkdir {} 2>/dev/null && exit 7; exit 0", site.path(name));
    let (status, stopped) = site.json(&[], &once("stops"));
    assert_eq!((status, &stopped["run"]["end"]), (4, &json!("stopped")), "{stopped}");
    let counts = &stopped["run"]["equation"];
    assert_eq!(
        (&counts["failed"], &counts["canceled_before_start"]),
        (&json!(1), &json!(3)),
        "{counts}"
    );
    assert_eq!(stopped["outputs"]["groups"][0]["code"], 7, "{stopped}");

    let (status, partly) = site.json(&["--stop-after", "none"], &once("goes-on"));
    assert_eq!((status, &partly["run"]["end"]), (1, &json!("completed")), "{partly}");
    assert_eq!(partly["run"]["equation"]["succeeded"], 3);
    let id = partly["run"]["id"].as_str().unwrap();
    let failed = person.done(&["run", "targets", id, "--state", "failed", "-o", "name"]);
    let host = failed.trim();
    assert_eq!(failed.lines().count(), 1, "{failed}");
    // The second time it succeeds, and only that host is asked.
    let (status, out, err) = person.run(&["run", "again", id, "--yes"], "");
    assert_eq!(status, 0, "{err}");
    assert!(out.contains(&format!("1 succeeded: {host}")), "{out}");
    assert_eq!(person.done(&["run", "list", "-o", "name"]).lines().count(), 4);
    assert!(person.done(&["run", "show", id]).contains("3 succeeded + 1 failed = 4"));

    // The whole output of one host, and its place in the history.
    let (_, long) = site.json(&[], "seq 1 30000");
    let id = long["run"]["id"].as_str().unwrap();
    let whole = person.done(&["run", "output", id, "--host", "web-2"]);
    assert!(whole.starts_with("1\n2\n") && whole.ends_with("30000\n"), "{}", whole.len());
    assert!(whole.len() <= 64 << 10, "{}", whole.len());
    let history = person.json(&["history", "--host", "web-2", "--run", id]);
    assert_eq!(history["entries"][0]["cmd"], "seq 1 30000", "{history}");
    let exported = person.done(&["history", "export", "--jsonl", "--run", id]);
    assert_eq!(exported.lines().count(), 4, "{exported}");

    // Another request than a command.
    let args = ["run", "-l", "", "--yes", "-o", "json", "--method", "agent.ping"];
    let pinged: Value = serde_json::from_str(&person.done(&args)).unwrap();
    assert_eq!(pinged["run"]["equation"]["succeeded"], 4, "{pinged}");
    canceled_by_hand(&site);
}

/// Cancels a run while its commands run.
fn canceled_by_hand(site: &Site) {
    let begun = site.path("begun");
    let id = site.detached(&format!("echo x >> {begun}; exec sleep 600"));
    wait_until("a command that runs", || site.lines("begun") > 0);
    let person = &site.person;
    let (status, _, err) = person.run(&["run", "cancel", &id], "y\n");
    assert!(status == 2 && err.contains("--yes"), "{err}");
    person.done(&["run", "cancel", &id, "--yes"]);
    let (status, out, err) = person.run(&["run", "watch", &id], "");
    assert_eq!(status, 5, "{out}{err}");
    assert!(out.contains("canceled") && out.ends_with(" = 4\n"), "{out}");
}

#[test]
fn ctrl_c_detaches_and_watch_comes_back_also_after_the_controller_was_killed() {
    if !needs_root("agents run commands") {
        return;
    }
    let mut site = Site::start(&[ALLOW; 2]);
    let (begun, go) = (site.path("begun"), site.path("go"));
    let cmd = format!("echo x >> {begun}; until test -e {go}; do sleep 0.1; done; echo went");
    let args = ["run", "-l", "env=prod", "--no-ramp", "--yes", "--", &cmd];
    let child = site.person.start(&args);
    wait_until("both commands", || site.lines("begun") == 2);
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let (status, out, err) = ended(child);
    assert_eq!((status, out.as_str()), (6, ""), "{err}");
    let (_, rest) = err.split_once("run watch ").unwrap();
    let id = rest.split(';').next().unwrap().to_owned();

    let mut watching = site.person.start(&["run", "watch", &id]);
    wait_until("it follows the run", || blocks_interrupts(watching.id()));
    site.controller.kill();
    let said = BufReader::new(watching.stderr.take().unwrap());
    let mut said = said.lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("waiting for it")));
    // What ends while the controller is down is not lost.
    std::fs::write(Path::new(&go), "").unwrap();
    site.controller.start_again();
    let (status, out, _) = ended(watching);
    let rest: Vec<String> = said.collect();
    assert_eq!(status, 0, "{out}{rest:?}");
    assert!(out.contains("2 succeeded: ") && out.contains("    went\n"), "{out}");
    assert_eq!(site.lines("begun"), 2, "a command started twice");
}

/// Returns whether a process has SIGINT and nothing else blocked, which it has once it follows a run.
/// (While a thread starts, all signals are blocked.)
fn blocks_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let blocked = blocked.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    blocked == Some(1 << (Signal::SIGINT as i32 - 1))
}

#[test]
fn the_plan_says_which_hosts_would_not_run_it_and_why() {
    if !needs_root("agents run commands") {
        return;
    }
    let refusing = "default = 'allow'\n[[rule]]\nname = 'no-restarts'\nreason = 'ask the owner'\n\
                    action = 'deny'\ncommands = { prefix = ['touch'] }";
    let mut site = Site::start(&[ALLOW, refusing, ALLOW]);
    site.machines[2].kill();
    site.wait_for_hosts(2);
    let person = &site.person;
    let cmd = format!("touch {}", site.path("made"));
    let plan = ["run", "-l", "env=prod", "--plan", "--", &cmd];
    let shown = person.done(&plan);
    for part in ["1 online", "1 offline", "1 refused", "web-2", "no-restarts: ask the owner"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!Path::new(&site.path("made")).exists(), "a plan started something");
    // The plan can be applied later; a host that is offline is left out here, not waited for.
    let args =
        ["run", "-l", "env=prod", "--plan", "--no-wait", "--stop-after", "none", "-o", "name"];
    let id = person.done(&[&args[..], &["--", &cmd]].concat());
    let (status, out, err) = person.run(&["run", "apply", id.trim(), "--yes"], "");
    assert_eq!(status, 1, "{out}{err}");
    assert!(out.contains("1 succeeded: web-1") && out.ends_with(" = 2\n"), "{out}{err}");
    assert!(out.contains("web-2: refused") && out.contains("no-restarts"), "{out}");
    let refused = "web-3  refused  the host is offline";
    assert!(err.contains(refused) && err.contains("does not wait"), "{err}");

    // The same question to one host: by the controller, and on the host itself.
    let check = ["exec", "--check", "--user", "nobody"];
    let ask =
        |flags: &[&str], cmd: &str| person.run(&[&check[..], flags, &["--", cmd]].concat(), "");
    let (status, out, err) = ask(&["--host", "web-2"], "true");
    assert!(status == 0 && out.contains("user       nobody ("), "{out}{err}");
    let (status, _, err) = ask(&["--host", "web-2"], "touch /x");
    assert!(status == 1 && err.contains("3023") && err.contains("no-restarts"), "{err}");
    let socket = site.machines[1].socket();
    let local = ["--socket", socket.to_str().unwrap()];
    assert_eq!(ask(&local, "touch /x").0, 0, "the policy does not apply to root");
    let as_one = [&local[..], &["--as-controller", "c.example"]].concat();
    assert_eq!(ask(&as_one, "touch /x").0, 1);
}

#[test]
fn a_budget_is_set_listed_and_removed() {
    let (controller, person) = (Controller::start(), Person::myself());
    person.first_login(&controller, PASSWORD);
    person.done(&["budget", "set", "databases", "-l", "role=db", "--limit", "2"]);
    let listed = person.done(&["budget", "list"]);
    assert!(listed.contains("databases  2        role=db   alice"), "{listed}");
    person.done(&["budget", "remove", "databases", "--yes"]);
    assert_eq!(person.done(&["budget", "list", "-o", "name"]), "");
}
