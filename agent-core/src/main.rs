//! The agent's binary, and the zygote's: a hidden first argument tells.

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|flag| flag == agent_core::exec::ZYGOTE_FLAG) {
        return agent_core::exec::zygote_main();
    }
    ExitCode::FAILURE
}
