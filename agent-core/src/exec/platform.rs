//! How commands are held together, and where the agent's helper processes come from.

use std::path::PathBuf;

/// How the processes of a command are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trees {
    /// A cgroup where one can be had, else a keeper.
    Auto,
    /// A cgroup v2 directory each; starting fails where cgroups are not usable.
    Cgroup,
    /// A keeper process each.
    Keeper,
}

/// The means of the executor; tests replace the default.
#[derive(Debug, Clone)]
pub struct Platform {
    /// A program whose main calls [`super::zygote_main`] when its first argument is
    /// [`super::ZYGOTE_FLAG`]: the agent itself.
    pub zygote: PathBuf,
    /// How the processes of a command are held together.
    pub trees: Trees,
}

impl Default for Platform {
    fn default() -> Self {
        // The running file itself, also when an upgrade has put another in its place.
        Self { zygote: PathBuf::from("/proc/self/exe"), trees: Trees::Auto }
    }
}
