//! The processes in a /proc.

use std::fs;
use std::io;
use std::path::Path;

use crate::file;
use crate::text::lossy;

/// The kernel's names of processes have at most 15 bytes, those of its own threads some more.
const MAX_NAME: usize = 256;

/// Returns the ids of the processes in the order of the folder `proc`. There may be millions
/// (kernel/pid_max): the caller bounds how many it takes. A process may end before it is looked at.
///
/// # Errors
/// The folder can't be read.
pub fn ids(proc: &Path) -> io::Result<impl Iterator<Item = u32>> {
    let entries = fs::read_dir(proc)?.flatten();
    Ok(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// Returns the name of the process whose folder in a /proc this is, whole: a process may give
/// itself a name with line ends and blanks. `None` if the process has ended.
#[must_use]
pub fn name(folder: &Path) -> Option<String> {
    let mut bytes = file::bytes(&folder.join("comm"), MAX_NAME).ok()?;
    bytes.pop_if(|last| *last == b'\n');
    Some(lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Scratch;

    #[test]
    fn a_name_is_never_cut_at_a_line_end() {
        let scratch = Scratch::new("readers-process");
        for (comm, want) in [
            (&b"sshd\n"[..], "sshd"),
            (b"chronyd\nx\n", "chronyd\nx"),
            (b" a \n\n", " a \n"),
            (b"", ""),
            (b"\xff", "\u{fffd}"),
        ] {
            scratch.write("comm", comm);
            assert_eq!(name(scratch.path()).as_deref(), Some(want), "{comm:?}");
        }
        assert_eq!(name(&scratch.file("none")), None);
    }

    #[test]
    fn this_process_is_found() {
        assert!(ids(Path::new("/proc")).unwrap().any(|id| id == std::process::id()));
        assert!(ids(Path::new("/nonexistent")).is_err());
    }
}
