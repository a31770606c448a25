//! What an operator sets for commands, and where the agent's helpers come from.

use std::path::PathBuf;
use std::time::Duration;

/// The `[exec]` section. Takes effect for commands that begin after it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The shell that gets `-c COMMAND`; an absolute path.
    pub shell: PathBuf,
    /// Commands that run at once.
    pub max_running: usize,
    /// Commands that wait for a place; one more is refused at once.
    pub max_queued: usize,
    /// Bytes of each output stream that are kept when the request says nothing.
    pub max_output: usize,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// The group of a command whose request names none.
    pub default_group: DefaultGroup,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shell: PathBuf::from("/bin/bash"),
            max_running: 64,
            max_queued: 1024,
            max_output: 1024 * 1024,
            grace: Duration::from_secs(2),
            default_group: DefaultGroup::Primary,
        }
    }
}

/// The group of a command whose request names none (protocol.md §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DefaultGroup {
    /// The user's own primary group.
    Primary,
    /// Group 0, for every user.
    Root,
}

/// How the processes of a command are held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trees {
    /// A cgroup where one can be had, else a keeper.
    Auto,
    /// A cgroup v2 directory each; starting fails where there is none to be had.
    Cgroup,
    /// A keeper process each.
    Keeper,
}

/// What the executor stands on; the default is right outside of tests.
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
