//! Processes that a plugin starts and leaves behind.

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for killed processes to end.
const END: Duration = Duration::from_millis(500);

/// Decides what happens to the processes that outlive a probe's child.
#[derive(Debug, Default)]
pub(super) struct Strays {
    adopted: bool,
}

impl Strays {
    /// Makes this process the parent of every orphan below it (prctl(2),
    /// PR_SET_CHILD_SUBREAPER), so that it finds them, however they became daemons. Only for a
    /// process that runs one child at a time: every other child counts as a stray.
    ///
    /// # Errors
    /// Those of prctl(2).
    pub(super) fn adopt() -> io::Result<Self> {
        prctl::set_child_subreaper(true)?;
        Ok(Self { adopted: true })
    }

    /// Kills and reaps the adopted processes, after the child itself was reaped. Returns how many
    /// there were.
    pub(super) fn end(&self) -> usize {
        if !self.adopted {
            return 0;
        }
        let deadline = Instant::now() + END;
        let mut seen = Vec::new();
        loop {
            let found = children_of(std::process::id());
            if found.is_empty() || Instant::now() >= deadline {
                return seen.len();
            }
            for pid in found {
                // It is ours and not reaped, so the number is still its own.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
                if !seen.contains(&pid) {
                    seen.push(pid);
                }
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Returns the children of a process, ended ones included, from /proc (proc_pid_stat(5)).
pub(super) fn children_of(parent: u32) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &i32| {
        let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name before the last parenthesis may hold anything.
        let end = stat.iter().rposition(|byte| *byte == b')').map_or(0, |end| end + 1);
        let rest = String::from_utf8_lossy(stat.get(end..).unwrap_or_default());
        rest.split_whitespace().nth(1).and_then(|field| field.parse().ok()) == Some(parent)
    };
    pids.filter(is_child).collect()
}
