//! The launcher; everything it does is in [`agent_core::boot`].

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_core::boot::main()
}
