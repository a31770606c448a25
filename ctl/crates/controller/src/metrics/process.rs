//! The system's figures about this process, by the names that Prometheus' own clients use.

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike as _;
use std::fs;
use std::time::Duration;

/// What the process uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    /// Open files and sockets.
    pub(crate) descriptors: u64,
    /// How many of these may be open.
    pub(crate) max_descriptors: u64,
    /// Processor time used.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Reads the figures. One that the system does not tell is 0. Lists a folder with an entry for
    /// each connection, so call this where a thread may block.
    pub(crate) fn read() -> Self {
        let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            resident: resident().unwrap_or_default(),
            descriptors: descriptors as u64,
            max_descriptors: getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft),
            cpu: cpu().unwrap_or_default(),
        }
    }
}

fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

fn cpu() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Duration::from_micros(microseconds.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_this_process_own() {
        let process = Process::read();
        assert!(process.resident > 1 << 20 && process.cpu > Duration::ZERO, "{process:?}");
        assert!((3..=process.max_descriptors).contains(&process.descriptors), "{process:?}");
    }
}
