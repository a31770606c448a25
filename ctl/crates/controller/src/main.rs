//! The BasicAgentController binary; the library holds the code.

use std::process::ExitCode;

fn main() -> ExitCode {
    controller::main()
}
