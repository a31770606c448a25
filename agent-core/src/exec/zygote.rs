//! The other process of this binary: serves the agent's launches, and when the agent has died,
//! ends what nobody will time out any more.
//!
//! Keeps no log, runtime or TLS: what it touches, every host pays for in memory twice.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::ExitCode;

use agent_sys::zygote::{self, Orphaned};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cgroup;

/// The agent's hidden first argument; the second is the soft limit of open files for commands.
pub const ZYGOTE_FLAG: &str = "--zygote";

/// How long a killed tree may take to be gone, in milliseconds, before its directory is left.
const GONE: u16 = 2_000;
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

/// Kills the trees that were running and removes the cgroups that are empty.
fn clean_up(orphaned: &Orphaned) -> io::Result<()> {
    let Some(cgroups) = &orphaned.cgroups else { return Ok(()) };
    // By descriptor to its name: the agent that could tell it is gone.
    let root = fs::read_link(format!("/proc/self/fd/{}", cgroups.as_raw_fd()))?;
    let killed: Vec<_> = orphaned.running.trees().map(|tree| root.join(tree.to_string())).collect();
    for leaf in &killed {
        // Not there: the agent died before it made it.
        let _ = fs::write(leaf.join("cgroup.kill"), "1");
    }
    for leaf in &killed {
        let _ = await_empty(leaf);
    }
    cgroup::remove(&root);
    Ok(())
}

fn await_empty(leaf: &Path) -> io::Result<()> {
    let events = fs::File::open(leaf.join("cgroup.events"))?;
    while !cgroup::is_empty(&events)? {
        let mut notice = [PollFd::new(events.as_fd(), PollFlags::POLLPRI)];
        if poll(&mut notice, PollTimeout::from(GONE))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    Ok(())
}
