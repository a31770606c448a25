//! What runs on the machine, by /proc.

use std::path::Path;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its pid at the time of the look.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// State letter of /proc/PID/stat.
    pub state: char,
    /// Its arguments, joined by blanks.
    pub command: String,
}

/// Every process whose command line holds `text`.
pub fn processes_with(text: &str) -> Vec<Process> {
    let all = std::fs::read_dir("/proc").expect("/proc is mounted");
    all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(look)
        .filter(|process| process.command.contains(text))
        .collect()
}

/// Whether a process is there and no zombie.
pub fn alive(pid: u32) -> bool {
    look(pid).is_some_and(|process| process.state != 'Z')
}

fn look(pid: u32) -> Option<Process> {
    let directory = Path::new("/proc").join(pid.to_string());
    let command = std::fs::read(directory.join("cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    let mut rest = stat.rsplit_once(") ")?.1.split(' ');
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    Some(Process { pid, parent, state, command })
}
