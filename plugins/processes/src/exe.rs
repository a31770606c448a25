//! The program's file: /proc/PID/exe (proc_pid_exe(5)).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use readers::patience;

/// The suffix in the link if the file was deleted. A file may have such a name, too.
const DELETED: &[u8] = b" (deleted)";
/// How long the file systems of the program's file are waited for, in milliseconds.
const PATIENCE_MS: u64 = 500;

/// Returns the path of a process's program, and whether that file has been deleted or replaced.
pub(crate) fn of(pid: u32) -> Option<(String, bool)> {
    let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let path = link.as_os_str().as_bytes();
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    match path.strip_suffix(DELETED) {
        Some(before) if !is_its_file(pid, path) => Some((text(before), true)),
        _ => Some((text(path), false)),
    }
}

/// Returns whether there is a file of this path, as the process sees it, and it is its program.
fn is_its_file(pid: u32, path: &[u8]) -> bool {
    let program = format!("/proc/{pid}/exe");
    let within = Path::new("/proc").join(pid.to_string()).join("root");
    let named = within.join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
    // Both may be on a share that is dead by now.
    let is_same = patience::run(PATIENCE_MS, move |watch| {
        let inode = |path: &Path| -> io::Result<(u64, u64)> {
            let file = watch.during(path, || fs::metadata(path))?;
            Ok((file.dev(), file.ino()))
        };
        inode(&named).is_ok_and(|named| inode(Path::new(&program)).is_ok_and(|own| own == named))
    });
    is_same.unwrap_or(false)
}
