//! Facts with time: real agents whose files change, and what the controller knows of it.

use super::PASSWORD;
use super::harness::{Controller, Machine, Person, ended};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use test_support::{needs_root, wait_some, wait_until};

const PLUGINS: [&str; 4] = ["os", "kernel", "packages", "users"];

fn release(version: &str) -> String {
    format!("ID=acme\nVERSION_ID={version}\nNAME=Acme\n")
}

/// Returns a dpkg database with a hundred packages and these versions of openssl and libzstd1.
fn status(openssl: &str, zstd: Option<&str>) -> String {
    let package = |name: &str, version: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\n\
             Version: {version}\nDescription: {name}\n\n"
        )
    };
    let others: String =
        (0..100).map(|number| package(&format!("p{number:03}"), "1.0-1")).collect();
    let zstd = zstd.map(|version| package("libzstd1", version)).unwrap_or_default();
    package("openssl", openssl) + &others + &zstd
}

/// Starts a machine that joins.
fn machine(controller: &Controller, person: &Person, host: &str, openssl: &str) -> Machine {
    let line = person.done(&["token", "create", "--uses", "1"]);
    let mut files =
        vec![("/etc/os-release", release("1")), ("/var/lib/dpkg/status", status(openssl, None))];
    // Whatever else runs on this machine uses the kernel's modules more or less.
    if Path::new("/proc/modules").exists() {
        files.push(("/proc/modules", String::new()));
    }
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let mut machine = Machine::new(controller, host).with_files(&files, &PLUGINS);
    machine.enroll(&line);
    machine.wait_until_joined();
    machine.start();
    machine
}

fn hosts(list: &Value) -> Vec<&str> {
    list["hosts"].as_array().unwrap().iter().map(|row| row["host"].as_str().unwrap()).collect()
}

