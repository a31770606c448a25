//! The processes in a /proc.

use std::fs;
use std::io;
use std::path::Path;

/// Returns the ids of the processes in the order of the folder `proc`. There may be millions
/// (kernel/pid_max): the caller bounds how many it takes. A process may end before it is looked at.
///
/// # Errors
/// The folder can't be read.
pub fn ids(proc: &Path) -> io::Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir(proc)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found() {
        assert!(ids(Path::new("/proc")).unwrap().any(|id| id == std::process::id()));
        assert!(ids(Path::new("/nonexistent")).is_err());
    }
}
