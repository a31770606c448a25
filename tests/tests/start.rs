//! How the agent starts under a service manager: environment, exit statuses, readiness.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{Scratch, binary, wait_some};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn agent(config: &Path) -> Command {
    let mut command = Command::new(binary("BasicAgent"));
    command.arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// Writes a configuration that keeps everything in the test's folder.
fn configuration(scratch: &Scratch) -> PathBuf {
    let at = |name: &str| scratch.file(name).display().to_string();
    let text = format!(
        "server = \"127.0.0.1:1\"\nstate_dir = \"{}\"\nrun_dir = \"{}\"\n[cron]\ndir = \"{}\"\n",
        at("state"),
        at("run"),
        at("cron.d")
    );
    scratch.write("agent.toml", text)
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Kills the agent when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_empty_variable_is_as_good_as_none_and_an_invalid_one_is_named() {
    let scratch = Scratch::new("start");
    let config = scratch.write("agent.toml", "state_dir = \"relative\"\n");
    let names = ["SERVER", "PORT", "HOST_ID", "STATE_DIR", "PLUGIN_DIR", "LOG_LEVEL", "LOG_FILE"];
    let mut command = agent(&config);
    for name in names {
        command.env(format!("BASICAGENT_{name}"), "");
    }
    let output = command.output().unwrap();
    // The error is the file's, so every variable was accepted.
    assert!(stderr(&output).contains("state_dir: must be an absolute path"), "{output:?}");
    assert_eq!(output.status.code(), Some(2));

    let output = agent(&config).env("BASICAGENT_PORT", "99999").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("The value is that of BASICAGENT_PORT."), "{output:?}");
    let output = agent(&config).args(["--port", "99999"]).output().unwrap();
    assert!(!stderr(&output).contains("BASICAGENT_PORT"), "{output:?}");
    // Where the default configuration file is missing, an empty name means the same.
    let output =
        Command::new(binary("BasicAgent")).env("BASICAGENT_CONFIG", "").arg("--version").output();
    assert!(output.unwrap().status.success());
}

#[test]
fn a_configuration_that_no_restart_repairs_ends_with_status_2() {
    let scratch = Scratch::new("start");
    let policy = scratch.write("policy.toml", "no = 1\n").display().to_string();
    let state = scratch.file("state").display().to_string();
    for (text, words) in [
        ("no = 1".to_owned(), "line 1"),
        ("port = \"x\"".to_owned(), "line 1"),
        ("\u{0}".to_owned(), "TOML parse error"),
        (format!("state_dir = \"{state}\"\npolicy = \"{policy}\""), "policy.toml"),
        (format!("state_dir = \"{state}\"\npolicy = \"{policy}.none\""), "No such file"),
    ] {
        let config = scratch.write("agent.toml", &text);
        let output = agent(&config).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}: {output:?}");
        assert!(stderr(&output).contains(words), "{text}: {output:?}");
    }
    let output = agent(&scratch.file("missing.toml")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    std::fs::write(scratch.file("latin"), b"server = \"B\xfcro\"\n").unwrap();
    let output = agent(&scratch.file("latin")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("invalid utf-8 sequence"), "{output:?}");
}

#[test]
fn a_byte_order_mark_before_the_configuration_is_allowed() {
    let scratch = Scratch::new("start");
    let config = scratch.write("agent.toml", "\u{feff}state_dir = \"relative\"\r\n");
    let output = agent(&config).output().unwrap();
    assert!(stderr(&output).contains("state_dir: must be an absolute path"), "{output:?}");
}

#[test]
fn under_the_journal_an_error_has_its_severity_on_each_line() {
    let scratch = Scratch::new("start");
    let config = scratch.write("agent.toml", "no = 1\n");
    let error = scratch.file("stderr");
    let file = std::fs::File::create(&error).unwrap();
    let data = file.metadata().unwrap();
    let stream = format!("{}:{}", data.dev(), data.ino());
    let status = agent(&config).env("JOURNAL_STREAM", stream).stderr(file).status().unwrap();
    assert_eq!(status.code(), Some(2));
    let text = std::fs::read_to_string(&error).unwrap();
    assert!(text.starts_with("<3>BasicAgent: ") && text.lines().count() == 1, "{text}");
    // A variable that was inherited by a program whose output goes elsewhere means nothing.
    let output = agent(&config).env("JOURNAL_STREAM", "1:1").output().unwrap();
    assert!(stderr(&output).starts_with("BasicAgent: "), "{output:?}");
}

#[test]
fn the_service_manager_learns_when_the_start_is_done() {
    let scratch = Scratch::new("start");
    let config = configuration(&scratch);
    let path = scratch.file("notify");
    let name = format!("basicagent-test-{}", std::process::id());
    let sockets = [
        (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
        (
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
            format!("@{name}"),
        ),
    ];
    for (socket, place) in sockets {
        socket.set_nonblocking(true).unwrap();
        let mut command = agent(&config);
        command.env("NOTIFY_SOCKET", &place).stderr(Stdio::null());
        let _agent = Running(command.spawn().unwrap());
        let mut message = [0; 64];
        let count = wait_some("the agent is ready", || socket.recv(&mut message).ok());
        assert_eq!(&message[..count], b"READY=1", "{place}");
    }
    // A socket that is gone, or a variable that is empty, stops nothing.
    for place in ["", "/nowhere/at/all"] {
        let mut command = agent(&config);
        command.env("NOTIFY_SOCKET", place).stderr(Stdio::null());
        let _ = std::fs::remove_file(scratch.file("run/agent.sock"));
        let mut agent = Running(command.spawn().unwrap());
        let socket = scratch.file("run/agent.sock");
        wait_some("the agent listens", || socket.exists().then_some(()));
        assert!(agent.0.try_wait().unwrap().is_none());
    }
}
