//! The flags of `task`.

use super::Command;
use super::number::seconds;
use super::target::At;
use crate::exit;
use agent_wire::message::{MAX_ID, MAX_TASK_TIMEOUT};
use clap::{Args, Subcommand};
use std::path::Path;

/// Printed after the list of subcommands.
pub(super) const HELP: &str = "\
Requests go to this machine's agent, as root; with --controller URL and --host ID, to another
machine's.";

/// The subcommands of `task`.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Start a command in the background and print the task's id
    Submit(Submit),
    /// Show a task's state
    Status(About),
    /// List the host's tasks, in the order in which it accepted them
    List(TaskList),
    /// Print a task's output so far; all of it once the task has ended
    Output(Output),
    /// Print a task's result and exit with its command's status; with --controller also while the
    /// host is offline
    #[command(after_help = exit::HELP)]
    Result(TaskResult),
    /// Kill a task's command and its children; the task's result follows
    Cancel(About),
}

impl Task {
    /// Returns the choice of the agent.
    pub(super) fn at(&self) -> &At {
        match self {
            Self::Submit(submit) => &submit.at,
            Self::Status(about) | Self::Cancel(about) => &about.at,
            Self::List(list) => &list.at,
            Self::Output(output) => &output.at,
            Self::Result(result) => &result.at,
        }
    }

    /// Returns the path in `--socket`.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.at().socket.as_deref()
    }
}

/// The flags of `task list`.
#[derive(Debug, Args)]
pub(crate) struct TaskList {
    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `task submit`.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) command: Command,

    /// The task's id; reusing an id with the same command does not start it again [default: random]
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: Option<String>,

    /// Kill the command and its children after this many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<1, MAX_TASK_TIMEOUT>)]
    pub(crate) timeout: Option<u64>,

    /// The same as --stderr separate
    #[arg(long, conflicts_with = "stderr")]
    pub(crate) separate_stderr: bool,

    /// Print the agent's whole reply as JSON instead of the id
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `task status` and `task cancel`.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `task output`.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Continue until the task has ended, also across lost connections
    #[arg(long)]
    pub(crate) follow: bool,

    /// Print standard error instead, for a task with --separate-stderr
    #[arg(long)]
    pub(crate) stderr: bool,

    /// Print the agent's own JSON, one line per piece
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `task result`.
#[derive(Debug, Args)]
pub(crate) struct TaskResult {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Wait up to this many seconds for the result, also while the controller is down
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true,
        value_parser = seconds::<0, MAX_TASK_TIMEOUT>)]
    pub(crate) wait: u64,

    /// Print the agent's whole result as JSON instead of the output
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

fn id(text: &str) -> Result<String, String> {
    if (1..=MAX_ID).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {MAX_ID} bytes"))
    }
}
