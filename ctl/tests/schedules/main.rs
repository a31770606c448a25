//! Schedules for many hosts: the real BasicAgentCtl, controller and agents.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests start real binaries")]

#[path = "../controller/harness.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod harness;

use harness::{Controller, Machine, Person, pin};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use test_support::{needs_root, wait_some, wait_some_within, wait_until};

const PASSWORD: &str = "correct horse battery";

/// Longer than agents need to come back and to get their jobs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A controller, its operator alice, and hosts with agents.
struct Fleet {
    controller: Controller,
    alice: Person,
    machines: Vec<Machine>,
}

impl Fleet {
    /// Starts hosts with these ids, each with the label `role` of this value.
    fn start(hosts: &[(&str, &str)]) -> Self {
        let controller = Controller::start();
        let alice = Person::myself();
        alice.first_login(&controller, PASSWORD);
        let mut fleet = Self { controller, alice, machines: Vec::new() };
        for (host, role) in hosts {
            fleet.join(host, role, "default = 'allow'");
        }
        fleet
    }

    /// Starts a host with a policy.
    fn join(&mut self, host: &str, role: &str, policy: &str) {
        let label = format!("role={role}");
        let line = self.alice.done(&["token", "create", "--label", &label]);
        let mut machine = Machine::with_policy(&self.controller, host, policy);
        machine.enroll(&line);
        machine.wait_until_joined();
        machine.start();
        self.machines.push(machine);
        self.until_connected();
    }

    fn until_connected(&self) {
        let count = self.machines.len();
        wait_some_within(PATIENCE, "every host is connected", || {
            let hosts = self.try_json(&["hosts", "--online"])?;
            (hosts["hosts"].as_array().unwrap().len() == count).then_some(())
        });
    }

    fn try_json(&self, args: &[&str]) -> Option<Value> {
        let (status, out, _) = self.alice.run(&[args, &["-o", "json"]].concat(), "");
        (status == 0).then(|| serde_json::from_str(&out).unwrap())
    }

    /// Applies schedules.
    fn apply(&self, person: &Person, schedules: &Value) -> (i32, String, String) {
        let file = person.home.join("schedules.json");
        std::fs::create_dir_all(&person.home).unwrap();
        std::fs::write(&file, json!({ "schedules": schedules }).to_string()).unwrap();
        person.run(&["schedule", "apply", "-f", file.to_str().unwrap(), "--prune", "--yes"], "")
    }

    fn applied(&self, schedules: &Value) {
        let (status, _, err) = self.apply(&self.alice, schedules);
        assert_eq!(status, 0, "{err}");
    }

    /// Returns the states of a schedule's hosts, by host.
    fn states(&self, schedule: &str) -> Vec<(String, String)> {
        let hosts = self.try_json(&["schedule", "hosts", schedule]).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let hosts = hosts["hosts"].as_array().cloned().unwrap_or_default();
        hosts.iter().map(|host| (text(&host["host"]), text(&host["state"]))).collect()
    }

    fn until_states(&self, schedule: &str, wanted: &[(&str, &str)]) {
        let named = |(host, state): &(&str, &str)| ((*host).to_owned(), (*state).to_owned());
        let wanted: Vec<_> = wanted.iter().map(named).collect();
        wait_some_within(PATIENCE, &format!("{schedule} stands as {wanted:?}"), || {
            (self.states(schedule) == wanted).then_some(())
        });
    }

    /// Returns the names of a host's jobs, those of crontabs or all others; `None` while it cannot
    /// be asked.
    fn listed(&self, host: &str, of_crontabs: bool) -> Option<Vec<String>> {
        let (status, out, _) = self.alice.run(&["--host", host, "cron", "list", "--json"], "");
        let list: Value = serde_json::from_str(&out).ok().filter(|_| status == 0)?;
        let list = list.get("data").cloned().unwrap_or(list);
        let jobs = list.as_array()?.iter().filter(|job| job["file"].is_string() == of_crontabs);
        Some(jobs.map(|job| job["name"].as_str().unwrap().to_owned()).collect())
    }

    fn jobs(&self, host: &str) -> Option<Vec<String>> {
        self.listed(host, false)
    }

    fn until_jobs(&self, host: &str, wanted: &[&str]) {
        wait_some_within(PATIENCE, &format!("{host} has the jobs {wanted:?}"), || {
            (self.jobs(host)? == wanted).then_some(())
        });
    }

