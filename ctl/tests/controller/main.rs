//! BasicAgentCtl and a real controller: from the first start to a token that is revoked.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests start real binaries")]

mod completion;
mod facts;
mod harness;
mod runs;

use harness::{Controller, Machine, Person, pin};
use serde_json::json;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use test_support::{Scratch, needs_root, wait_until};

const PASSWORD: &str = "correct horse battery";

#[test]
fn the_first_operator_logs_in_by_the_link_and_the_token_is_kept_for_the_owner_only() {
    for person in [Person::myself(), Person::ordinary()] {
        let controller = Controller::start();
        person.first_login(&controller, PASSWORD);
        let file = person.contexts();
        let kept = std::fs::read_to_string(&file).unwrap();
        assert!(kept.contains("bap_") && !kept.contains(PASSWORD), "{kept}");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let me = person.json(&["whoami"]);
        assert_eq!((&me["name"], &me["roles"]), (&json!("alice"), &json!(["admin"])), "{me}");
        // No flag any more: the context has the URL, the CA and the token.
        assert!(person.done(&["hosts"]).starts_with("HOST  STATE"));
        let contexts = person.json(&["context", "list"]);
        assert_eq!(contexts["contexts"][0]["operator"], "alice", "{contexts}");
        assert!(!contexts.to_string().contains("bap_"), "{contexts}");
        // The link works once.
        let again = ["setup", &controller.setup, "--ca", &pin(&controller), "--name", "eve"];
        let (status, _, err) = person.run(&[&again[..], &["--password-stdin"]].concat(), PASSWORD);
        assert_eq!(status, 3, "{err}");

        person.done(&["logout"]);
        assert!(!std::fs::read_to_string(&file).unwrap().contains("bap_"));
        let (status, _, err) = person.run(&["hosts"], "");
        assert!(status == 2 && err.contains("logged out"), "{err}");
        // The token has ended at the controller, too.
        let token = kept.split("bap_").nth(1).unwrap().split('"').next().unwrap();
        let stolen = person.home.join("stolen");
        std::fs::write(&stolen, format!("bap_{token}")).unwrap();
        std::fs::set_permissions(&stolen, Permissions::from_mode(0o644)).unwrap();
        let flags = ["--controller", &controller.url, "--ca", &pin(&controller)];
        let token = ["--token-file", stolen.to_str().unwrap(), "whoami"];
        let (status, _, err) = person.run(&[&flags[..], &token].concat(), "");
        assert!(status == 3 && err.contains("rejected the token"), "{err}");
    }
}

#[test]
fn nothing_is_sent_to_a_controller_with_another_certificate() {
    let (controller, person) = (Controller::start(), Person::myself());
    let wrong = format!("sha256:{}", "00".repeat(32));
    let scratch = Scratch::new("ctl-ca");
    let other = Controller::start();
    let other_root = other.root();
    let empty = scratch.write("empty.pem", "");
    for (ca, wanted) in [
        (wrong.as_str(), "no certificate that it presents has the pinned digest"),
        (other_root.to_str().unwrap(), "of no trusted CA"),
        (empty.to_str().unwrap(), "no certificate in PEM"),
        ("/nonexistent", "No such file"),
    ] {
        let login = ["login", &controller.url, "--ca", ca, "--name", "alice", "--password-stdin"];
        let (status, _, err) = person.run(&login, PASSWORD);
        assert!(status == 3 && err.contains(wanted), "{ca}: {err}");
    }
    assert!(!person.contexts().exists());
    // Without --ca, the error shows what to compare.
    let (_, _, err) =
        person.run(&["login", &controller.url, "--name", "a", "--password-stdin"], "x");
    assert!(err.contains(&pin(&controller)), "{err}");
    // A name that the certificate does not have.
    let url = controller.url.replace("127.0.0.1", "127.0.0.2");
    let login = ["login", &url, "--ca", &pin(&controller), "--name", "a", "--password-stdin"];
    let (status, _, err) = person.run(&login, "x");
    assert!(status == 3 && err.contains("127.0.0.2") && err.contains("--name"), "{err}");
}

#[test]
fn a_wrong_password_changes_no_context() {
    let (controller, person) = (Controller::start(), Person::myself());
    person.first_login(&controller, PASSWORD);
    let before = std::fs::read(person.contexts()).unwrap();
    let (status, _, err) = person.run(&["login", "--password-stdin"], "wrong horse battery");
    assert_eq!(status, 3, "{err}");
    assert_eq!(std::fs::read(person.contexts()).unwrap(), before);
    // The same person at another context's name.
    let (status, _, err) = person.run(
        &[
            "login",
            &controller.url,
            "--ca",
            &pin(&controller),
            "--context",
            "second",
            "--name",
            "alice",
            "--password-stdin",
        ],
        PASSWORD,
    );
    assert_eq!(status, 0, "{err}");
    assert_eq!(person.done(&["context", "list", "-o", "name"]), "127.0.0.1\nsecond\n");
    person.done(&["context", "use", "127.0.0.1"]);
    assert_eq!(person.json(&["--context", "second", "whoami"])["name"], "alice");
    let (status, _, err) = person.run(&["--context", "secnd", "whoami"], "");
    assert!(status == 2 && err.contains("did you mean second?"), "{err}");
    person.done(&["context", "remove", "second"]);
    assert_eq!(person.done(&["context", "list", "-o", "name"]), "127.0.0.1\n");
}

