//! Starting: the files of `--dev`, the flags, and the mistakes that are rejected.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use support::{Controller, binary};
use test_support::{Scratch, wait_some};

fn init_only(dir: &Path, more: &[&str]) -> (Option<i32>, String) {
    let output = binary().args(["--init-only", "--dev"]).arg(dir).args(more).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn dev_creates_its_files_once_and_reuses_them() {
    let scratch = Scratch::new("controller");
    let dir = scratch.file("new/dev");
    let made = init_only(&dir, &["--dev-host", "web.one", "--listen", "127.0.0.1:7999"]);
    assert_eq!(made.0, Some(0), "{}", made.1);
    let names = [
        "ca.pem",
        "ca.key",
        "server.pem",
        "server.key",
        "agent.pem",
        "agent.key",
        "agent.toml",
        "token",
        "agents/web.one.pem",
        "agents/web.one.key",
        "agents/web.one.toml",
    ];
    let read = || {
        names.map(|name| fs::read(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
    };
    let first = read();
    for name in names.iter().filter(|name| name.ends_with("key") || **name == "token") {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    let config = fs::read_to_string(dir.join("agent.toml")).unwrap();
    for wanted in [
        "server = \"127.0.0.1\"",
        "port = 7999",
        "host_id = ",
        "server_name = \"config.cargo.com\"",
    ] {
        assert!(config.contains(wanted), "{config}");
    }
    assert_eq!(
        init_only(&dir, &["--dev-host", "web.one", "--listen", "127.0.0.1:7999"]).0,
        Some(0)
    );
    assert!(first == read(), "a second start changed the files");

    // A config that was edited stays.
    fs::write(dir.join("agent.toml"), "port = 1\n").unwrap();
    // A certificate of another CA is replaced, with the same host id.
    fs::remove_file(dir.join("ca.pem")).unwrap();
    fs::remove_file(dir.join("ca.key")).unwrap();
    assert_eq!(init_only(&dir, &["--dev-host", "web.one"]).0, Some(0));
    assert_eq!(fs::read_to_string(dir.join("agent.toml")).unwrap(), "port = 1\n");
    let second = read();
    assert!((0..6).all(|n| first[n] != second[n]), "an old CA's certificate was kept");

    // A CA without its key cannot sign; nothing is overwritten.
    fs::write(dir.join("ca.key"), &second[3]).unwrap();
    let (status, log) = init_only(&dir, &[]);
    assert_eq!(status, Some(1));
    assert!(log.contains("ca.key") && log.contains("remove both"), "{log}");
    assert_eq!(fs::read(dir.join("ca.pem")).unwrap(), second[0]);
}

#[test]
fn a_token_that_others_can_read_or_guess_is_rejected() {
    let scratch = Scratch::new("controller");
    assert_eq!(init_only(scratch.path(), &[]).0, Some(0));
    let token = scratch.file("token");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let (status, log) = init_only(scratch.path(), &[]);
    assert!(status == Some(1) && log.contains("chmod 0600"), "{log}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    for bad in ["", "short", "0123456789 0123456789"] {
        fs::write(&token, bad).unwrap();
        let (status, log) = init_only(scratch.path(), &[]);
        assert!(status == Some(1) && log.contains("the token must be"), "{log}");
    }
}

#[test]
fn invalid_flags_are_rejected() {
    for (flags, status, wanted) in [
        (&["--redirect-to", "example.com"][..], 2, "is not an address"),
        (&["--listen", "nowhere"], 2, "--listen"),
        (&["--keep-days", "0"], 2, "--keep-days"),
        (&["--dev-host", "x"], 2, "--dev"),
        (&["--token-file", "/nonexistent/t"], 1, "/nonexistent/t"),
        (&["--http-cert", "c.pem"], 2, "--http-key"),
        (&["--roles", "/nonexistent/roles.toml"], 1, "/nonexistent/roles.toml"),
    ] {
        let output = binary().args(flags).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && log.contains(wanted), "{flags:?}: {log}");
    }
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let controller = Controller::start(&[]);
    let scratch = Scratch::new("controller");
    let taken = controller.agents.to_string();
    let output = binary()
        .args(["--listen", &taken, "--http", "127.0.0.1:0", "--dev"])
        .arg(scratch.path())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && log.contains(&taken), "{log}");
}

#[test]
fn it_serves_several_ports_with_files_named_by_flags() {
    let scratch = Scratch::new("controller");
    assert_eq!(init_only(scratch.path(), &[]).0, Some(0));
    let file = |name: &str| scratch.file(name).into_os_string().into_string().unwrap();
    let ready = scratch.file("ready");
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--http", "127.0.0.1:0"])
        .args([
            "--cert",
            &file("server.pem"),
            "--key",
            &file("server.key"),
            "--client-ca",
            &file("ca.pem"),
        ])
        .args(["--token-file", &file("token"), "--state-dir", &file("new/state"), "--ready-file"])
        .arg(&ready)
        .spawn()
        .unwrap();
    let text = wait_some("the ready file", || fs::read_to_string(&ready).ok());
    child.kill().unwrap();
    child.wait().unwrap();
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(ready["listen"].as_array().unwrap().len(), 2);
    assert!(!ready["listen"][1].as_str().unwrap().ends_with(":0"));
}
