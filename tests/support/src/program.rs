//! Programs that a test copies and then runs.

use std::path::Path;
use std::process::Command;

/// Copies a program by cp(1). A file that this process writes itself may not run ("Text file
/// busy", execve(2)): whatever another thread starts meanwhile inherits the open file, and keeps
/// it until its own execve(2).
///
/// # Panics
/// Where the copy fails.
#[expect(clippy::disallowed_methods, reason = "a test runs its own commands")]
pub fn copy_program(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let (from, to) = (from.as_ref(), to.as_ref());
    let copied = Command::new("cp").arg("--").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp {from:?} {to:?}");
}
