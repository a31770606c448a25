//! A program that writes a file once it serves, and its log.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::wait_some;

/// Starts a program that writes `ready` once it serves, and waits for that; its standard error is
/// appended to `log`. Returns the program and the file's text.
///
/// # Panics
/// With the log, when the program ends first; after [`DEADLINE`](crate::DEADLINE).
pub fn start_until_ready(command: &mut Command, ready: &Path, log: &Path) -> (Child, String) {
    // An earlier start may have left one.
    let _ = fs::remove_file(ready);
    let stderr = OpenOptions::new().append(true).create(true).open(log).expect("a log");
    let mut child =
        command.stdin(Stdio::null()).stderr(stderr).spawn().expect("a program that can start");
    let text = wait_some("the ready file", || {
        if let Some(status) = child.try_wait().expect("our own child") {
            panic!("{status}: {}", fs::read_to_string(log).unwrap_or_default());
        }
        fs::read_to_string(ready).ok()
    });
    (child, text)
}
