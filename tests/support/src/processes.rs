//! The machine's processes, as /proc shows them.

use std::path::Path;

/// One process at the time of the look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The parent's process id.
    pub parent: u32,
    /// The state letter of proc_pid_stat(5); `Z` is a zombie.
    pub state: char,
    /// The short name of proc_pid_comm(5).
    pub name: String,
    /// The arguments, joined by blanks; empty for a zombie.
    pub command: String,
}

/// Returns every process.
///
/// # Panics
/// When /proc is not mounted.
pub fn processes() -> impl Iterator<Item = Process> {
    let all = std::fs::read_dir("/proc").expect("/proc is mounted");
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(process)
}

/// Returns every process whose command line contains `text`.
///
/// # Panics
/// When /proc is not mounted.
pub fn processes_with(text: &str) -> Vec<Process> {
    processes().filter(|process| process.command.contains(text)).collect()
}

/// Returns whether a process exists and is not a zombie.
pub fn alive(pid: u32) -> bool {
    process(pid).is_some_and(|process| process.state != 'Z')
}

/// Returns one process, or `None` if it does not exist.
pub fn process(pid: u32) -> Option<Process> {
    let directory = Path::new("/proc").join(pid.to_string());
    let command = std::fs::read(directory.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    let (head, rest) = stat.rsplit_once(") ")?;
    let name = head.split_once('(')?.1.to_owned();
    let mut rest = rest.split(' ');
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    Some(Process { pid, parent, state, name, command })
}
