//! `task`: background tasks of an agent. The requests go to the agent, but a host's delivered
//! results are read from its controller, which stores them.

mod output;
mod result;
mod state;
mod submit;

pub(crate) use state::outcome;

use crate::agent::Agent;
use crate::cli::{Remote, Task};
use crate::error::Error;
use agent_wire::Method;
use std::process::ExitCode;

/// Runs the subcommand, on the tasks of `remote`, or without it of this machine's agent.
///
/// # Errors
/// As [`Agent::request`].
pub(crate) fn run(task: &Task, remote: Option<&Remote>) -> Result<ExitCode, Error> {
    let agent = Agent::new(remote, task.socket());
    match task {
        Task::Submit(submit) => submit::run(&agent, submit),
        Task::Status(about) => state::show(&agent, &Method::AsyncStatus, about),
        Task::Cancel(about) => state::show(&agent, &Method::AsyncCancel, about),
        Task::List(list) => state::list(&agent, list),
        Task::Output(output) => output::run(&agent, output),
        Task::Result(result) => result::run(&agent, result),
    }
}
