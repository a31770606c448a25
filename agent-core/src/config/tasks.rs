//! `[tasks]`: the bounds of durable commands and their results.

use super::{Error, value};
use serde::Deserialize;
use std::time::Duration;

/// The `[tasks]` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TaskSettings {
    /// How long a result is kept until a server acknowledges it.
    #[serde(rename = "keep_days", deserialize_with = "value::days")]
    pub(crate) keep: Duration,
    /// Bytes that tasks and their output may occupy on disk.
    pub(crate) max_bytes: u64,
    /// Tasks that run at once.
    pub(crate) max_running: u32,
    /// Tasks that the agent keeps, finished ones included.
    pub(crate) max_kept: usize,
}

impl Default for TaskSettings {
    fn default() -> Self {
        let keep = Duration::from_secs(7 * 24 * 60 * 60);
        Self { keep, max_bytes: 1 << 30, max_running: 128, max_kept: 16_384 }
    }
}

impl TaskSettings {
    pub(super) fn check(&self, found: &mut Vec<Error>) {
        let days = self.keep.as_secs() / (24 * 60 * 60);
        found.extend(value::within("tasks.keep_days", days, 1..=3650));
        found.extend(value::within("tasks.max_bytes", self.max_bytes, 1 << 20..=1 << 50));
        found.extend(value::within("tasks.max_running", self.max_running, 1..=4096));
        found.extend(value::within("tasks.max_kept", self.max_kept, 1..=1 << 20));
    }
}
