//! The agent's log: where it goes, and that nobody waits for its reader.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{
    Agent, AgentConfig, Local, Pki, Scratch, Server, binary, eventually, needs_root, wait_some,
};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use serde_json::json;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A FIFO that is full, and the reader that does not read.
fn full_fifo(scratch: &Scratch) -> (PathBuf, File) {
    let path = scratch.file("fifo");
    nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("the folder is ours");
    let mut both = File::options().read(true).write(true).open(&path).expect("the folder is ours");
    fcntl(&both, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("the folder is ours");
    while both.write(&[b'x'; 4096]).is_ok() {}
    while both.write(b"\n").is_ok() {}
    (path, both)
}

fn into(redirection: &str, path: &Path) -> Vec<String> {
    let script = format!("exec \"$@\" {redirection}'{}'", path.display());
    ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

#[tokio::test]
async fn standard_error_that_nobody_reads_does_not_stop_the_agent() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let scratch = Scratch::new("log");
    let (fifo, mut reader) = full_fifo(&scratch);
    let mut config = AgentConfig::new(server.address());
    config.wrapper = into("2>", &fifo);
    config.log_level = "trace";
    let mut agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    for number in 0..50 {
        let answer = channel.ask(&json!({"id": number.to_string(), "method": "agent.ping"})).await;
        assert_eq!(answer["resp"], "success");
    }
    agent.signal(Signal::SIGHUP);
    let answer = channel.ask(&json!({"id": "x", "method": "sync.bash", "cmd": "echo on"})).await;
    assert_eq!(answer["data"], "on\n");
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));
    // A reader that comes late finds the lines that were written before.
    let mut found = vec![0; 1 << 20];
    assert!(reader.read(&mut found).unwrap() > 0);
}

#[tokio::test]
async fn an_error_at_the_start_is_reported_by_exit_status_where_nobody_reads_it() {
    let scratch = Scratch::new("log");
    let (fifo, _reader) = full_fifo(&scratch);
    let config = scratch.write("agent.toml", "no = 1\n");
    let words = into("2>", &fifo);
    let mut agent = Command::new(&words[0])
        .args(&words[1..])
        .arg(binary("BasicAgent"))
        .arg("--config")
        .arg(config)
        .spawn()
        .unwrap();
    let status = wait_some("the agent exits", || agent.try_wait().unwrap());
    assert_eq!(status.code(), Some(2));
}

/// Runs an agent that cannot connect with these words until it has started, and stops it.
async fn logging_to(place: &Path, redirection: &str, output: &Path) -> (Agent, String) {
    let mut config = AgentConfig::new("127.0.0.1:1".parse().expect("an address"));
    config.wrapper = into(redirection, output);
    config.extra = format!("[log]\nfile = \"{}\"\n", place.display());
    let mut agent = Agent::start(&Pki::new(), config);
    Local::connect(&agent).await;
    agent.signal(Signal::SIGHUP);
    let text = || std::fs::read_to_string(output).unwrap_or_default();
    eventually("the reload is logged", || text().contains("configuration reloaded")).await;
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));
    (agent, text())
}

#[tokio::test]
async fn dev_stdout_and_dev_stderr_are_the_agents_own_outputs() {
    let scratch = Scratch::new("log");
    for (place, redirection) in
        [("/dev/stdout", ">"), ("/dev/stderr", "2>"), ("/dev/fd/1", ">"), ("/proc/self/fd/2", "2>")]
    {
        let output = scratch.file(&place.replace('/', "-"));
        let (_, text) = logging_to(Path::new(place), redirection, &output).await;
        assert!(text.contains("stopped"), "{place}: {text}");
    }
}

#[tokio::test]
async fn a_log_file_may_be_a_link_of_root_but_not_of_another_user() {
    let scratch = Scratch::new("log");
    let target = scratch.file("target");
    symlink("target", scratch.file("relative")).unwrap();
    symlink(scratch.file("relative"), scratch.file("link")).unwrap();
    logging_to(&scratch.file("link"), "</dev/null 3>", &target).await;

    if !needs_root("a_log_file_may_be_a_link_of_root_but_not_of_another_user") {
        return;
    }
    symlink(&target, scratch.file("theirs")).unwrap();
    std::os::unix::fs::lchown(scratch.file("theirs"), Some(65534), None).unwrap();
    let output = run(&scratch, &scratch.file("theirs"));
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("is a symbolic link that belongs to uid 65534"), "{text}");
}

#[test]
fn a_log_file_that_can_take_no_lines_is_rejected_with_the_reason() {
    let scratch = Scratch::new("log");
    let fifo = scratch.file("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let _reader = File::options().read(true).write(true).open(&fifo).unwrap();
    symlink("loop", scratch.file("loop")).unwrap();
    for (place, reason) in [
        (fifo, "neither a regular file nor a character device"),
        (scratch.path().to_owned(), "Is a directory"),
        (scratch.file("loop"), "is it a loop?"),
        (scratch.file("missing/log"), "No such file"),
    ] {
        let output = run(&scratch, &place);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&format!("log file {}: ", place.display())), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}

/// Runs the agent to its end with a log file that it rejects.
fn run(scratch: &Scratch, log: &Path) -> Output {
    let config = scratch.write("agent.toml", "");
    Command::new(binary("BasicAgent"))
        .arg("--config")
        .arg(config)
        .arg("--state-dir")
        .arg(scratch.file("state"))
        .arg("-L")
        .arg(log)
        .stdin(Stdio::null())
        .output()
        .expect("the agent starts")
}
