//! A task's process tree: SIGTERM and SIGKILL for all of it.

use std::os::fd::OwnedFd;

use crate::{cgroup, descendants, priority};

/// Everything the command started.
pub(super) struct Tree<'a> {
    pub(super) leaf: Option<&'a OwnedFd>,
}

impl Tree<'_> {
    /// Sends SIGTERM to every process.
    pub(super) fn terminate(&self) {
        priority::come_first();
        let terminated = self.leaf.is_some_and(|leaf| cgroup::terminate(leaf).is_ok());
        if !terminated {
            descendants::terminate_all();
        }
        // Not for the whole grace: there may be a flood of output to read.
        priority::step_back();
    }

    /// Kills every process that can be found.
    pub(super) fn kill(&self) {
        priority::come_first();
        if let Some(leaf) = self.leaf {
            // The next line catches what this misses.
            let _ = cgroup::kill(leaf);
        }
        // Also with a cgroup: a process that runs as root can leave it.
        descendants::kill_all();
    }
}
