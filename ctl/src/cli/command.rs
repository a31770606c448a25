//! The flags of a command for a host: `exec`'s own, and those that `task submit` shares.

use agent_wire::message::MAX_SYNC_TIMEOUT;
use clap::Args;

/// A command and how it runs.
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

    /// Pass what standard input holds on to the command
    #[arg(long)]
    pub(crate) stdin: bool,

    /// One word is a line for bash; several are a program and its arguments, passed as they are
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
}

/// `exec`.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    #[command(flatten)]
    pub(crate) command: Command,

    /// Kill the command and all it started after so many seconds [default: 120]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_SYNC_TIMEOUT))]
    pub(crate) timeout: Option<u64>,

    /// Print output as it comes; Ctrl-C ends the command
    #[arg(long)]
    pub(crate) stream: bool,

    /// Print the agent's whole response as JSON instead of the output; with --stream, each piece of output too, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

fn variable(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("must be NAME=VALUE"),
    }
}
