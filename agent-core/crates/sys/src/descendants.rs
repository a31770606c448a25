//! Finds and signals every process below this one, by /proc.
//!
//! Keepers and supervisors use it. They are subreapers: every process their command left behind,
//! however often it forked and in whatever session, is still below them. One call may miss
//! processes that appear meanwhile, so the caller calls again as its children die.

#![expect(unsafe_code, reason = "nix has no setpriority")]

use std::collections::{HashMap, HashSet};
use std::fs;

use nix::sys::signal::Signal;

use crate::pidfd::PidFd;

/// The rounds in which [`kill_all`] looks for processes born while it stopped the others.
const STOP_ROUNDS: usize = 16;

/// A process as /proc showed it: the start time distinguishes it from a later one of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Descendant {
    pid: i32,
    started: u64,
}

/// Sends SIGTERM to all descendants, and SIGCONT so that stopped ones receive it.
pub(crate) fn terminate_all() {
    let all = find();
    for signal in [Signal::SIGTERM, Signal::SIGCONT] {
        all.iter().for_each(|descendant| send(*descendant, signal));
    }
}

/// Stops all descendants, round by round until no new one appears, then kills them: a stopped
/// process cannot fork its way out between being seen and being killed.
pub(crate) fn kill_all() {
    hurry();
    let mut stopped = HashSet::new();
    for _ in 0..STOP_ROUNDS {
        let fresh: Vec<Descendant> =
            find().into_iter().filter(|descendant| stopped.insert(*descendant)).collect();
        if fresh.is_empty() {
            break;
        }
        fresh.iter().for_each(|descendant| send(*descendant, Signal::SIGSTOP));
    }
    stopped.iter().for_each(|descendant| send(*descendant, Signal::SIGKILL));
}

/// Raises this process's priority above those it kills: among a thousand processes that fork, an
/// equal one would wait seconds for its turn.
fn hurry() {
    // SAFETY: setpriority(2) takes three numbers. It fails for a process that is not root's, whose
    // priority then stays.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) };
}

/// Signals the process that was seen, never another that has its number by now.
fn send(descendant: Descendant, signal: Signal) {
    // Opened first, checked afterwards: the start time then vouches for the descriptor.
    if let Ok(process) = PidFd::open(descendant.pid)
        && stat(descendant.pid).is_some_and(|stat| stat.started == descendant.started)
    {
        // It fails when the process is gone, or is another user's (a set-user-id program under an
        // agent that is not root): nothing more can be done here.
        let _ = process.signal(signal);
    }
}

/// Returns all processes below this one, zombies included.
fn find() -> Vec<Descendant> {
    let mut children: HashMap<i32, Vec<Descendant>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(Stat { parent, started, .. }) = stat(pid) {
            children.entry(parent).or_default().push(Descendant { pid, started });
        }
    }
    let mut found = Vec::new();
    let mut next = vec![nix::unistd::getpid().as_raw()];
    while let Some(parent) = next.pop() {
        let below = children.remove(&parent).unwrap_or_default();
        next.extend(below.iter().map(|descendant| descendant.pid));
        found.extend(below);
    }
    found
}

/// Returns when a living process started, in clock ticks since boot; `None`: no process has this
/// number, or it is dead and not reaped.
pub(crate) fn started(pid: i32) -> Option<u64> {
    stat(pid).filter(|stat| !stat.dead).map(|stat| stat.started)
}

/// The fields of proc_pid_stat(5) used here.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    dead: bool,
    parent: i32,
    started: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&bytes)
}

fn parse_stat(bytes: &[u8]) -> Option<Stat> {
    // The name, field 2, may contain anything, also brackets and newlines; the last bracket ends
    // it.
    let end = bytes.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(bytes.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Fields 3, 4 and 22.
    let dead = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let started = fields.nth(17)?.parse().ok()?;
    Some(Stat { dead, parent, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let line = b"7 (a) R 1 (b\n) S 42 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 991 1 2 3\n";
        assert_eq!(parse_stat(line), Some(Stat { dead: false, parent: 42, started: 991 }));
        assert_eq!(parse_stat(b"7 (a) S"), None);
        assert_eq!(parse_stat(b""), None);
    }
}
