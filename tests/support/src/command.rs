//! Commands whose output is compared with that of the code under test.

use std::process::Command;

/// Runs a command in the C locale and returns its standard output. `None`, with a
/// line that the test is skipped, if the command is not installed.
#[expect(clippy::disallowed_methods, reason = "a test runs its own commands")]
pub fn output(program: &str, args: &[&str]) -> Option<String> {
    match Command::new(program).args(args).env("LC_ALL", "C").output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED ({program}: {error})");
            None
        }
    }
}
