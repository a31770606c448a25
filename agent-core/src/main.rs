//! BasicAgent, the daemon. A hidden first flag makes it the zygote or a plugin worker instead.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_core::daemon::main()
}
