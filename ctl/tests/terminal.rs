//! The real binary on a terminal: questions, passwords, the width of tables, the progress line.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use nix::sys::termios::{LocalFlags, tcgetattr};
use serde_json::json;
use std::io::Read as _;
use std::sync::Mutex;
use std::sync::mpsc;
use support::{StandIn, TOKEN, Terminal, run};
use test_support::{Scratch, wait_until};

const PASSWORD: &str = "correct horse é";

fn token_file(scratch: &Scratch) -> String {
    let path = scratch.file("token");
    std::fs::write(&path, TOKEN).unwrap();
    path.to_str().unwrap().to_owned()
}

fn removal() -> StandIn {
    StandIn::new(|_| (204, String::new()))
}

#[test]
fn a_destructive_command_asks_and_only_yes_does_it() {
    let scratch = Scratch::new("terminal");
    let token = token_file(&scratch);
    for (answer, status, sent) in
        [("y\r", 0, 1), ("YES\r", 0, 1), ("n\r", 1, 0), ("\r", 1, 0), ("yess\r", 1, 0)]
    {
        let controller = removal();
        let args =
            ["--controller", &controller.url, "--token-file", &token, "host", "remove", "web-1"];
        let mut terminal = Terminal::start(80, &args, &[]);
        terminal.wait_for("Really remove host web-1? [y/N] ");
        terminal.keys(answer);
        let (found, shown) = terminal.end();
        assert_eq!((found, controller.lines().len()), (status, sent), "{answer:?}: {shown}");
    }
}

#[test]
fn without_a_terminal_a_destructive_command_needs_yes() {
    for args in [
        &["host", "remove", "web-1"][..],
        &["host", "ban", "web-1"],
        &["host", "settle", "web-1", "keep"],
        &["token", "revoke", "x"],
        &["operator", "remove", "bob"],
        &["operator", "token", "revoke", "bob", "x"],
        &["role", "remove", "web-team"],
        &["ca", "rotate", "retire"],
    ] {
        let controller = removal();
        let (status, _, err) = run(&controller.url, args, "y\n");
        assert_eq!((status, controller.lines().len()), (2, 0), "{args:?}: {err}");
        assert!(err.contains("--yes"), "{err}");
    }
    let controller = removal();
    assert_eq!(run(&controller.url, &["host", "remove", "a", "b", "--yes"], "").0, 0);
    let removed = ["a", "b"].map(|id| format!("DELETE /api/v1/hosts/{id}"));
    assert_eq!(controller.lines(), removed);
}

#[test]
fn a_password_is_never_shown_and_the_echo_comes_back() {
    let scratch = Scratch::new("terminal");
    let home = scratch.file("home");
    let controller = StandIn::new(|_| {
        let body = json!({"name": "alice", "token": "bap_x", "expires": "2026-01-31T00:00:00Z"});
        (200, body.to_string())
    });
    let env = [("XDG_CONFIG_HOME", home.to_str().unwrap())];
    let mut terminal = Terminal::start(80, &["login", &controller.url], &env);
    let echoes = |terminal: &Terminal| {
        tcgetattr(&terminal.screen).unwrap().local_flags.contains(LocalFlags::ECHO)
    };
    terminal.wait_for("Name: ");
    terminal.keys("alice\r");
    terminal.wait_for("Password of alice at http://127.0.0.1:");
    assert!(!echoes(&terminal));
    // A typo, corrected over a character of two bytes, and a line begun anew.
    terminal.keys("wrong\u{15}");
    terminal.keys(&format!("{PASSWORD}é\u{7f}\r"));
    let (status, shown) = terminal.end();
    assert_eq!(status, 0, "{shown}");
    assert!(!shown.contains("correct") && !shown.contains("wrong"), "{shown}");
    assert!(echoes(&terminal));
    let sent = controller.last_body();
    assert_eq!((&sent["name"], &sent["password"]), (&"alice".into(), &PASSWORD.into()));
    assert!(!controller.last_head().contains("authorization"), "{}", controller.last_head());

    // Ctrl-C.
    let mut terminal = Terminal::start(80, &["login", &controller.url, "--name", "alice"], &env);
    terminal.wait_for("Password of alice");
    terminal.keys("secret\u{3}");
    let (status, shown) = terminal.end();
    assert!(status == 1 && shown.contains("aborted") && echoes(&terminal), "{shown}");
    assert_eq!(controller.lines().len(), 1);
}

#[test]
fn a_table_is_as_wide_as_the_terminal_and_whole_in_a_pipe() {
    let scratch = Scratch::new("terminal");
    let token = token_file(&scratch);
    let id = "a-host-with-a-very-long-name.somewhere.in.a.data-center.example";
    let host = json!({"id": id, "state": "active", "connected": true, "issuer": "own",
        "labels": {"environment": {"value": "production", "source": "operator"}}});
    let body = json!({"hosts": [host]}).to_string();
    let controller = StandIn::new(move |_| (200, body.clone()));
    let args = ["--controller", &controller.url, "--token-file", &token, "hosts"];
    for columns in [60, 100] {
        let (status, shown) = Terminal::start(columns, &args, &[]).end();
        assert_eq!(status, 0, "{shown}");
        for line in shown.lines() {
            assert!(line.trim_end().chars().count() <= usize::from(columns), "{columns}: {line}");
        }
        assert!(shown.contains('…') && !shown.contains(id), "{shown}");
    }
    let (_, out, _) = run(&controller.url, &["hosts"], "");
    let piped = String::from_utf8(out).unwrap();
    assert!(piped.contains(id) && piped.contains("environment=production"), "{piped}");
    let json = Terminal::start(60, &[&args[..], &["-o", "json"]].concat(), &[]).end().1;
    assert!(json.contains("    \"id\": \"a-host"), "{json}");
}

#[test]
fn a_long_wait_is_shown_on_a_terminal_and_nowhere_else() {
    let scratch = Scratch::new("terminal");
    let token = token_file(&scratch);
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let controller = StandIn::new(move |_| {
        wait.lock().unwrap().recv().unwrap();
        (200, json!({"hosts": []}).to_string())
    });
    // The one with pipes waits longer than the one on the terminal.
    let mut piped = support::start(&controller.url, &["hosts", "-o", "name"]);
    wait_until("the first request", || controller.begun() == 1);
    let args = ["--controller", &controller.url, "--token-file", &token, "hosts", "-o", "name"];
    let mut terminal = Terminal::start(80, &args, &[]);
    // It begins after a second; on a busy machine, more have passed when it is drawn.
    wait_until("the wait on the terminal", || {
        let shown = terminal.shown();
        let seconds = shown.split_once("waiting for the controller (").and_then(|(_, rest)| {
            rest.split_once(" s)").and_then(|(seconds, _)| seconds.parse::<u64>().ok())
        });
        seconds.is_some_and(|seconds| seconds >= 1)
    });
    go.send(()).unwrap();
    go.send(()).unwrap();
    let (status, shown) = terminal.end();
    assert!(status == 0 && shown.ends_with("\r\u{1b}[K"), "{shown:?}");
    let mut err = String::new();
    piped.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(piped.wait().unwrap().success() && err.is_empty(), "{err}");
}
