//! The actions of the command line.

use super::target::At;
use super::{
    Audit, Budget, Ca, Complete, Contexts, Cron, Exec, Facts, History, Host, Hosts, Login, Logout,
    Node, Operator, Role, Run, Schedule, Setup, Task, Token,
};
use crate::client::Controller;
use crate::plugin::{Check, New};
use crate::print;
use std::path::PathBuf;

/// A host, and the controller that reaches it.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) controller: Controller,
    pub(crate) host: String,
}

/// The action of one invocation.
#[derive(Debug)]
pub(crate) enum Action {
    /// Call a plugin on this machine.
    Local { dirs: Vec<PathBuf>, method: String, args: String },
    /// Call a method of a host.
    Query { remote: Remote, method: String, args: Option<String> },
    /// List this machine's plugins.
    List { dirs: Vec<PathBuf>, json: bool },
    /// Write a plugin to start from.
    New(New),
    /// Check a plugin.
    Check(Check),
    /// Print a plugin's description.
    Describe { dirs: Vec<PathBuf>, method: String, json: bool },
    /// Log in to a controller.
    Login(Login),
    /// Log out.
    Logout(Logout),
    /// Create the first operator.
    Setup(Setup),
    /// Work on the contexts.
    Contexts(Contexts),
    /// Work on what a controller keeps.
    Fleet { controller: Controller, fleet: Fleet },
    /// Run a command on a host.
    Exec { remote: Remote, exec: Exec },
    /// Ask how a command would fare on `remote`, or on this machine.
    ExecCheck { remote: Option<Remote>, exec: Exec },
    /// Print an agent's state, of `remote` or of this machine.
    Status { at: At, json: bool, remote: Option<Remote> },
    /// Work on the tasks of `remote`; without it, on those of this machine's agent.
    Task { task: Task, remote: Option<Remote> },
    /// Print words for the completion of a shell.
    Complete(Complete),
    /// Work on schedules, or on the jobs of `remote`; without it, on those of this machine's agent.
    Cron { cron: Cron, remote: Option<Remote> },
}

/// The work on what a controller keeps.
#[derive(Debug)]
pub(crate) enum Fleet {
    /// Show the caller's own account.
    WhoAmI(print::Output),
    /// List hosts.
    Hosts(Hosts),
    /// Show a host, or decide about hosts.
    Host(Host),
    /// Look at facts of hosts.
    Facts(Facts),
    /// Work on join tokens.
    Token(Token),
    /// Show the CA or rotate it.
    Ca(Ca),
    /// Work on operators and their API tokens.
    Operator(Operator),
    /// Work on roles.
    Role(Role),
    /// Work on schedules for many hosts.
    Schedule(Schedule),
    /// Read or verify the audit log.
    Audit(Audit),
    /// Run a request on many hosts, or work on runs.
    Run(Box<Run>),
    /// Work on the controller's nodes.
    Node(Node),
    /// Work on budgets.
    Budget(Budget),
    /// Read what ran where.
    History(History),
}

impl Action {
    /// Returns whether the exit status is the status of a command.
    pub(crate) fn exits_as_a_command(&self) -> bool {
        matches!(self, Self::Exec { .. } | Self::Task { task: Task::Result(_), .. })
    }
}
