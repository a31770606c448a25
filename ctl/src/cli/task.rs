//! The flags of `task`.

use super::Command;
use crate::exit;
use agent_wire::message::{MAX_ID, MAX_TASK_TIMEOUT};
use clap::{Args, Subcommand};

/// What to do with tasks of a host.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Give the host a command to run by itself, and print the task's id
    Submit(Submit),
    /// Tell how far a task is
    Status(About),
    /// List the tasks that the host knows, in the order it took them
    List {
        /// Print the agent's own JSON
        #[arg(long)]
        json: bool,
    },
    /// Print what a task has printed so far, or all of it when it has ended
    Output(Output),
    /// Print a task's result and exit as its command did; the host need not be connected
    #[command(after_help = exit::HELP)]
    Result(TaskResult),
    /// Kill a task's command and all it started; its result follows
    Cancel(About),
}

/// `task submit`.
#[derive(Debug, Args)]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) command: Command,

    /// The task's id; the same id and command again start nothing again [default: one is made]
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: Option<String>,

    /// Kill the command and all it started after so many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_TASK_TIMEOUT))]
    pub(crate) timeout: Option<u64>,

    /// Keep standard error apart from the output
    #[arg(long)]
    pub(crate) separate_stderr: bool,

    /// Print the agent's whole response as JSON instead of the id
    #[arg(long)]
    pub(crate) json: bool,
}

/// `task status`, `task cancel`.
#[derive(Debug, Args)]
pub(crate) struct About {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `task output`.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Go on until the task has ended, asking once a second; a connection that is lost is waited for
    #[arg(long)]
    pub(crate) follow: bool,

    /// Its standard error, of a task with --separate-stderr
    #[arg(long)]
    pub(crate) stderr: bool,

    /// Print the agent's own JSON, a line for each piece
    #[arg(long)]
    pub(crate) json: bool,
}

/// `task result`.
#[derive(Debug, Args)]
pub(crate) struct TaskResult {
    /// The task's id
    #[arg(value_name = "ID", value_parser = id)]
    pub(crate) task: String,

    /// Wait so long for the result; a controller that goes away meanwhile is waited for
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true,
        value_parser = clap::value_parser!(u64).range(0..=MAX_TASK_TIMEOUT))]
    pub(crate) wait: u64,

    /// Print the agent's whole result as JSON instead of the output
    #[arg(long)]
    pub(crate) json: bool,
}

fn id(text: &str) -> Result<String, String> {
    if (1..=MAX_ID).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {MAX_ID} bytes"))
    }
}
