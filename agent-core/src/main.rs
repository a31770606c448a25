//! BasicAgent, the daemon; by a hidden first flag also its zygote and its plugin workers.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent_core::daemon::main()
}
