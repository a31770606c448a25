//! `run` against a stand-in for the controller: the plan that it asks for, the question, the
//! progress on a terminal, Ctrl-C, the outputs and the exit statuses.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Received, StandIn, TOKEN, Terminal, run};
use test_support::Scratch;

fn plan(total: u64) -> Value {
    json!({"id": "r1", "hash": "9f86", "created_by": "alice", "created_at": "2026-01-01T00:00:00Z",
        "valid_until": "2026-01-01T01:00:00Z", "applied": false, "total": total,
        "answers": {"online": total, "not_yours": 1}, "stages": [{"size": 1}, {"size": 3}],
        "request": {"method": "async.bash", "cmd": "uptime", "user": "app"},
        "selector": "env=prod", "options": options()})
}

fn options() -> Value {
    json!({"stages": ["1", "100%"], "soak": 30, "max_failed": 0, "concurrency": 500, "ramp": true,
        "stop_after": 3, "no_wait": false})
}

fn state(state: &str, end: Option<&str>, equation: &Value) -> Value {
    json!({"id": "r1", "hash": "9f86", "state": state, "end": end, "equation": equation,
        "stages": [], "request": {"method": "async.bash", "cmd": "uptime"}, "options": options(),
        "created_by": "alice", "created_at": "2026-01-01T00:00:00Z",
        "applied_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:12Z",
        "valid_until": "2026-01-01T01:00:00Z", "change": 7})
}

fn target(host: &str, state: &str, why: &str) -> Value {
    json!({"run": "r1", "host": host, "stage": 1, "state": state, "code": 1, "why": why,
        "change": 8})
}

/// Replies as a controller would whose run ends so after one page of changes.
fn replies(request: &Received, end: &str, equation: &Value) -> (u16, String) {
    let line = request.line.as_str();
    let ended = || state("ended", Some(end), equation);
    let reply = if line.starts_with("POST /api/v1/plans ") {
        (201, plan(4))
    } else if line.contains("/plans/r1/targets?answer=not_yours") {
        let why = "your roles do not allow it";
        (200, json!({"targets": [{"host": "db\u{1b}[2J", "answer": "not_yours", "why": why}]}))
    } else if line.starts_with("POST /api/v1/plans/r1/apply ") {
        (200, state("running", None, &json!({"total": 4, "waiting": 3, "sent": 1})))
    } else if line.contains("/runs/r1/changes?after=7") {
        let failed = target("web-2", "failed", "exit status 1");
        (200, json!({"run": ended(), "targets": [failed], "next": 9, "last": true}))
    } else if line.contains("/runs/r1/outputs") {
        let group = |digest: &str, state: &str, code: u16, host: &str, head: &str| {
            json!({"digest": digest, "count": 1, "state": state, "code": code, "hosts": [host],
                "head": head, "truncated": false})
        };
        let groups = [
            group("a", "succeeded", 0, "web-1", "up 3 days\n"),
            group("b", "failed", 1, "web-2", "no\tsuch\u{1b}[31m unit\n"),
        ];
        (200, json!({"groups": groups, "more": false}))
    } else if line.contains("/runs/r1/targets?state=refused") {
        (200, json!({"targets": [target("web-3", "refused", "no-root: ask the owner")]}))
    } else if line.contains("/runs/r1/targets?state=") {
        (200, json!({"targets": []}))
    } else if line.starts_with("GET /api/v1/runs/r1 ") {
        (200, ended())
    } else {
        (404, json!({"type": "about:blank", "title": "x", "status": 404, "detail": line}))
    };
    (reply.0, reply.1.to_string())
}

fn ends(end: &'static str, equation: Value) -> StandIn {
    StandIn::new(move |request| replies(request, end, &equation))
}

const RUN: [&str; 7] = ["run", "-l", "env=prod", "--user", "app", "--", "uptime"];

fn with_yes() -> Vec<&'static str> {
    [&["run", "--yes"], &RUN[1..]].concat()
}

