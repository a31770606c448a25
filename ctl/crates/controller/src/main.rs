//! The controller; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::main()
}
