//! `[exec]`: the bounds and the identity of commands.

use super::{Error, value};
use agent_wire::message::MAX_OUTPUT;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// The `[exec]` section. A change applies to commands that start after it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecSettings {
    /// The shell that gets `-c COMMAND`; an absolute path.
    pub shell: PathBuf,
    /// Commands that run at once.
    pub max_running: usize,
    /// Commands that may wait for a place; a further one is rejected.
    pub max_queued: usize,
    /// Bytes kept of each output stream when the request gives no bound.
    pub max_output: usize,
    /// Time between SIGTERM and SIGKILL.
    #[serde(deserialize_with = "value::seconds")]
    pub grace: Duration,
    /// The group of a command whose request names none.
    pub default_group: DefaultGroup,
}

/// The group of a command whose request names none (PROTOCOL.md §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultGroup {
    /// The user's own primary group.
    Primary,
    /// Group 0, for every user.
    Root,
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            shell: "/bin/bash".into(),
            max_running: 64,
            max_queued: 1024,
            max_output: 1 << 20,
            grace: Duration::from_secs(2),
            default_group: DefaultGroup::Primary,
        }
    }
}

impl ExecSettings {
    pub(super) fn check(&self, found: &mut Vec<Error>) {
        found.extend(value::absolute("exec.shell", &self.shell));
        found.extend(value::within("exec.max_running", self.max_running, 1..=4096));
        found.extend(value::within("exec.max_queued", self.max_queued, 0..=65_536));
        found.extend(value::within("exec.max_output", self.max_output as u64, 1..=MAX_OUTPUT));
        found.extend(value::within("exec.grace", self.grace.as_secs(), 0..=60));
    }
}
