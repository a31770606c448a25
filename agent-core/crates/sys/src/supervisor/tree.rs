//! The ending of a task's tree.

use std::os::fd::OwnedFd;

use crate::{cgroup, descendants};

/// Everything the command started.
pub(super) struct Tree<'a> {
    pub(super) leaf: Option<&'a OwnedFd>,
}

impl Tree<'_> {
    pub(super) fn terminate(&self) {
        let asked = self.leaf.is_some_and(|leaf| cgroup::terminate(leaf).is_ok());
        if !asked {
            descendants::terminate_all();
        }
    }

    pub(super) fn kill(&self) {
        if let Some(leaf) = self.leaf {
            // What this misses, the next line does not.
            let _ = cgroup::kill(leaf);
        }
        // Also with a cgroup: what runs as root can leave it.
        descendants::kill_all();
    }

    /// After a death: what was born meanwhile has come to light as our child.
    pub(super) fn kill_again(&self) {
        let empty = self.leaf.and_then(|leaf| cgroup::events(leaf).and_then(cgroup::is_empty).ok());
        // A leaf that is killed and not empty yet needs time, not a search of /proc for each death.
        if empty != Some(false) {
            descendants::kill_all();
        }
    }
}
