//! The launcher; its code is [`agent_core::boot`].

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_core::boot::main()
}