#[test]
fn the_flags_become_a_plan() {
    let controller = ends("completed", json!({"total": 4, "succeeded": 4}));
    let args = [
        "run",
        "-l",
        "env=prod",
        "--stages",
        "1,10%,100%",
        "--soak",
        "30s",
        "--stop-after",
        "3",
        "--max-failed",
        "5%",
        "--concurrency",
        "50",
        "--no-ramp",
        "--not-after",
        "2099-01-01T00:00:00Z",
        "--no-wait",
        "--user",
        "app",
        "--timeout",
        "5m",
        "--max-output",
        "1M",
        "--plan",
        "--",
        "systemctl",
        "restart",
        "a b",
    ];
    let (status, out, err) = run(&controller.url, &args, "");
    assert_eq!(status, 0, "{err}");
    let body = json!({"request": {"method": "async.bash", "cmd": "systemctl restart 'a b'",
            "user": "app", "timeout": 300, "max_output": 1 << 20},
        "selector": "env=prod", "stages": [1, "10%", "100%"], "soak": 30, "max_failed": "5%",
        "concurrency": 50, "ramp": false, "stop_after": 3, "not_after": "2099-01-01T00:00:00Z",
        "no_wait": true});
    assert_eq!(controller.lines()[0], "POST /api/v1/plans");
    assert_eq!(controller.lines().len(), 2, "--plan started something");
    let out = String::from_utf8(out).unwrap();
    for part in ["r1", "9f86", "uptime as app", "4 online", "1, then 3, 30 s", "not_yours", "roles"]
    {
        assert!(out.contains(part), "{part}: {out}");
    }
    let first = StandIn::new(|_| (422, json!({"detail": "no"}).to_string()));
    run(&first.url, &args, "");
    assert_eq!(first.last_body(), body);

    // By id, and another request than a command.
    let args = ["run", "--host", "a,b", "--host", "c", "--method", "cron.set", "--field", "name=x"];
    let fields = ["--field", "jitter=5", "--field", "cmd=date", "--plan"];
    run(&first.url, &[&args[..], &fields].concat(), "");
    assert_eq!(
        first.last_body(),
        json!({"request": {"method": "cron.set", "name": "x", "jitter": 5, "cmd": "date"},
            "hosts": ["a", "b", "c"]})
    );
    let args = ["run", "-l", "", "--method", "getinfo.users", "--args", "-U root", "--plan"];
    run(&first.url, &args, "");
    assert_eq!(
        first.last_body(),
        json!({"request": {"method": "getinfo.users", "args": "-U root"}, "selector": ""})
    );
}

#[test]
fn what_is_no_run_is_a_usage_error_and_nothing_is_sent() {
    let controller = ends("completed", json!({}));
    for (args, said) in [
        (&["run", "--yes", "--", "ls"][..], "-l SELECTOR"),
        (&["run", "--yes", "-l", "a", "--host", "h", "ls"], "use one"),
        (&["run", "--yes", "-l", "a"], "what is to run"),
        (&["run", "--yes", "-l", "a in (", "ls"], "^"),
        (&["run", "--yes", "--host", "a b", "ls"], "not a host id"),
        (&["run", "-l", "a", "ls"], "--yes"),
        (&["run", "--yes", "-l", "a", "--stages", "x", "ls"], "no number of hosts"),
        (&["run", "--yes", "-l", "a", "--not-after", "soon", "ls"], "--not-after"),
        (&["run", "--yes", "-l", "a", "--method", "getinfo.os", "--user", "x"], "--field"),
        (&["run", "--yes", "-l", "a", "--method", "getinfo.os", "ls"], "cannot be used with"),
        (&["run", "--yes", "-l", "a", "--method", "x", "--field", "id=1"], "is not a field"),
        (&["run", "--yes", "--plan", "-l", "a", "ls"], "cannot be used with"),
        (&["run", "again", "r1", "--state", "running", "-y"], "is no end"),
        (&["run", "targets", "r1", "--state", "lost"], "must be one of"),
    ] {
        let (status, _, err) = run(&controller.url, args, "y\n");
        assert!(status == 2 && err.contains(said), "{args:?}: {status} {err}");
    }
    assert_eq!(controller.lines(), Vec::<String>::new());
}

