//! `[audit]`: where the audit log is and how large it may become.

use super::{Error, value};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The value of `audit.file` that turns the audit log off.
const NONE: &str = "none";

/// The audit log's name in `state_dir`, where `audit.file` is empty.
const DEFAULT_NAME: &str = "audit.log";

/// The `[audit]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditSettings {
    /// The value of the key; [`AuditSettings::path`] resolves it.
    file: PathBuf,
    /// Bytes of one file; a line that would exceed them starts the next file.
    pub(crate) max_bytes: u64,
    /// Full files kept beside the current one: `FILE.1`, the youngest, to `FILE.N`.
    pub(crate) keep: u32,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { file: PathBuf::new(), max_bytes: 10 << 20, keep: 5 }
    }
}

impl AuditSettings {
    /// Returns the log's path; `None` when there is no audit log.
    pub(crate) fn path(&self, state_dir: &Path) -> Option<PathBuf> {
        match self.file.to_str() {
            Some(NONE) => None,
            Some("") => Some(state_dir.join(DEFAULT_NAME)),
            _ => Some(self.file.clone()),
        }
    }

    pub(super) fn check(&self, found: &mut Vec<Error>) {
        if !self.file.as_os_str().is_empty() && self.file != Path::new(NONE) {
            found.extend(value::absolute("audit.file", &self.file));
        }
        found.extend(value::within("audit.max_bytes", self.max_bytes, 64 << 10..=1 << 40));
        found.extend(value::within("audit.keep", self.keep, 0..=100));
    }
}
