//! The operator's command line; the library does the work.

use std::process::ExitCode;

fn main() -> ExitCode {
    ctl::main()
}