#[test]
fn the_exit_status_says_how_the_run_ended() {
    for (end, equation, wanted) in [
        ("completed", json!({"total": 4, "succeeded": 4}), 0),
        ("completed", json!({"total": 4, "succeeded": 2, "failed": 1, "refused": 1}), 1),
        ("stopped", json!({"total": 4, "failed": 4}), 4),
        ("canceled", json!({"total": 4, "canceled": 4}), 5),
    ] {
        let controller = ends(end, equation);
        for args in [with_yes(), vec!["run", "watch", "r1"]] {
            let (status, _, err) = run(&controller.url, &args, "");
            assert_eq!(status, wanted, "{end}: {err}");
        }
    }
    let nobody = StandIn::new(|_| (201, plan(0).to_string()));
    let (status, _, err) = run(&nobody.url, &with_yes(), "");
    assert!(status == 3 && err.contains("no host"), "{err}");
    let (status, _, err) = run("http://127.0.0.1:9", &with_yes(), "");
    assert_eq!(status, 3, "{err}");
}

#[test]
fn equal_outputs_are_printed_once_and_failures_first() {
    let equation = json!({"total": 4, "succeeded": 1, "failed": 1, "refused": 2});
    let controller = ends("completed", equation);
    let (status, out, err) = run(&controller.url, &with_yes(), "");
    assert_eq!(
        (status, String::from_utf8(out).unwrap().as_str()),
        (
            1,
            "1 failed with status 1: web-2\n    no\tsuch\u{1b}[31m unit\n\
             web-3: refused (1): no-root: ask the owner\n\
             … and 1 more refused: BasicAgentCtl run targets r1 --state refused\n\
             1 succeeded: web-1\n    up 3 days\n\
             run r1 completed in 12 s: 1 succeeded + 1 failed + 2 refused = 4\n"
        ),
        "{err}"
    );
    // The plan and the hosts that are left out are on standard error, harmless.
    assert!(err.contains("db\\u{1b}[2J  not_yours  your roles"), "{err}");
    let (_, out, _) =
        run(&controller.url, &[&with_yes()[..2], &["-o", "json"], &RUN[1..]].concat(), "");
    let both: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(both["run"]["equation"]["refused"], 2);
    assert_eq!(both["outputs"]["groups"][0]["hosts"], json!(["web-1"]));
    let (status, out, _) = run(&controller.url, &[&["run", "-y", "-d"], &RUN[1..]].concat(), "");
    assert_eq!(status, 0);
    assert!(String::from_utf8(out).unwrap().contains("run watch r1"));
}

fn on_a_terminal(controller: &StandIn, scratch: &Scratch, args: &[&str]) -> Terminal {
    let token = scratch.write("token", TOKEN);
    let flags = ["--controller", &controller.url, "--token-file", token.to_str().unwrap()];
    Terminal::start(120, &[&flags, args].concat(), &[])
}

#[test]
fn on_a_terminal_it_asks_and_shows_the_sum() {
    let scratch = Scratch::new("ctl-run");
    for (answer, status, sent) in [("n\r", 1, 2), ("y\r", 1, 6)] {
        let equation = json!({"total": 4, "succeeded": 3, "failed": 1});
        let controller = ends("completed", equation);
        let mut terminal = on_a_terminal(&controller, &scratch, &RUN);
        terminal.wait_for("Really run this on 4 hosts? [y/N] ");
        terminal.keys(answer);
        let (found, shown) = terminal.end();
        assert_eq!((found, controller.lines().len()), (status, sent), "{shown}");
        let goes = answer == "y\r";
        assert_eq!(shown.contains("3 waiting + 1 sent = 4"), goes, "{shown}");
        assert_eq!(shown.contains("web-2: failed (1): exit status 1"), goes, "{shown}");
        // What a host printed does not steer the terminal.
        assert_eq!(shown.contains("no    such\\u{1b}[31m unit"), goes, "{shown}");
    }
}

