//! Agents as processes of their own, which tests kill or give a disk of their own.

use crate::host::{Host, TaskFiles};
use crate::support::{DEADLINE, spec};
use agent_core::exec::{ExecSettings, Spec, Trees};
use agent_sys::spool::Stream;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The beginning of lines that a role prints for its test; the harness prints others.
const SAID: &str = "ROLE SAYS ";

fn command(role: &str, trees: Trees, state: &Path, script: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "roles::agent_process", "--ignored", "--nocapture"]);
    command
        .env("ROLE", role)
        .env("TREES", format!("{trees:?}"))
        .env("STATE", state)
        .env("SCRIPT", script);
    command.stdin(Stdio::null());
    command
}

/// Starts a role that its test kills.
pub(crate) fn begin(role: &str, trees: Trees, state: &Path, script: &str) -> Child {
    command(role, trees, state, script).stdout(Stdio::null()).spawn().unwrap()
}

/// Plays a role with a state directory of 1 MiB and returns the lines for its test.
pub(crate) fn play_on_full_disk(role: &str, trees: Trees) -> String {
    let files = TaskFiles::new();
    let inner = command(role, trees, files.path(), "");
    let mut outer = Command::new("unshare");
    let script = r#"mount -t tmpfs -o size=1m tmpfs "$STATE" && exec "$@""#;
    outer.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]);
    outer.arg(inner.get_program()).args(inner.get_args());
    outer
        .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    let output = outer.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| Some(line.split_once(SAID)?.1.to_owned() + "\n")).collect()
}

pub(crate) fn own_cgroup() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = mounts
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .unwrap()
        .split(' ')
        .nth(4)
        .unwrap();
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    PathBuf::from(point).join(path)
}

#[tokio::test]
#[ignore = "not a test: the process that tests start as their agent"]
async fn agent_process() {
    let Ok(role) = std::env::var("ROLE") else { return };
    let trees =
        if std::env::var("TREES").unwrap() == "Cgroup" { Trees::Cgroup } else { Trees::Keeper };
    let files = TaskFiles::open(Path::new(&std::env::var_os("STATE").unwrap()));
    let host = Host::start(trees, ExecSettings::default(), files);
    match role.as_str() {
        "tasks" => tasks(&host, &std::env::var("SCRIPT").unwrap()).await,
        "full-disk" => full_disk(&host).await,
        other => panic!("no role {other}"),
    }
}

fn say(line: impl std::fmt::Display) {
    println!("{SAID}{line}");
}

/// Begins two tasks, then waits to be killed.
async fn tasks(host: &Host, script: &str) {
    let _both = [host.begin(spec(script)).await, host.begin(spec(script)).await];
    tokio::time::sleep(DEADLINE * 3).await;
}

async fn full_disk(host: &Host) {
    let big = Spec { max_output: Some(8 << 20), ..spec("yes 123456789 | head -c 3000000") };
    let (record, task) = host.run(big).await;
    let extent = record.totals.stdout;
    let kept = task.stored(Stream::Stdout).bytes;
    let line = b"123456789\n".iter().cycle();
    let whole =
        kept.len() > 500_000 && kept.iter().zip(line).all(|(kept, printed)| kept == printed);
    let prefix = if whole { "whole prefix" } else { "broken" };
    let stopped = if extent.stopped { "stopped" } else { "stored" };
    say(format!("big {:?} total {} {stopped} {prefix}", record.end.unwrap(), extent.total));

    let (record, task) = host.run(spec("echo small; exit 7")).await;
    let extent = record.totals.stdout;
    let kept = if task.stored(Stream::Stdout).bytes.is_empty() { "none" } else { "some" };
    let stopped = if extent.stopped { "stopped" } else { "stored" };
    say(format!("small {:?} total {} {stopped} {kept}", record.end.unwrap(), extent.total));

    fs::remove_file(host.files.path().join(Stream::Stdout.file_name(1))).unwrap();
    let (record, _) = host.run(spec("echo again")).await;
    let extent = record.totals.stdout;
    let stopped = if extent.stopped { "stopped" } else { "stored" };
    say(format!("afterwards {:?} total {} {stopped}", record.end.unwrap(), extent.total));
    host.executor.shutdown().await;
}
