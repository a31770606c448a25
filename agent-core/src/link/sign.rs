//! The file `connected` in the run directory: there while a channel is open, for scripts of this
//! host that must not depend on another program, such as the one that upgrades the agent.

use crate::durable;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file's name; it has a line each of `version=`, `server=`, `since=` (RFC 3339, UTC) and
/// `pid=`.
const NAME: &str = "connected";

/// The file, which goes when this is dropped.
pub(super) struct Sign {
    path: PathBuf,
}

impl Sign {
    /// Puts the file up as a whole. Without it the agent works on: a failure is logged.
    pub(super) fn put_up(run_dir: &Path, server: SocketAddr) -> Self {
        let path = run_dir.join(NAME);
        let text = format!(
            "version={}\nserver={server}\nsince={}\npid={}\n",
            env!("CARGO_PKG_VERSION"),
            humantime::format_rfc3339_millis(SystemTime::now()),
            std::process::id(),
        );
        if let Err(error) = durable::write_with_mode(&path, text.as_bytes(), 0o644) {
            log::warn!("cannot write {}: {error}", path.display());
        }
        Self { path }
    }

    /// Removes what a killed agent left.
    pub(super) fn clear(run_dir: &Path) {
        remove(&run_dir.join(NAME));
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

fn remove(path: &Path) {
    if let Err(error) = durable::remove(path) {
        log::warn!("cannot remove {}: {error}", path.display());
    }
}
