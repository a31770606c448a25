//! `--check-config` of the agent and of the controller: every finding at once, with its place.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binaries")]

use e2e::{Pki, Scratch, binary};
use std::process::Command;

fn check(program: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(binary(program)).arg("--check-config").args(args).output();
    let output = output.expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_agent_reports_everything_at_once_with_file_and_line() {
    let scratch = Scratch::new("check-config");
    let at = |name: &str| scratch.file(name).display().to_string();
    let pki = Pki::new();
    scratch.write("ca.pem", pki.ca());
    pki.sign_expired(&["host-1"]).write(&scratch, "agent");
    std::fs::create_dir(scratch.file("cron.d")).unwrap();
    scratch.write(
        "cron.d/bad",
        "# two mistakes\n61 * * * * * root true\n0 0 0 * * * nobody-here true\n",
    );
    scratch.write(
        "policy.toml",
        "default = 'allow'\n[[rule]]\naction = 'deny'\nusers = []\n\n[[rule]]\naction = 'forbid'\n\n\
         [[rule]]\nname = 'third'\naction = 'deny'\nmethods = ['getinfo.*']\nusers = ['root']\n",
    );
    let config = scratch.write(
        "agent.toml",
        format!(
            "host_id = 'host-1'\nsever = 'x'\nport = -1\nstate_dir = '{}'\nplugin_dirs = ['/no/plugins']\n\
             policy = '{}'\n[exec]\nshell = '/no/shell'\ngrace = 61\nmax_running = 'many'\n\
             [cron]\ndir = '{}'\ntimezone = 'Mars/Base'\n[log]\nfile = '/no/folder/log'\n\
             [tls]\nca = '{}'\ncert = '{}'\nkey = '{}'\n",
            at("state"), at("policy.toml"), at("cron.d"), at("ca.pem"), at("agent.pem"), at("agent.key")
        ),
    );
    let config = config.display().to_string();
    let (status, errors) = check("BasicAgent", &["--config", &config]);
    assert_eq!(status, Some(2), "{errors}");
    for place in [
        "agent.toml:2: unknown field `sever`",
        "agent.toml:3: ",
        "agent.toml:5: plugin_dirs: ",
        "agent.toml:8: exec.shell: /no/shell",
        "agent.toml:9: exec.grace: must be from 0 to 60",
        "agent.toml:10: ",
        "agent.toml:13: cron.timezone: ",
        "agent.toml:15: log.file: ",
        "agent.toml:18: tls.cert: ",
        "cron.d/bad:2:1: ",
        "cron.d/bad:3: this host has no user nobody-here",
        "policy.toml:2: rule 1: users",
        "policy.toml:7: ",
        "policy.toml:9: rule 2 (\"third\"): ",
    ] {
        let is_there = errors.lines().any(|line| line.contains(place));
        assert!(is_there, "{place} is missing in:\n{errors}");
    }
    assert_eq!(errors.lines().count(), 14, "{errors}");
}

#[test]
fn the_controller_reports_everything_at_once_and_makes_nothing() {
    let scratch = Scratch::new("check-config");
    let at = |name: &str| scratch.file(name).display().to_string();
    let pki = Pki::new();
    scratch.write("ca.pem", pki.ca());
    pki.sign(&["c.example"]).write(&scratch, "one");
    pki.sign(&["c.example"]).write(&scratch, "two");
    scratch.write("roles.toml", "[[role]\n");
    let state = at("state");
    let right = ["--state-dir", &state, "--cert", &at("one.pem"), "--key", &at("one.key")];
    assert_eq!(check("BasicAgentController", &right), (Some(0), String::new()));
    let (status, errors) = check(
        "BasicAgentController",
        &[
            "--state-dir",
            &state,
            "--cert",
            &at("one.pem"),
            "--key",
            &at("two.key"),
            "--agent-ca",
            &at("missing.pem"),
            "--roles",
            &at("roles.toml"),
            "--listen",
            "192.0.2.1:7443",
            "--http",
            "127.0.0.1:0",
        ],
    );
    assert_eq!(status, Some(1), "{errors}");
    for words in [
        "--cert: ",
        "two.key: it is not the key of",
        "--agent-ca: ",
        "missing.pem",
        "--roles: ",
        "roles.toml",
        "--listen: 192.0.2.1: ",
    ] {
        assert!(errors.contains(words), "{words} is missing in:\n{errors}");
    }
    assert!(!scratch.file("state").exists(), "the check made the state directory");
}