    fn set_own(&self, host: &str) {
        self.alice.done(&["--host", host, "cron", "set", "own", "0 0 0 1 1 *", "--", "true"]);
    }
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

fn entry(name: &str, role: &str, cmd: &str) -> Value {
    json!({"name": name, "selector": format!("role={role}"), "schedule": "* * * * * *",
        "user": "root", "cmd": cmd})
}

#[test]
fn a_schedule_follows_its_selector_runs_without_the_controller_and_is_repaired() {
    if !needs_root("agents run commands as root") {
        return;
    }
    let mut fleet = Fleet::start(&[("a", "db"), ("b", "web")]);
    for host in ["a", "b"] {
        fleet.set_own(host);
    }
    // The names of a crontab's jobs begin with the file's: here as those of schedules do.
    let crontab = fleet.machines[1].file("cron.d/fleet");
    std::fs::create_dir_all(crontab.parent().unwrap()).unwrap();
    std::fs::write(&crontab, "0 0 0 1 1 * root true\n").unwrap();
    let of_crontab = || fleet.listed("b", true).filter(|jobs| jobs.len() == 1);
    let from_crontab = wait_some("the job of the crontab", of_crontab);
    assert!(from_crontab[0].starts_with("fleet:"), "{from_crontab:?}");
    let ticks = fleet.machines[0].file("ticks");
    let tick = entry("tick", "db", &format!("date +%s >> {}", ticks.display()));
    let file = fleet.alice.home.join("schedules.json");
    std::fs::create_dir_all(&fleet.alice.home).unwrap();
    std::fs::write(&file, json!({ "schedules": [tick] }).to_string()).unwrap();
    let file = file.to_str().unwrap();
    let diff = fleet.alice.done(&["schedule", "diff", "-f", file]);
    assert!(diff.starts_with("+ tick\n1 new"), "{diff}");
    // Without an answer nothing is applied.
    let (status, _, err) = fleet.alice.run(&["schedule", "apply", "-f", file], "");
    assert!(status != 0 && err.contains("--yes"), "{err}");
    assert!(fleet.alice.json(&["schedule", "list"])["schedules"].as_array().unwrap().is_empty());
    fleet.applied(&json!([tick]));
    fleet.until_states("tick", &[("a", "applied")]);
    assert_eq!(fleet.jobs("b").unwrap(), ["own"]);
    let again = fleet.alice.done(&["schedule", "diff", "-f", file]);
    assert_eq!(again, "0 new, 0 changed, 0 removed, 1 unchanged\n");

    // It runs with no controller, and the results come afterwards.
    fleet.controller.kill();
    let alone = lines(&ticks);
    wait_until("it runs without the controller", || lines(&ticks) >= alone + 2);
    fleet.controller.start_again();
    fleet.until_connected();
    wait_until("the results are found by schedule", || {
        let found = fleet.try_json(&["schedule", "results", "tick"]).unwrap_or_default();
        found["results"].as_array().is_some_and(|results| results.len() >= alone + 2)
    });
    let results = fleet.alice.json(&["schedule", "results", "tick"]);
    assert_eq!(results["results"][0]["host"], "a", "{results}");
    assert_eq!(results["results"][0]["result"]["name"], "fleet:tick", "{results}");

    // Labels move it.
    fleet.alice.done(&["host", "label", "b", "role=db"]);
    fleet.alice.done(&["host", "label", "a", "role=web"]);
    fleet.until_states("tick", &[("b", "applied")]);
    fleet.until_jobs("a", &["own"]);
    fleet.until_jobs("b", &["fleet:tick", "own"]);

    // Somebody removes it on the host.
    fleet.alice.done(&["--host", "b", "cron", "remove", "fleet:tick"]);
    let checked = fleet.alice.done(&["schedule", "check"]);
    assert!(checked.contains("1 jobs were repaired"), "{checked}");
    fleet.until_jobs("b", &["fleet:tick", "own"]);
    let hosts = fleet.alice.json(&["schedule", "hosts", "tick"]);
    assert_eq!(hosts["hosts"][0]["drift"], "removed on the host", "{hosts}");

    // Somebody changes it on the host.
    let cron = ["--host", "b", "cron", "set", "fleet:tick", "0 0 0 1 1 *", "--", "true"];
    fleet.alice.done(&cron);
    fleet.alice.done(&["schedule", "check", "-l", "role=db"]);
    let hosts = fleet.alice.json(&["schedule", "hosts", "tick"]);
    assert_eq!(hosts["hosts"][0]["drift"], "changed on the host", "{hosts}");

    // A host that lost its state gets its jobs again.
    fleet.machines[1].kill();
    let tasks = fleet.machines[1].file("state/tasks");
    // A job that runs may write its result meanwhile.
    wait_until("its state is gone", || {
        let _ = std::fs::remove_dir_all(&tasks);
        !tasks.exists()
    });
    fleet.machines[1].start();
    fleet.until_connected();
    fleet.until_jobs("b", &["fleet:tick"]);

    // Offline hosts lose it when they come back.
    fleet.machines[1].kill();
    fleet.alice.done(&["schedule", "remove", "tick", "--yes"]);
    fleet.until_states("tick", &[("b", "removing")]);
    fleet.machines[1].start();
    fleet.until_jobs("b", &[]);
    fleet.until_states("tick", &[]);
    let history = fleet.alice.json(&["schedule", "history", "tick"]);
    let versions = history["versions"].as_array().unwrap();
    assert_eq!((versions.len(), &versions[0]["entry"]), (2, &Value::Null), "{history}");
    assert_eq!(versions[1]["by"], "alice", "{history}");
    fleet.until_jobs("a", &["own"]);
    assert_eq!(fleet.listed("b", true).unwrap(), from_crontab);
    let forecast = fleet.alice.json(&["schedule", "forecast", "--hours", "24"]);
    let never = forecast["never"].as_array().unwrap();
    assert!(never.iter().any(|job| job["name"] == *from_crontab[0]), "{never:?}");
}

#[test]
fn a_policy_and_an_authors_roles_are_judged_at_each_push_and_shown() {
    if !needs_root("agents run commands as root") {
        return;
    }
    let mut fleet = Fleet::start(&[("a", "db")]);
    let policy = "default = \"allow\"\n\n[[rule]]\nname = \"no-schedules\"\naction = \"deny\"\n\
                  methods = [\"cron.set\"]\nreason = \"ask the owner\"\n";
    fleet.join("b", "db", policy);
    fleet.applied(&json!([entry("x", "db", "true")]));
    fleet.until_states("x", &[("a", "applied"), ("b", "refused")]);
    let hosts = fleet.alice.json(&["schedule", "hosts", "x", "--state", "refused"]);
    let why = hosts["hosts"][0]["why"].as_str().unwrap();
    assert!(why.contains("no-schedules") && why.contains("ask the owner"), "{why}");

    // bob may run `true` and nothing else.
    let role = json!({"grants": [
        {"actions": ["schedules.*", "hosts.read"]},
        {"actions": ["commands.run"], "users": ["root"], "commands": ["true"]},
    ]});
    let file = fleet.alice.home.join("role.json");
    std::fs::write(&file, role.to_string()).unwrap();
    fleet.alice.done(&["role", "set", "scheduler", "-f", file.to_str().unwrap()]);
    let create = ["operator", "create", "bob", "--role", "scheduler", "--password-stdin"];
    let (status, _, err) = fleet.alice.run(&create, PASSWORD);
    assert_eq!(status, 0, "{err}");
    let bob = Person::myself();
    let ca = pin(&fleet.controller);
    let login = ["login", &fleet.controller.url, "--ca", &ca, "--name", "bob", "--password-stdin"];
    let (status, _, err) = bob.run(&login, PASSWORD);
    assert_eq!(status, 0, "{err}");
    let (status, _, err) = fleet.apply(&bob, &json!([entry("y", "db", "reboot")]));
    assert!(status == 3 && err.contains("do not allow this command"), "{status} {err}");
    let (status, _, err) =
        fleet.apply(&bob, &json!([entry("x", "db", "true"), entry("y", "web", "true")]));
    assert_eq!(status, 0, "{err}");

    // Nothing more of an author who may not anymore is pushed.
    fleet.alice.done(&["operator", "disable", "bob"]);
    fleet.alice.done(&["host", "label", "a", "role=web"]);
    fleet.until_states("y", &[("a", "not_allowed")]);
    let hosts = fleet.alice.json(&["schedule", "hosts", "y"]);
    assert!(hosts["hosts"][0]["why"].as_str().unwrap().starts_with("bob: "), "{hosts}");
    fleet.until_jobs("a", &[]);
    fleet.alice.done(&["operator", "disable", "bob", "--undo"]);
    fleet.until_states("y", &[("a", "applied")]);
    fleet.until_jobs("a", &["fleet:y"]);
}

#[test]
fn hosts_have_exactly_their_jobs_after_kills_at_any_moment_and_two_applies_at_once() {
    if !needs_root("agents run commands as root") {
        return;
    }
    let mut fleet = Fleet::start(&[("a", "db"), ("b", "web")]);
    fleet.set_own("a");
    let set = |round: usize| -> Value {
        let role = |number: usize| if (round + number).is_multiple_of(3) { "web" } else { "db" };
        let never = |number: usize| {
            let mut entry = entry(&format!("s{number}"), role(number), &format!("true {round}"));
            entry["schedule"] = json!("0 0 0 1 1 *");
            entry
        };
        (0..12).map(never).collect()
    };
    for round in 0..8 {
        fleet.applied(&set(round));
        match round % 3 {
            0 => fleet.machines[round % 2].kill(),
            1 => fleet.controller.kill(),
            _ => {}
        }
        match round % 3 {
            0 => fleet.machines[round % 2].start(),
            1 => fleet.controller.start_again(),
            _ => {}
        }
        wait_until("the controller answers", || fleet.try_json(&["whoami"]).is_some());
    }
    // Of two at once, one wins whole, or one is told that the other was faster.
    let (one, two) = (set(100), set(101));
    let both = std::thread::scope(|scope| {
        let other = Person::myself();
        let ca = pin(&fleet.controller);
        let login =
            ["login", &fleet.controller.url, "--ca", &ca, "--name", "alice", "--password-stdin"];
        assert_eq!(other.run(&login, PASSWORD).0, 0);
        let fleet = &fleet;
        let second = scope.spawn(move || fleet.apply(&other, &two));
        [fleet.apply(&fleet.alice, &one), second.join().unwrap()]
    });
    assert!(both.iter().any(|(status, ..)| *status == 0), "{both:?}");
    for (status, _, err) in &both {
        assert!(*status == 0 || err.contains("meanwhile"), "{err}");
    }
    let listed = fleet.alice.json(&["schedule", "list"]);
    let listed = listed["schedules"].as_array().unwrap();
    let of = |role: &str| -> Vec<String> {
        let wanted = format!("role={role}");
        let entries = listed.iter().map(|schedule| &schedule["entry"]);
        let mut names: Vec<String> = entries
            .filter(|entry| entry["selector"] == *wanted)
            .map(|entry| format!("fleet:{}", entry["name"].as_str().unwrap()))
            .collect();
        names.sort();
        names
    };
    let (mut db, web) = (of("db"), of("web"));
    assert_eq!(db.len() + web.len(), 12);
    db.push("own".to_owned());
    fleet.until_connected();
    let texts = |names: &[String]| names.to_vec();
    for (host, wanted) in [("a", texts(&db)), ("b", texts(&web))] {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        fleet.until_jobs(host, &wanted);
    }
    let checked = fleet.alice.done(&["schedule", "check"]);
    assert!(checked.starts_with("2 hosts") && checked.contains("0 jobs"), "{checked}");
}

#[test]
fn a_thousand_schedules_reach_their_hosts_and_a_forecast_sees_them_all() {
    if !needs_root("agents run commands as root") {
        return;
    }
    let fleet = Fleet::start(&[("a", "db"), ("b", "db")]);
    fleet.set_own("a");
    let many: Value = (0..1000)
        .map(|number| {
            let mut entry = entry(&format!("s{number:04}"), "db", "true");
            entry["schedule"] = json!(format!("0 {} {} * * *", number % 60, number % 24));
            entry["timezone"] = json!("Europe/Berlin");
            entry
        })
        .collect();
    fleet.applied(&many);
    wait_some_within(PATIENCE, "both hosts have a thousand jobs", || {
        let is_on_both = |schedule: &str| {
            let shown = fleet.try_json(&["schedule", "show", schedule]);
            shown.is_some_and(|shown| shown["hosts"]["applied"] == 2)
        };
        (is_on_both("s0999") && is_on_both("s0000")).then_some(())
    });
    let forecast = fleet.alice.json(&["schedule", "forecast", "--hours", "24"]);
    let load: u64 = forecast["load"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert!(load >= 2000, "{load}");
    assert_eq!((&forecast["hosts"], &forecast["asked"]), (&json!(2), &json!(2)), "{forecast}");
    let never = forecast["never"].as_array().unwrap();
    assert!(never.iter().any(|job| job["name"] == "own"), "{never:?}");
    assert!(!forecast["collisions"].as_array().unwrap().is_empty());
    let chart = fleet.alice.done(&["schedule", "forecast", "-l", "role=db", "--schedules-only"]);
    assert!(chart.contains('█') && chart.contains("the busiest minute"), "{chart}");
    fleet.applied(&json!([]));
    fleet.until_jobs("a", &["own"]);
    fleet.until_jobs("b", &[]);
}
