//! The flags of a command for a host: the shared flags, and `exec`'s own.

use super::number::seconds;
use agent_wire::message::MAX_SYNC_TIMEOUT;
use clap::Args;

/// A command and its surroundings.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// Run as this user, name or uid [default: root]
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,

    /// Run as this group, name or gid [default: the user's own]
    #[arg(long, value_name = "GROUP")]
    pub(crate) group: Option<String>,

    /// Run in this directory [default: the user's home]
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,

    /// Add a variable to the command's environment; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) env: Vec<(String, String)>,

    /// Pass standard input to the command
    #[arg(long)]
    pub(crate) stdin: bool,

    /// A single argument is a shell command line; several are a program and its arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
}

/// The flags of `exec`.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) command: Command,

    /// Kill the command and its children after this many seconds [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<1, MAX_SYNC_TIMEOUT>)]
    pub(crate) timeout: Option<u64>,

    /// Print output as it arrives; Ctrl-C kills the command
    #[arg(long)]
    pub(crate) stream: bool,

    /// Print the agent's whole reply as JSON instead of the output; with --stream, one line per
    /// frame
    #[arg(long)]
    pub(crate) json: bool,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE"),
    }
}
