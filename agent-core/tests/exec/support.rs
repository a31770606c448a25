//! Executors and commands, and the processes they leave on the host.

use std::fs;
use std::future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent_core::exec::{ExecSettings, Executor, Outcome, Platform, Spec, StartError, Trees};

/// The longest time that a command may take on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) use test_support::eventually;

pub(crate) const BOTH: [Trees; 2] = [Trees::Cgroup, Trees::Keeper];

pub(crate) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Returns whether the test can run; prints that it is skipped if not.
pub(crate) fn needs_root() -> bool {
    if !is_root() {
        println!("SKIPPED (needs root): changes users or writes cgroups");
    }
    is_root()
}

pub(crate) fn start(trees: Trees, settings: ExecSettings) -> Executor {
    let zygote = env!("CARGO_BIN_EXE_BasicAgent").into();
    Executor::start(settings, Platform { zygote, trees }).unwrap()
}

/// Starts an executor for each way to hold a tree that this user can use.
pub(crate) fn executors(settings: &ExecSettings) -> Vec<(Trees, Executor)> {
    let can = BOTH.into_iter().filter(|trees| is_root() || *trees == Trees::Keeper);
    can.map(|trees| (trees, start(trees, settings.clone()))).collect()
}

pub(crate) fn spec(cmd: &str) -> Spec {
    Spec { cmd: cmd.into(), timeout: Some(DEADLINE), ..Spec::default() }
}

pub(crate) async fn run(executor: &Executor, spec: Spec) -> Result<Outcome, StartError> {
    executor.run(spec, future::pending()).await
}

/// Runs a command and returns its standard output as text.
pub(crate) async fn output(executor: &Executor, spec: Spec) -> String {
    String::from_utf8(run(executor, spec).await.unwrap().stdout.bytes).unwrap()
}

/// A `sleep` argument that no other process of this host has, to find the processes of a command.
pub(crate) struct Marker(pub(crate) String);

impl Marker {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("1000.{:07}{n:04}", std::process::id()))
    }

    /// Replaces `MARK` in a script by the argument.
    pub(crate) fn script(&self, text: &str) -> String {
        text.replace("MARK", &self.0)
    }

    /// Returns the processes with the argument.
    pub(crate) fn sleepers(&self) -> Vec<i32> {
        let sleeps = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).any(|part| part == self.0.as_bytes())
        };
        processes().into_iter().filter(sleeps).collect()
    }

    pub(crate) fn kill(&self) {
        for pid in self.sleepers() {
            let pid = nix::unistd::Pid::from_raw(pid);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

pub(crate) fn processes() -> Vec<i32> {
    let names = fs::read_dir("/proc").unwrap().flatten();
    names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Returns the fields of a process's /proc/PID/stat that follow its name (proc_pid_stat(5)).
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// Returns a process's state letter and parent.
pub(crate) fn state(pid: i32) -> Option<(char, i32)> {
    let fields = stat(pid)?;
    Some((fields.first()?.chars().next()?, fields.get(1)?.parse().ok()?))
}

/// Tells a program from a copy of its parent: until a command executes its shell, it is a child of
/// the agent's with the zygote's name.
pub(crate) fn has_executed(pid: i32) -> bool {
    /// The kernel's flag of a process that was forked and has not executed a program.
    const PF_FORKNOEXEC: u64 = 0x40;
    let flags = stat(pid).and_then(|fields| fields.get(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_FORKNOEXEC == 0)
}

/// Returns our children, zombies included, with their states and names.
pub(crate) fn children() -> Vec<(i32, char, String)> {
    let own = i32::try_from(std::process::id()).unwrap();
    let name = |pid: i32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
    };
    let of_ours = |pid| {
        state(pid).filter(|(_, parent)| *parent == own).map(|(state, _)| (pid, state, name(pid)))
    };
    processes().into_iter().filter_map(of_ours).collect()
}

/// Returns a number of this process's own /proc status.
pub(crate) fn own_status(field: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}
