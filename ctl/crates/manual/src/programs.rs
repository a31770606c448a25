//! The programs, and the sections of the manual that their pages belong to.

use clap::Command;

/// A program.
pub(crate) struct Program {
    /// Its flags.
    pub(crate) command: Command,
    /// The section: 1 for everyone's commands, 8 for those of the administrator.
    pub(crate) section: &'static str,
}

/// Returns all of them.
pub(crate) fn all() -> Vec<Program> {
    let daemon = |command: Command| Program { command, section: "8" };
    vec![
        daemon(agent_core::daemon::command()),
        daemon(agent_core::boot::command()),
        daemon(controller::command()),
        Program { command: ctl::command(), section: "1" },
    ]
}