#[test]
fn join_tokens_are_made_listed_and_revoked() {
    let (controller, person) = (Controller::start(), Person::myself());
    person.first_login(&controller, PASSWORD);
    let flags =
        ["--expires", "2h", "--uses", "20", "--label", "env=prod", "--network", "10.0.0.0/8"];
    let (status, line, said) =
        person.run(&[&["token", "create", "--note", "rack 7"][..], &flags].concat(), "");
    assert_eq!(status, 0, "{said}");
    assert!(line.starts_with("BasicAgent enroll --server ") && line.lines().count() == 1, "{line}");
    assert!(line.contains("--token bat1.") && line.contains(&pin(&controller)), "{line}");
    assert!(said.contains("admits 20 hosts until "), "{said}");
    let secret = line.split("--token ").nth(1).unwrap().split_whitespace().next().unwrap();
    let id = secret.split('.').nth(1).unwrap();
    let shown = person.done(&["token", "show", id]);
    for part in [
        "state     good",
        "uses      0 of 20",
        "note      rack 7",
        "network   10.0.0.0/8",
        "label     env=prod",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(person.done(&["token", "list"]).contains("0/20"));
    let secret = secret.rsplit('.').next().unwrap();
    assert!(!person.json(&["token", "list"]).to_string().contains(secret));
    person.done(&["token", "revoke", id, "--yes"]);
    assert!(person.done(&["token", "list"]).contains("revoked"));
    let (status, _, err) = person.run(&["token", "show", "nosuchtoken0"], "");
    assert_eq!(status, 3, "{err}");
}

#[test]
fn operators_get_what_their_roles_allow_and_no_more() {
    let (controller, person) = (Controller::start(), Person::myself());
    person.first_login(&controller, PASSWORD);
    let (status, _, err) =
        person.run(&["operator", "create", "bob", "--role", "viwer", "--password-stdin"], PASSWORD);
    assert!(status != 0 && err.contains("did you mean viewer?"), "{status} {err}");
    let scratch = Scratch::new("ctl-role");
    let grants = json!([{"actions": ["hosts.read", "facts.read"], "selector": "role=web"}]);
    let role = json!({"description": "the web team", "grants": grants}).to_string();
    let file = scratch.write("web-team.json", role);
    person.done(&["role", "set", "web-team", "-f", file.to_str().unwrap()]);
    let shown = person.done(&["role", "show", "web-team"]);
    assert!(shown.contains("role=web") && shown.contains("hosts.read"), "{shown}");
    // What it prints is what it takes.
    let again = scratch.write("again.json", person.json(&["role", "show", "web-team"]).to_string());
    person.done(&["role", "set", "web-team", "-f", again.to_str().unwrap()]);
    assert_eq!(person.done(&["role", "show", "web-team"]), shown);
    person.done(&[
        "operator",
        "create",
        "bob",
        "--role",
        "viewer",
        "--role",
        "web-team",
        "--no-password",
    ]);
    let token =
        person.done(&["operator", "token", "create", "bob", "--name", "nightly", "--days", "9"]);
    assert!(token.starts_with("bap_") && token.lines().count() == 1, "{token}");
    let id = person.done(&["operator", "token", "list", "bob", "-o", "name"]);
    let file = scratch.write("token", &token);
    let bob = [
        "--controller",
        &controller.url,
        "--ca",
        &pin(&controller),
        "--token-file",
        file.to_str().unwrap(),
    ];
    let as_bob = |args: &[&str]| person.run(&[&bob[..], args].concat(), "");
    assert!(as_bob(&["whoami"]).1.contains("viewer, web-team"));
    assert_eq!(as_bob(&["hosts"]).0, 0);
    for args in [
        &["token", "create"][..],
        &["operator", "create", "eve", "--role", "admin", "--no-password"],
        &["role", "set", "web-team", "-f", "/dev/stdin"],
        &["audit"],
        &["ca", "rotate", "init", "--yes"],
    ] {
        let (status, out, err) = as_bob(args);
        assert!(status != 0 && out.is_empty(), "{args:?}: {out}{err}");
    }
    person.done(&["operator", "disable", "bob"]);
    assert_eq!(as_bob(&["whoami"]).0, 3);
    person.done(&["operator", "disable", "bob", "--undo"]);
    person.done(&["operator", "token", "revoke", "bob", id.trim(), "--yes"]);
    assert_eq!(as_bob(&["whoami"]).0, 3);
    person.done(&["operator", "remove", "bob", "--yes"]);
    person.done(&["role", "remove", "web-team", "--yes"]);
    assert_eq!(person.done(&["operator", "list", "-o", "name"]), "alice\n");
}

#[test]
fn the_audit_log_says_who_did_it_and_is_intact() {
    let (controller, person) = (Controller::start(), Person::myself());
    person.first_login(&controller, PASSWORD);
    for note in ["one", "two", "three"] {
        person.done(&["token", "create", "--note", note]);
    }
    let log = person.json(&["audit", "--action", "tokens.manage"]);
    let events = log["events"].as_array().unwrap();
    assert_eq!(events.len(), 3, "{log}");
    assert!(
        events.iter().all(|event| event["actor"] == "alice" && event["outcome"] == "succeeded")
    );
    assert!(!log.to_string().contains("bat1."), "{log}");
    let count =
        |args: &[&str]| person.done(&[&["audit", "-o", "name"], args].concat()).lines().count();
    assert_eq!(count(&["--since", "1h"]), count(&[]));
    assert_eq!(count(&["--since", "2099-01-01"]), 0);
    assert_eq!(count(&["--actor", "nobody-at-all"]), 0);
    assert!(person.done(&["audit"]).contains("note=two"));
    let (status, _, err) = person.run(&["audit", "--action", "tokens.mange"], "");
    assert!(status == 2 && err.contains("did you mean tokens.manage?"), "{err}");
    assert!(person.done(&["audit", "verify"]).contains("intact"));
    assert_eq!(person.json(&["audit", "verify"])["intact"], true);
    assert!(person.done(&["ca", "status"]).contains(&pin(&controller)));
}

#[test]
fn a_host_that_joined_by_the_line_is_listed_labeled_asked_and_removed() {
    if !needs_root("an agent runs commands") {
        return;
    }
    let (controller, person) = (Controller::start(), Person::ordinary());
    person.first_login(&controller, PASSWORD);
    let line = person.done(&["token", "create", "--label", "env=prod", "--approval"]);
    let mut machine = Machine::new(&controller, "web-1");
    machine.enroll(&line);
    wait_until("the pending host", || {
        person.done(&["hosts", "--state", "pending", "-o", "name"]) == "web-1\n"
    });
    person.done(&["host", "approve", "web-1"]);
    // Joining may be interrupted; begun again, it does not wait for its next question.
    machine.enroll(&line);
    machine.wait_until_joined();
    machine.start();
    let online =
        |flags: &[&str]| person.done(&[&["hosts", "-o", "name", "--online"], flags].concat());
    wait_until("the host", || online(&[]) == "web-1\n");
    person.done(&["host", "label", "web-1", "role=web", "team=a"]);
    let labeled = person.done(&["host", "label", "web-1", "team-"]);
    assert!(
        labeled.contains("role=web") && labeled.contains("env=prod") && !labeled.contains("team"),
        "{labeled}"
    );
    assert_eq!(online(&["-l", "env=prod,role in (web,db),!legacy"]), "web-1\n");
    assert_eq!(online(&["-l", "env=test"]), "");
    // Commands through the context.
    let (status, out, err) = person.run(&["--host", "web-1", "exec", "--", "echo hi; exit 7"], "");
    assert_eq!((status, out.as_str()), (7, "hi\n"), "{err}");
    assert!(person.done(&["--host", "web-1", "status"]).contains("web-1"));
    let task = person.done(&["--host", "web-1", "task", "submit", "echo done"]);
    let result = ["--host", "web-1", "task", "result", task.trim(), "--wait", "30"];
    assert_eq!(person.done(&result), "done\n");
    let audit = person.done(&["audit", "--host", "web-1", "--action", "commands.run"]);
    assert!(audit.contains("alice") && audit.contains("web-1"), "{audit}");

    person.done(&["host", "quarantine", "web-1", "--reason", "looks odd"]);
    let shown = person.done(&["host", "show", "web-1"]);
    assert!(shown.contains("quarantined") && shown.contains("looks odd"), "{shown}");
    assert_ne!(person.run(&["--host", "web-1", "exec", "true"], "").0, 0);
    person.done(&["host", "settle", "web-1", "keep", "--yes"]);
    wait_until("the host's answer", || person.run(&["--host", "web-1", "exec", "true"], "").0 == 0);
    person.done(&["host", "remove", "web-1", "--yes"]);
    assert_eq!(person.done(&["hosts", "-o", "name"]), "");
    assert_eq!(person.run(&["host", "show", "web-1"], "").0, 3);
}
