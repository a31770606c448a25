//! Starting: the files of `--dev`, the flags, and the mistakes that are rejected.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Stdio;
use support::{Controller, binary};
use test_support::{Scratch, wait_some};

/// Starts a controller with a PKI's files, which must not start; returns its log.
fn refused(dir: &Path) -> String {
    let output = support::command(dir, &[]).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    log
}

/// Starts a controller in a trial directory, waits until it is ready, and ends it; returns its log
/// and the agents' port.
fn trial(dir: &Path) -> (String, String) {
    let ready = dir.with_extension("ready");
    let _ = fs::remove_file(&ready);
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dev"])
        .arg(dir)
        .arg("--ready-file")
        .arg(&ready)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = wait_some("the ready file", || fs::read_to_string(&ready).ok());
    test_support::run(&["kill", &child.id().to_string()]);
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{log}");
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
    let address = ready["listen"][0].as_str().unwrap();
    (log, address.rsplit_once(':').unwrap().1.to_owned())
}

#[test]
fn dev_prints_the_line_that_joins_a_host_and_keeps_what_is_good() {
    let scratch = Scratch::new("controller");
    let dir = scratch.file("new/dev");
    fs::create_dir(scratch.file("new")).unwrap();
    let (log, port) = trial(&dir);
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let (token, join) = (read("token"), read("join-token"));
    for name in ["token", "join-token"] {
        assert_eq!(fs::metadata(dir.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    let wanted = format!("--server 127.0.0.1:{port} --ca sha256:");
    let line = log.lines().find(|line| line.contains("next: BasicAgent enroll")).unwrap();
    assert!(line.contains(&wanted) && line.contains("join-token"), "{line}");
    assert!(join.starts_with("bat1.") && !log.contains(join.trim()), "{log}");
    for wanted in ["server = \"127.0.0.1\"", &format!("port = {port}"), "state_dir = "] {
        assert!(read("agent.toml").contains(wanted), "{}", read("agent.toml"));
    }

    // A second start keeps the tokens, and the config follows the port.
    let (_, port) = trial(&dir);
    assert_eq!((read("token"), read("join-token")), (token, join.clone()));
    assert!(read("agent.toml").contains(&format!("port = {port}")));

    // A config that was edited stays; a join token that is gone, or of another state, is replaced.
    fs::write(dir.join("agent.toml"), "port = 1\n").unwrap();
    fs::remove_dir_all(dir.join("state")).unwrap();
    trial(&dir);
    assert_eq!(read("agent.toml"), "port = 1\n");
    assert!(read("join-token") != join);
}

#[test]
fn a_token_that_others_can_read_or_guess_is_rejected() {
    let scratch = Scratch::new("controller");
    support::pki::make(scratch.path(), &[]);
    let token = scratch.file("token");
    fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let log = refused(scratch.path());
    assert!(log.contains("chmod 0600"), "{log}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    for bad in ["", "short", "0123456789 0123456789"] {
        fs::write(&token, bad).unwrap();
        let log = refused(scratch.path());
        assert!(log.contains("the token must be"), "{log}");
    }
}

#[test]
fn invalid_flags_are_rejected() {
    for (flags, status, wanted) in [
        (&["--redirect-to", "example.com"][..], 2, "is not an address"),
        (&["--listen", "nowhere"], 2, "--listen"),
        (&["--keep-days", "0"], 2, "--keep-days"),
        (&["--proxy-from", "10.0.0.1/8"], 2, "--proxy-from"),
        (&["--handshake-rate", "0"], 2, "--handshake-rate"),
        (&["--dev", "d", "--cert", "c"], 2, "--cert"),
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
    support::pki::make(scratch.path(), &[]);
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
