//! Whether a descriptor leads to the journal.

use nix::sys::stat::fstat;
use std::os::fd::AsFd;

/// Returns whether `out` is the journal's stream. JOURNAL_STREAM names it as `DEVICE:INODE`
/// (systemd.exec(5)); the variable alone is no sign, since programs inherit it and redirect their
/// output.
pub(super) fn is(out: &impl AsFd) -> bool {
    let Ok(named) = std::env::var("JOURNAL_STREAM") else { return false };
    fstat(out).is_ok_and(|data| named == format!("{}:{}", data.st_dev, data.st_ino))
}
