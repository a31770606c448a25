//! A boot with a shell script as its agent, in a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{Scratch, wait_some, wait_until};

/// An agent that runs until SIGTERM, and then exits at once.
pub(crate) const CALM: &str =
    "trap 'echo bye; exit 0' TERM; echo up $$; while :; do sleep 60 & wait; done";

/// One line of the flood tests: 32 bytes with its newline.
pub(crate) const FLOOD_LINE: &str = "0123456789abcdef012345678901234";

/// A folder for one test: its agent script, log and pid file. Drop stops what still runs.
pub(crate) struct Case {
    scratch: Scratch,
    pub(crate) boots: Vec<Child>,
}

impl Case {
    pub(crate) fn new(agent: &str) -> Self {
        let case = Self { scratch: Scratch::new("boot"), boots: Vec::new() };
        case.install(agent);
        case
    }

    /// Installs a script as the agent, atomically.
    pub(crate) fn install(&self, agent: &str) {
        let new = self.path("agent.new");
        // Written by a shell: a descriptor that is open for writing here could leak into another
        // test's fork, and exec would fail with "text file busy".
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "printf '#!/bin/bash\\n%s\\n' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"]);
        assert!(shell.arg(&new).arg(agent).status().unwrap().success());
        fs::rename(new, self.path("agent")).unwrap();
    }

    /// Installs any file as the agent; written by a shell, as in [`Case::install`].
    pub(crate) fn install_bytes(&self, bytes: &[u8]) {
        fs::write(self.path("bytes"), bytes).unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "cat \"$1/bytes\" > \"$1/agent\"", "sh"]).arg(self.dir());
        assert!(shell.status().unwrap().success());
    }

    pub(crate) fn dir(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    /// Returns boot's command with this case's agent, log and pid file.
    pub(crate) fn boot(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boot"));
        command.arg("-L").arg(self.path("log")).arg("-P").arg(self.path("pid"));
        command.arg("--agent").arg(self.path("agent")).stdin(Stdio::null());
        command
    }

    /// Starts boot in the foreground and waits until the agent has printed `up`.
    pub(crate) fn foreground(&mut self) -> Pid {
        let pid = self.spawn(&[]);
        self.log_until("up");
        pid
    }

    pub(crate) fn spawn(&mut self, arguments: &[&str]) -> Pid {
        let child = self.boot().arg("-f").args(arguments).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        self.boots.push(child);
        pid
    }

    /// Starts boot as a daemon, and expects its launcher to succeed.
    pub(crate) fn daemon(&self) -> Pid {
        let output = self.boot().output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
        self.pid_in_file()
    }

    pub(crate) fn pid_in_file(&self) -> Pid {
        Pid::from_raw(fs::read_to_string(self.path("pid")).unwrap().trim().parse().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the log contains `text`, and returns the log.
    pub(crate) fn log_until(&self, text: &str) -> String {
        wait_some(&format!("`{text}` in the log"), || {
            Some(self.log()).filter(|log| log.contains(text))
        })
    }

    /// Returns the pid that the `number`th agent printed after `up`.
    pub(crate) fn agent_pid(&self, number: usize) -> Pid {
        wait_some("the agent's pid in the log", || {
            let log = self.log();
            let line =
                log.split_inclusive('\n').filter(|line| line.starts_with("up ")).nth(number)?;
            line.strip_suffix('\n')?[3..].parse().ok().map(Pid::from_raw)
        })
    }

    /// Stops the foreground boot and returns its exit status.
    pub(crate) fn stop(&mut self, signal: Signal) -> ExitStatus {
        let mut child = self.boots.pop().unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
        wait_some("boot has exited", || child.try_wait().unwrap())
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        for mut child in self.boots.drain(..) {
            // The agent dies with it, by its parent-death signal.
            let _ = child.kill();
            let _ = child.wait();
        }
        // A daemon still holds its pid file, unless a test has put something else in its place.
        if fs::symlink_metadata(self.path("pid")).is_ok_and(|file| file.is_file())
            && let Ok(file) = File::open(self.path("pid"))
            && Flock::lock(file, FlockArg::LockSharedNonblock).is_err()
        {
            let _ = kill(self.pid_in_file(), Signal::SIGKILL);
        }
    }
}

pub(crate) fn until_gone(pid: Pid) {
    wait_until(&format!("process {pid} has ended"), || !alive(pid));
}

/// Returns whether the process runs; a zombie does not.
pub(crate) fn alive(pid: Pid) -> bool {
    test_support::alive(pid.as_raw().cast_unsigned())
}

pub(crate) fn state(pid: Pid) -> Option<char> {
    proc_status(pid, "State").and_then(|value| value.chars().next())
}

/// Returns one field of /proc/PID/status.
pub(crate) fn proc_status(pid: Pid, field: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// Returns the launcher's exit status and output.
pub(crate) fn failure(output: &Output) -> (i32, String) {
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}