#[test]
fn what_changes_on_a_host_is_seen_with_its_time_and_found_on_all_hosts() {
    if !needs_root("what_changes_on_a_host_is_seen_with_its_time_and_found_on_all_hosts") {
        return;
    }
    let controller = Controller::start();
    let person = Person::myself();
    person.first_login(&controller, PASSWORD);
    let one = machine(&controller, &person, "one", "3.0.11-1~deb12u2");
    let _two = machine(&controller, &person, "two", "3.0.14-1~deb12u1");
    // They are asked because they connected, and get their labels.
    for host in ["one", "two"] {
        wait_until("a host has labels from its facts", || {
            person.json(&["host", "show", host])["labels"]["os.id"]
                == json!({"value": "acme", "source": "fact"})
        });
    }
    let facts = person.json(&["facts", "show", "one"]);
    let fact = |name: &str| {
        let all = facts["facts"].as_array().unwrap();
        all.iter().find(|fact| fact["method"] == name).unwrap().clone()
    };
    assert_eq!(fact("getinfo.packages")["present"], true, "{facts}");
    assert_eq!(fact("getinfo.mounts")["present"], false, "a provider that is not installed");
    assert_eq!(person.json(&["facts", "show", "one", "os"])["release"]["version_id"], "1");

    // Nothing changed: nothing is noted, though the uptime did.
    let refreshed = person.done(&["facts", "refresh", "one", "two"]);
    assert!(refreshed.contains("one: nothing changed; absent: "), "{refreshed}");
    let before = fact("getinfo.packages")["since"].as_str().unwrap().to_owned();
    one.change_file("/var/lib/dpkg/status", &status("3.0.15-1~deb12u1", Some("1.5.4-1")));
    one.change_file("/etc/os-release", &release("2"));
    let refreshed = person.done(&["facts", "refresh", "-l", "os.version_id=1"]);
    assert!(refreshed.contains("one: changed: os, packages"), "{refreshed}");
    assert!(refreshed.contains("two: nothing changed"), "{refreshed}");
    let labels = person.json(&["host", "show", "one"]);
    assert_eq!(labels["labels"]["os.version_id"]["value"], "2", "{labels}");

    // Now, then, and what lies between.
    let changes = person.json(&["facts", "changes", "one", "packages"]);
    assert_eq!(changes["changes"].as_array().unwrap().len(), 2, "{changes}");
    let then = person.json(&["facts", "show", "one", "packages", "--at", &before]);
    let now = person.json(&["facts", "show", "one", "packages"]);
    assert_eq!((&then["count"], &now["count"]), (&json!(101), &json!(102)));
    let (code, text, _) = person.run(&["facts", "diff", &format!("one@{before}"), "one"], "");
    assert_eq!(code, 1, "something differs");
    for line in [
        "~ packages[openssl].version: 3.0.11-1~deb12u2 -> 3.0.15-1~deb12u1",
        "+ packages[libzstd1]: 1.5.4-1",
        "~ release.version_id: 1 -> 2",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let (code, text, _) = person.run(&["facts", "diff", "one", "one", "packages"], "");
    assert_eq!((code, text.as_str()), (0, ""));

    // Over all hosts.
    let older = person.json(&["facts", "package", "openssl", "--below", "3.0.15"]);
    assert_eq!(hosts(&older), ["two"], "{older}");
    let both = person.done(&["facts", "package", "openssl", "-o", "name"]);
    assert_eq!(both, "one\ntwo\n");
    let path = "$.packages[?@.name=='libzstd1'].version";
    let found = person.json(&["facts", "where", path]);
    assert_eq!(found["hosts"], json!([{"host": "one", "count": 1, "values": ["1.5.4-1"]}]));
    let counts = person.json(&["facts", "count", "os.version_id"]);
    assert_eq!(counts["counts"].as_array().unwrap().len(), 2, "{counts}");
    let (code, _, err) = person.run(&["facts", "where", "$.packages[?@.name=="], "");
    assert!(code == 2 && err.lines().last().unwrap().trim() == "^", "{err}");

    // `--live` asks before it answers.
    one.change_file("/var/lib/dpkg/status", &status("3.0.15-1~deb12u1", None));
    assert_eq!(hosts(&person.json(&["facts", "where", path])), ["one"]);
    assert_eq!(hosts(&person.json(&["facts", "where", path, "--live"])), [""; 0]);

    // A provider that fails keeps what it said last, and says since when it fails.
    one.change_file("/var/lib/dpkg/status", "");
    person.done(&["facts", "refresh", "one"]);
    let failing =
        wait_some("the facts of the host", || Some(person.json(&["facts", "show", "one"])));
    let packages = failing["facts"].as_array().unwrap();
    assert!(packages.iter().any(|fact| fact["method"] == "getinfo.packages"), "{failing}");

    // A host that is removed leaves nothing behind.
    person.done(&["host", "remove", "one", "--yes"]);
    let (code, _, err) = person.run(&["facts", "show", "one"], "");
    assert!(code == 3 && err.contains("one"), "{err}");
    assert_eq!(person.done(&["facts", "package", "openssl", "-o", "name"]), "two\n");
}

/// How often the controller is killed; `BASICAGENT_FACT_KILLS` has another number.
const KILLS: u64 = 3;

#[test]
fn a_controller_that_is_killed_while_facts_come_in_has_no_half_of_them() {
    if !needs_root("a_controller_that_is_killed_while_facts_come_in_has_no_half_of_them") {
        return;
    }
    let kills = std::env::var("BASICAGENT_FACT_KILLS").ok().and_then(|text| text.parse().ok());
    let kills = kills.unwrap_or(KILLS);
    let mut controller = Controller::start();
    let person = Person::myself();
    person.first_login(&controller, PASSWORD);
    let version = |round: u64| format!("3.0.{round}-1");
    let names = ["one", "two", "three"];
    let mut machines = names.map(|host| machine(&controller, &person, host, &version(0)));
    let refresh = || person.run(&[&["facts", "refresh"][..], &names].concat(), "").0 == 0;
    wait_until("all hosts have facts", &refresh);
    // Returns the hosts that a search by the index finds, and checks it by the documents.
    let with = |round: u64| {
        let version = version(round);
        let words = ["facts", "package", "openssl", "--is", &version, "-o", "name"];
        let found: Vec<String> = person.done(&words).lines().map(str::to_owned).collect();
        for host in &found {
            let packages = person.json(&["facts", "show", host, "packages"]);
            let list = packages["packages"].as_array().unwrap();
            let openssl = list.iter().find(|package| package["name"] == "openssl").unwrap();
            assert_eq!((list.len(), openssl["version"].as_str()), (101, Some(version.as_str())));
        }
        found.len()
    };
    for round in 1..=kills {
        for one in &machines {
            one.change_file("/var/lib/dpkg/status", &status(&version(round), None));
        }
        let asking = person.start(&[&["facts", "refresh"][..], &names].concat());
        // At another moment each time: no moment is to be a bad one.
        std::thread::sleep(Duration::from_millis(round * 37 % 150));
        controller.kill();
        ended(asking);
        // One that comes back would be asked between the two looks below.
        machines.iter_mut().for_each(Machine::kill);
        controller.start_again();
        assert_eq!(with(round - 1) + with(round), names.len(), "round {round}");
        machines.iter_mut().for_each(Machine::start);
        wait_until("all hosts are asked again", &refresh);
        assert_eq!(with(round), names.len());
        for host in names {
            let log = person.json(&["facts", "changes", host, "packages"]);
            assert_eq!(log["changes"].as_array().unwrap().len() as u64, round + 1, "{log}");
        }
    }
}

#[test]
fn a_limited_operator_finds_their_own_hosts_only() {
    if !needs_root("a_limited_operator_finds_their_own_hosts_only") {
        return;
    }
    let controller = Controller::start();
    let person = Person::myself();
    person.first_login(&controller, PASSWORD);
    let _machines =
        ["one", "two"].map(|host| machine(&controller, &person, host, "3.0.11-1~deb12u2"));
    wait_until("both hosts are known", || {
        person.done(&["facts", "package", "openssl", "-o", "name"]) == "one\ntwo\n"
    });
    person.done(&["host", "label", "two", "role=web"]);
    let role = json!({"grants": [{"actions": ["facts.read"], "selector": "role=web"}]});
    let file = person.home.join("role.json");
    std::fs::write(&file, role.to_string()).unwrap();
    person.done(&["role", "set", "web-team", "-f", file.to_str().unwrap()]);
    person.done(&["operator", "create", "bob", "--role", "web-team", "--no-password"]);
    let token = person.done(&["operator", "token", "create", "bob", "--name", "t", "--days", "9"]);
    let file = person.home.join("token");
    std::fs::write(&file, token).unwrap();
    let pin = super::pin(&controller);
    let flags =
        ["--controller", &controller.url, "--ca", &pin, "--token-file", file.to_str().unwrap()];
    let bob = |args: &[&str]| person.run(&[&flags[..], args].concat(), "");
    assert_eq!(bob(&["facts", "package", "openssl", "-o", "name"]).1, "two\n");
    assert_eq!(bob(&["facts", "where", "os.release.id", "-o", "name"]).1, "two\n");
    let counts = bob(&["facts", "count", "os.id", "-o", "json"]).1;
    let counts: Value = serde_json::from_str(&counts).unwrap();
    assert_eq!(counts["counts"], json!([{"value": "acme", "hosts": 1}]));
    for denied in [
        &["facts", "show", "one"][..],
        &["facts", "show", "one", "os"],
        &["facts", "diff", "one", "two", "os"],
        &["facts", "refresh", "one"],
    ] {
        let (code, out, err) = bob(denied);
        assert!(code != 0 && out.is_empty() && err.contains("allow"), "{denied:?}: {err}");
    }
    assert_eq!(bob(&["facts", "refresh", "two"]).0, 0);
}

#[test]
fn a_fact_that_changes_moves_a_host_into_a_schedule_and_out_of_it() {
    if !needs_root("a_fact_that_changes_moves_a_host_into_a_schedule_and_out_of_it") {
        return;
    }
    let controller = Controller::start();
    let person = Person::myself();
    person.first_login(&controller, PASSWORD);
    let one = machine(&controller, &person, "one", "3.0.11-1");
    let _two = machine(&controller, &person, "two", "3.0.11-1");
    let is_two = |host: &str, version: &str| {
        person.json(&["host", "show", host])["labels"]["os.version_id"]["value"] == version
    };
    wait_until("labels from facts", || is_two("one", "1") && is_two("two", "1"));
    let schedule = json!({"schedules": [{"name": "upgraded", "selector": "os.id=acme,os.version_id=2",
        "schedule": "0 0 0 1 1 *", "user": "root", "cmd": "true"}]});
    let file = person.home.join("schedules.json");
    std::fs::write(&file, schedule.to_string()).unwrap();
    person.done(&["schedule", "apply", "-f", file.to_str().unwrap(), "--yes"]);
    let jobs = |host: &str| -> Option<Vec<String>> {
        let (status, out, _) = person.run(&["--host", host, "cron", "list", "--json"], "");
        let list: Value = serde_json::from_str(&out).ok().filter(|_| status == 0)?;
        let list = list.get("data").cloned().unwrap_or(list);
        list.as_array()?.iter().map(|job| Some(job["name"].as_str()?.to_owned())).collect()
    };
    for (version, wanted) in
        [("2", &["fleet:upgraded"][..]), ("3", &[]), ("2", &["fleet:upgraded"])]
    {
        one.change_file("/etc/os-release", &release(version));
        let refreshed = person.done(&["facts", "refresh", "one"]);
        assert!(refreshed.contains("changed: os"), "{refreshed}");
        wait_until(&format!("the jobs of version {version}"), || {
            jobs("one").is_some_and(|found| found == wanted)
        });
        wait_until("the schedule's hosts", || {
            let found = person.json(&["schedule", "hosts", "upgraded"]);
            found["hosts"].as_array().unwrap().len() == wanted.len()
        });
        assert_eq!(jobs("two").as_deref(), Some(&[][..]), "version {version}");
    }
    let asked = person.json(&["audit", "--action", "facts.refresh"]);
    assert_eq!(asked["events"].as_array().unwrap().len(), 3, "{asked}");
}
