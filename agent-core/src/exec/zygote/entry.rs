//! The zygote's main: serves the agent's launches and, when the agent died, kills the commands that
//! nobody times out any more.
//!
//! It uses no log, runtime or TLS: every page it touches costs memory on every host.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::Duration;

use agent_sys::cgroup;
use agent_sys::zygote::{self, Orphaned};

/// The agent's hidden first argument; the second is the soft limit of open files for commands.
pub const ZYGOTE_FLAG: &str = "--zygote";

/// How long a killed tree may take to be gone before its directory is left behind.
const GONE: Duration = Duration::from_secs(2);
/// A soft limit that every host grants.
const DEFAULT_NOFILE: u64 = 1024;

/// Runs the zygote. The agent's main calls it before anything else when its first argument is
/// [`ZYGOTE_FLAG`].
#[must_use]
pub fn zygote_main() -> ExitCode {
    let nofile =
        std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_NOFILE);
    agent_sys::memory::give_back();
    match zygote::serve(nofile) {
        Ok(orphaned) => {
            if clean_up(&orphaned).is_err() {
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Kills the commands that were running and removes empty cgroups. Tasks are not among them: their
/// supervisors go on.
fn clean_up(orphaned: &Orphaned) -> io::Result<()> {
    let Some(cgroups) = &orphaned.cgroups else { return Ok(()) };
    // From the descriptor to its name: the agent that knew it is gone.
    let root = fs::read_link(format!("/proc/self/fd/{}", cgroups.as_raw_fd()))?;
    let leaves = orphaned.running.trees().map(|tree| root.join(tree.to_string()));
    // Some may be missing: the agent died before it made them.
    let killed: Vec<_> = leaves.filter_map(|leaf| fs::File::open(leaf).ok()).collect();
    for leaf in &killed {
        let _ = cgroup::kill(leaf);
    }
    for leaf in &killed {
        let _ = cgroup::await_empty(leaf, GONE);
    }
    cgroup::remove(&root);
    Ok(())
}
