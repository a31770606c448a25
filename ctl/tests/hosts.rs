//! `hosts` against a stand-in for the controller's API: pages, formats, hostile texts, `--watch`.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use support::{Received, Reply, StandIn, run, start};

fn host(id: &str) -> Value {
    json!({"id": id, "state": "active", "connected": false, "issuer": "own", "labels": {},
        "last_seen": "2026-01-05T00:00:00Z"})
}

fn page(hosts: &[Value], next: Option<&str>) -> Reply {
    let mut body = json!({"hosts": hosts});
    if let Some(next) = next {
        body["next"] = next.into();
    }
    (200, body.to_string())
}

/// Three pages: two hosts, one host, none.
fn pages(request: &Received) -> Reply {
    if request.line.contains("after=b%2F2") {
        page(&[], None)
    } else if request.line.contains("after=a") {
        page(&[host("c")], Some("b/2"))
    } else {
        page(&[host("a"), host("b")], Some("a"))
    }
}

fn printed(controller: &StandIn, args: &[&str]) -> String {
    let (status, out, err) = run(&controller.url, args, "");
    assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
    String::from_utf8(out).unwrap()
}

#[test]
fn all_pages_are_one_list_in_every_format() {
    let controller = StandIn::new(pages);
    assert_eq!(printed(&controller, &["hosts", "-o", "name"]), "a\nb\nc\n");
    let asked =
        ["", "&after=a", "&after=b%2F2"].map(|at| format!("GET /api/v1/hosts?limit=1000{at}"));
    assert_eq!(controller.lines(), asked);
    let json: Value = serde_json::from_str(&printed(&controller, &["hosts", "--json"])).unwrap();
    assert_eq!(json, json!({"hosts": [host("a"), host("b"), host("c")]}));
    let yaml = printed(&controller, &["hosts", "-o", "yaml"]);
    assert!(yaml.starts_with("hosts:\n- connected: false\n  id: a\n"), "{yaml}");
    assert_eq!(yaml.matches("\n- connected").count(), 3, "{yaml}");
    let table = printed(&controller, &["hosts"]);
    assert_eq!(
        table,
        "HOST  STATE   ONLINE  ADDRESS  VERSION  LAST SEEN                       LABELS\n\
         a     active  no      -        -        Mon 2026-01-05 00:00:00 +00:00  -\n\
         b     active  no      -        -        Mon 2026-01-05 00:00:00 +00:00  -\n\
         c     active  no      -        -        Mon 2026-01-05 00:00:00 +00:00  -\n"
    );
    let none = StandIn::new(|_| page(&[], None));
    assert_eq!(printed(&none, &["hosts", "-o", "json"]), "{\"hosts\":[]}\n");
    assert_eq!(printed(&none, &["hosts", "-o", "yaml"]), "hosts: []\n");
    assert_eq!(printed(&none, &["hosts", "-o", "name"]), "");
}

#[test]
fn a_page_is_printed_before_the_next_is_asked_for() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let controller = StandIn::new(move |request| {
        if request.line.contains("after=") {
            wait.lock().unwrap().recv().unwrap();
        }
        pages(request)
    });
    let mut child = start(&controller.url, &["hosts", "-o", "name"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!([next(), next()], ["a", "b"]);
    go.send(()).unwrap();
    go.send(()).unwrap();
    assert_eq!(next(), "c");
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_flags_become_the_query() {
    let controller = StandIn::new(|_| page(&[], None));
    for (args, query) in [
        (
            &["-l", "env=prod,role in (web,db),!x"][..],
            "selector=env%3Dprod%2Crole%20in%20%28web%2Cdb%29%2C%21x&",
        ),
        (&["--state", "quarantined"], "state=quarantined&"),
        (&["--online"], "connected=true&"),
        (&["--offline", "--state", "active"], "state=active&connected=false&"),
    ] {
        printed(&controller, &[&["hosts", "-o", "name"], args].concat());
        let line = controller.lines().pop().unwrap();
        assert_eq!(line, format!("GET /api/v1/hosts?{query}limit=1000"));
    }
}

#[test]
fn a_mistake_in_a_selector_is_shown_with_a_caret_and_nothing_is_sent() {
    let controller = StandIn::new(|_| page(&[], None));
    let (status, out, err) = run(&controller.url, &["hosts", "-l", "env=prod,role in web"], "");
    assert_eq!((status, out.len(), controller.lines().len()), (2, 0, 0), "{err}");
    let lines: Vec<&str> = err.lines().collect();
    assert!(lines[0].starts_with("BasicAgentCtl: --selector: "), "{err}");
    assert_eq!(lines[1], "  env=prod,role in web");
    assert!(lines[2].trim_start() == "^" && lines[2].len() > 10, "{err}");
}

#[test]
fn texts_of_hosts_cannot_steer_the_terminal() {
    let evil = "\u{1b}[2J\u{9b}31m\u{202e}x\n";
    let mut host = host("h");
    host["version"] = evil.into();
    host["state_reason"] = evil.into();
    host["labels"] = json!({"env": {"value": evil, "source": "fact"}});
    host["clones"] =
        json!([{"address": "10.0.0.1:5", "boot": evil, "since": evil, "reason": evil}]);
    let one = host.to_string();
    let controller = StandIn::new(move |request| {
        if request.line.contains("/hosts/h") {
            (200, one.clone())
        } else {
            page(&[serde_json::from_str(&one).unwrap()], None)
        }
    });
    for args in [
        &["hosts"][..],
        &["hosts", "-o", "wide"],
        &["hosts", "-o", "yaml"],
        &["host", "show", "h"],
        &["host", "show", "h", "-o", "yaml"],
    ] {
        let text = printed(&controller, args);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(bad) && text.contains("[2J"), "{args:?}: {text:?}");
        if args.len() == 1 {
            assert_eq!(text.lines().count(), 2, "{text:?}");
        }
    }
    // The error of a controller, too.
    let controller = StandIn::new(move |_| (404, json!({"detail": evil}).to_string()));
    let err = run(&controller.url, &["host", "show", "h"], "").2;
    assert!(!err.trim_end().contains(char::is_control), "{err:?}");
}

#[test]
fn watch_prints_a_host_again_when_it_changes_or_goes() {
    let round = Arc::new(AtomicUsize::new(0));
    let rounds = round.clone();
    let controller = StandIn::new(move |_| match rounds.fetch_add(1, Ordering::SeqCst) {
        0 => page(&[host("a"), host("b")], None),
        1 => {
            let mut changed = host("b");
            changed["state"] = "quarantined".into();
            page(&[host("a"), changed], None)
        }
        // The controller restarts.
        2 => (503, r#"{"detail":"shutting down"}"#.to_owned()),
        _ => page(&[host("a")], None),
    });
    let mut child = start(&controller.url, &["hosts", "--watch"]);
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut next = || out.next().unwrap().unwrap();
    assert!(next().starts_with("HOST") && next().starts_with("a ") && next().starts_with("b "));
    let changed = next();
    assert!(changed.starts_with("b ") && changed.contains("quarantined"), "{changed}");
    assert!(err.next().unwrap().unwrap().contains("waiting for it"));
    assert_eq!(err.next().unwrap().unwrap(), "BasicAgentCtl: b is not in the list any more");
    child.kill().unwrap();
    child.wait().unwrap();
}
