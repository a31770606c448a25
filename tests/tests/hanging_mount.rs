//! `getinfo.mounts` on a FUSE file system whose server takes each question and answers none: what
//! waits for that, not even SIGKILL ends.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{
    HangingMount, Process, Scratch, binary, connected, in_mount_namespace, install_plugin,
    install_plugins, is_inside, processes_with, wait_some, wait_until,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

const PLUGIN: &str = "libgetinfo_mounts.so";

/// Returns whether the mount at `path` has a usage.
fn has_usage(mounts: &Value, path: &Path) -> bool {
    let mounts = mounts["mounts"].as_array().expect("a list of mounts");
    let found = mounts.iter().find(|mount| mount["target"] == path.display().to_string());
    found.unwrap_or_else(|| panic!("{} is missing", path.display()))["usage"].is_object()
}

/// Mounts the file system and, behind it, one that answers. `None` without FUSE.
fn mount(scratch: &Scratch) -> Option<HangingMount> {
    let (share, healthy) = (scratch.file("share"), scratch.file("healthy"));
    // The agent's worker asks as nobody.
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("our folder");
    for path in [&share, &healthy] {
        fs::create_dir(path).expect("our folder");
    }
    let mount = HangingMount::new(&share);
    if mount.is_none() {
        eprintln!("SKIPPED (needs FUSE): a mount that hangs");
    }
    e2e::run(&["mount", "-t", "tmpfs", "-o", "size=64k", "healthy", healthy.to_str()?]);
    mount
}

/// Unmounts what [`mount`] mounted, so that the folder can be removed.
fn unmount(scratch: &Scratch, mount: HangingMount) {
    drop(mount);
    e2e::run(&["umount", "-l", scratch.file("healthy").to_str().expect("a plain path")]);
}

#[test]
fn the_command_line_ends_and_closes_its_output_while_the_mount_hangs() {
    let test = "the_command_line_ends_and_closes_its_output_while_the_mount_hangs";
    if !is_inside(test, &in_mount_namespace(&[])) {
        return;
    }
    let scratch = Scratch::new("hanging-cli");
    let plugins = install_plugins(&scratch);
    install_plugin(&plugins, PLUGIN);
    install_plugin(&plugins, "libgetinfo_disks.so");
    let Some(mounted) = mount(&scratch) else { return };
    mounted.hang();
    let answer = ended(&plugins, &["-c", "getinfo.mounts", "-a", "-n"]);
    assert!(!has_usage(&answer, &scratch.file("share")), "{answer}");
    assert!(has_usage(&answer, &scratch.file("healthy")), "{answer}");
    // It does hang: the child that asked is still there.
    assert_eq!(here("getinfo.mounts").len(), 1);
    // The disks and where they are mounted: this asks no file system.
    assert!(ended(&plugins, &["-c", "getinfo.disks"])["devices"].is_array());
    wait_until("nothing of it is left", || here("getinfo.disks").is_empty());
    unmount(&scratch, mounted);
    wait_until("the child ends", || here("getinfo.mounts").is_empty());
}

/// Runs BasicAgentCtl until it and its outputs have ended, and returns its answer.
fn ended(plugins: &Path, args: &[&str]) -> Value {
    let mut child = Command::new(binary("BasicAgentCtl"))
        .arg("--plugin-dir")
        .arg(plugins)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let outputs = [
        read(child.stdout.take().expect("it is piped")),
        read(child.stderr.take().expect("it is piped")),
    ];
    let status = wait_some("the program ends", || child.try_wait().expect("it is our child"));
    wait_until("its output ends", || outputs.iter().all(thread::JoinHandle::is_finished));
    let [stdout, stderr] = outputs.map(|output| output.join().expect("a reader"));
    assert!(status.success(), "{status}: {stderr}");
    serde_json::from_str(&stdout).expect("JSON")
}

/// Returns the processes of this test, those in its mount namespace, whose command line contains
/// `text`.
fn here(text: &str) -> Vec<Process> {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let mut found = processes_with(text);
    found.retain(|process| namespace(&process.pid.to_string()) == namespace("self"));
    found
}

fn read(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("text");
        text
    })
}

#[tokio::test]
async fn the_agent_answers_again_and_again_and_ends_while_the_mount_hangs() {
    let test = "the_agent_answers_again_and_again_and_ends_while_the_mount_hangs";
    if !is_inside(test, &in_mount_namespace(&[])) {
        return;
    }
    let (_server, mut agent, mut channel) = connected().await;
    install_plugin(&agent.scratch().file("plugins"), PLUGIN);
    let scratch = Scratch::new("hanging-agent");
    let Some(mounted) = mount(&scratch) else { return };
    let share = scratch.file("share");
    let mut ask = async |id: &str| {
        let request = json!({"id": id, "method": "getinfo.mounts", "args": "-n"});
        let answer = channel.ask(&request).await;
        assert_eq!(answer["resp"], "success", "{answer}");
        assert!(has_usage(&answer["data"], &scratch.file("healthy")), "{answer}");
        has_usage(&answer["data"], &share)
    };
    assert!(ask("healthy").await);
    mounted.hang();
    for round in 0..3 {
        assert!(!ask(&format!("hanging-{round}")).await);
    }
    // The worker, and one child for all three questions.
    wait_until("two are left", || here("--plugin-worker").len() == 2);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));
    wait_until("the worker ends, and the child does not", || here("--plugin-worker").len() == 1);
    unmount(&scratch, mounted);
    wait_until("the child ends", || here("--plugin-worker").is_empty());
}
