//! The flags of a command for a host: the shared flags, and `exec`'s own.

use super::number::{seconds, size, whole};
use super::target::At;
use agent_wire::message::{MAX_OUTPUT, MAX_SYNC_TIMEOUT, StderrMode};
use clap::{Args, ValueEnum};

/// The heading of the limits.
const LIMITS: &str = "Limits, enforced by the host's cgroup controllers";

/// Where the command's standard error goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stderr {
    /// Into the output, in the order of writing
    Merge,
    /// Separate from the output
    Separate,
}

impl From<Stderr> for StderrMode {
    fn from(stderr: Stderr) -> Self {
        match stderr {
            Stderr::Merge => Self::Merge,
            Stderr::Separate => Self::Separate,
        }
    }
}

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

    /// Where standard error goes: into the output, or separate from it [default: separate for exec,
    /// else merge]
    #[arg(long, value_name = "WHERE", value_enum)]
    pub(crate) stderr: Option<Stderr>,

    /// Keep this much of each output stream, head and tail: bytes, or with K or M [default: 16M for
    /// exec, 64K for run, else the agent's exec.max_output]
    #[arg(long, value_name = "SIZE", value_parser = size::<1, MAX_OUTPUT>)]
    pub(crate) max_output: Option<u64>,

    /// Limit the memory of the command and all that it starts: bytes, or with K, M or G
    #[arg(long, value_name = "SIZE", value_parser = size::<{ 1 << 20 }, { 1 << 50 }>, help_heading = LIMITS)]
    pub(crate) memory: Option<u64>,

    /// Limit its processor time, in percent of one processor: 250 is two and a half
    #[arg(long, value_name = "PERCENT", value_parser = whole::<1, 1_000_000>, help_heading = LIMITS)]
    pub(crate) cpu: Option<u64>,

    /// Limit its processes and threads
    #[arg(long, value_name = "COUNT", value_parser = whole::<1, { 1 << 22 }>, help_heading = LIMITS)]
    pub(crate) pids: Option<u64>,

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

    /// Start nothing: say whether the host would run it, and as whom. Without --host, ask this
    /// machine's agent
    #[arg(long, conflicts_with = "stream")]
    pub(crate) check: bool,

    /// With --check on this machine: judge by the policy as if this controller asked
    #[arg(long, value_name = "NAME", requires = "check")]
    pub(crate) as_controller: Option<String>,

    #[command(flatten)]
    pub(crate) at: At,

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