#[test]
fn ctrl_c_detaches_and_cancels_nothing() {
    let scratch = Scratch::new("ctl-run");
    let controller = StandIn::new(|request| {
        if request.line.contains("/changes") {
            // As a run in which nothing happens for a long time.
            std::thread::sleep(std::time::Duration::from_secs(600));
        }
        replies(request, "completed", &json!({}))
    });
    let mut terminal = on_a_terminal(&controller, &scratch, &with_yes());
    terminal.wait_for("3 waiting + 1 sent = 4");
    terminal.keys("\u{3}");
    let (status, shown) = terminal.end();
    assert_eq!(status, 6, "{shown}");
    assert!(shown.contains("run watch r1") && shown.contains("run cancel r1"), "{shown}");
    let lines = controller.lines();
    assert!(!lines.iter().any(|line| line.contains("/cancel")), "{lines:?}");
}

#[test]
fn a_controller_that_restarts_is_waited_for_and_no_change_is_asked_for_twice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let controller = StandIn::new(move |request| {
        if request.line.contains("/changes") && count.fetch_add(1, Ordering::SeqCst) == 0 {
            return (503, json!({"detail": "the controller stops"}).to_string());
        }
        replies(request, "completed", &json!({"total": 4, "succeeded": 4}))
    });
    let (status, _, err) = run(&controller.url, &with_yes(), "");
    assert!(status == 0 && err.contains("the controller stops; waiting for it"), "{err}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_plan_is_applied_with_the_signatures_in_files() {
    let controller = StandIn::new(|request| {
        if request.line.starts_with("GET /api/v1/plans/r1 ") {
            return (200, plan(4).to_string());
        }
        replies(request, "completed", &json!({"total": 4, "succeeded": 4}))
    });
    let scratch = Scratch::new("ctl-signatures");
    let file = |name: &str, text: &str| scratch.write(name, text).to_str().unwrap().to_owned();
    let (anna, bert) = (file("anna.sig", "MEUC\nIQ==\n"), file("bert.sig", "MEYC"));
    let apply = ["run", "apply", "r1", "--yes", "--detach", "--signature", &anna, "--signature"];
    let (status, _, err) = run(&controller.url, &[&apply[..], &[&bert]].concat(), "");
    assert_eq!(status, 0, "{err}");
    assert_eq!(controller.last_body(), json!({"signatures": ["MEUC\nIQ==", "MEYC"]}));
    let asked = controller.begun();
    let (empty, long) = (file("empty.sig", "\n"), file("long.sig", &"x".repeat(4097)));
    for (wrong, said) in [(&*empty, "this file has none"), (&*long, "has more"), ("/none", "/none")]
    {
        let (status, _, err) = run(&controller.url, &[&apply[..], &[wrong]].concat(), "");
        assert!(status != 0 && err.contains(said), "{err}");
    }
    assert_eq!(controller.begun(), asked, "nothing was asked for");
}

#[test]
fn an_export_that_was_cut_off_is_an_error() {
    let entry = r#"{"entry":{"change":7,"run":"r1","host":"web-1","method":"async.bash","state":"succeeded"}}"#;
    for (text, status, said) in [
        (format!("{entry}\n{entry}\n{{\"exported\":2}}\n"), 0, ""),
        (format!("{entry}\n{{\"exported\":2}}\n"), 3, "1 entries of 2"),
        (format!("{entry}\n"), 3, "cut off after 1"),
        (
            format!(
                "{entry}\n{{\"type\":\"about:blank\",\"title\":\"x\",\"status\":500,\"detail\":\"the disk is full\"}}\n"
            ),
            3,
            "the disk is full",
        ),
    ] {
        let controller = StandIn::new(move |_| (200, text.clone()));
        let args = ["history", "export", "--jsonl", "--run", "r1", "--host", "web-1", "--results"];
        let (found, out, err) = run(&controller.url, &args, "");
        assert!(found == status && err.contains(said), "{err}");
        assert!(String::from_utf8(out).unwrap().starts_with(&format!("{entry}\n")));
        assert_eq!(
            controller.lines(),
            ["GET /api/v1/history/export?run=r1&host=web-1&results=true"]
        );
    }
}
