//! The other process of this binary: serves the agent's launches, and when the agent has died,
//! ends what nobody will time out any more.
//!
//! Keeps no log, runtime or TLS: what it touches, every host pays for in memory twice.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::Duration;

use agent_sys::cgroup;
use agent_sys::zygote::{self, Orphaned};

/// The agent's hidden first argument; the second is the soft limit of open files for commands.
pub const ZYGOTE_FLAG: &str = "--zygote";

/// How long a killed tree may take to be gone before its directory is left.
const GONE: Duration = Duration::from_secs(2);
/// A soft limit that every host grants.
const DEFAULT_NOFILE: u64 = 1024;

/// What the agent's main does, before anything else, when its first argument is [`ZYGOTE_FLAG`].
#[must_use]
pub fn zygote_main() -> ExitCode {
    let nofile = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_NOFILE);
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

/// Kills the trees that were running and removes the cgroups that are empty. Those of tasks are not
/// among them: their supervisors go on.
fn clean_up(orphaned: &Orphaned) -> io::Result<()> {
    let Some(cgroups) = &orphaned.cgroups else { return Ok(()) };
    // By descriptor to its name: the agent that could tell it is gone.
    let root = fs::read_link(format!("/proc/self/fd/{}", cgroups.as_raw_fd()))?;
    let leaves = orphaned.running.trees().map(|tree| root.join(tree.to_string()));
    // Not there: the agent died before it made it.
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
