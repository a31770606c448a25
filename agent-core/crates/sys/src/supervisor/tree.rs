//! The ending of a task's tree.

use std::os::fd::OwnedFd;

use crate::{cgroup, descendants, priority};

/// Everything the command started.
pub(super) struct Tree<'a> {
    pub(super) leaf: Option<&'a OwnedFd>,
}

impl Tree<'_> {
    /// Asks all of it to end.
    pub(super) fn terminate(&self) {
        priority::come_first();
        let asked = self.leaf.is_some_and(|leaf| cgroup::terminate(leaf).is_ok());
        if !asked {
            descendants::terminate_all();
        }
        // Not for the whole grace: there may be a flood of output to read.
        priority::step_back();
    }

    /// Kills all of it that can be found.
    pub(super) fn kill(&self) {
        priority::come_first();
        if let Some(leaf) = self.leaf {
            // What this misses, the next line does not.
            let _ = cgroup::kill(leaf);
        }
        // Also with a cgroup: what runs as root can leave it.
        descendants::kill_all();
    }
}
