//! The operator's command line; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ctl::main()
}
