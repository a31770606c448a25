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
fn the_agent_reports_places_that_cannot_be_used_and_names_that_no_one_has() {
    let scratch = Scratch::new("check-config");
    let at = |name: &str| scratch.file(name).display().to_string();
    let pki = Pki::new();
    scratch.write("ca.pem", pki.ca());
    pki.sign(&["host-1"]).write(&scratch, "agent");
    std::fs::create_dir(scratch.file("folder")).unwrap();
    scratch.write("cron.d/zone", "CRON_TZ=Mars/Base\n0 0 0 * * * root true\n");
    scratch.write("file", "");
    let check_with = |policy: &str, state: &str| {
        let config = format!(
            "host_id = 'host-1'\nstate_dir = '{}'\nrun_dir = '/run/{}'\npolicy = '{}'\n\
             max_message = '1M'\n[cron]\ndir = '{}'\n[log]\nfile = '{}'\n\
             [tls]\nca = '{}'\ncert = '{}'\nkey = '{}'\n",
            at(state),
            "x".repeat(100),
            at(policy),
            at("cron.d"),
            at("folder"),
            at("ca.pem"),
            at("agent.pem"),
            at("agent.key")
        );
        let config = scratch.write("agent.toml", config).display().to_string();
        check("BasicAgent", &["--config", &config])
    };
    let (status, errors) = check_with("missing.toml", "file");
    assert_eq!(status, Some(2), "{errors}");
    for place in [
        "agent.toml:2: state_dir: the agent cannot write to ",
        "agent.toml:3: run_dir: /run/xxx",
        "agent.toml:4: policy: ",
        "agent.toml:5: invalid type: string \"1M\", expected a whole number",
        "cron.d/zone:2: time zone \"Mars/Base\"",
        "agent.toml:9: log.file: ",
    ] {
        let is_there = errors.lines().any(|line| line.contains(place));
        assert!(is_there, "{place} is missing in:\n{errors}");
    }
    // An empty policy allows everything, which its author may not have meant.
    scratch.write("policy.toml", "# rules to come\n");
    let (_, errors) = check_with("policy.toml", "state");
    assert!(errors.contains("policy.toml: it has neither a default nor rules"), "{errors}");
    scratch.write(
        "policy.toml",
        "default = 'deny'\n[[rule]]\nname = 'r'\naction = 'allow'\nmethods = ['sync.bsh']\n",
    );
    let (_, errors) = check_with("policy.toml", "state");
    assert!(errors.contains("policy.toml:5: unknown method sync.bsh"), "{errors}");
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
