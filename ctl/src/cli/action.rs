//! What there is to do.

use super::{Cron, Exec, Task};
use crate::client::Controller;
use crate::plugin::{Check, New};
use std::path::PathBuf;

/// A host, and who reaches it.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) controller: Controller,
    pub(crate) host: String,
}

/// One run's work.
#[derive(Debug)]
pub(crate) enum Action {
    /// Call a plugin here.
    Local { dirs: Vec<PathBuf>, method: String, args: String },
    /// Call a method of a host.
    Query { controller: Controller, host: String, method: String, args: Option<String> },
    /// List plugins here.
    List { dirs: Vec<PathBuf>, json: bool },
    /// Write a plugin to begin with.
    New(New),
    /// Say whether a plugin is fit.
    Check(Check),
    /// Print what a plugin says of itself.
    Describe { dirs: Vec<PathBuf>, method: String, json: bool },
    /// Look at a plugin for the process that checks it.
    Probe,
    /// List hosts.
    Hosts { controller: Controller, json: bool },
    /// Run a command on a host.
    Exec { controller: Controller, host: String, exec: Exec },
    /// Something about a host's tasks.
    Task { controller: Controller, host: String, task: Task },
    /// Something about schedules; `remote` is asked instead of this machine's agent.
    Cron { cron: Cron, remote: Option<Remote> },
}

impl Action {
    /// Whether its exit status is that of a command.
    pub(crate) fn exits_as_a_command(&self) -> bool {
        matches!(self, Self::Exec { .. } | Self::Task { task: Task::Result(_), .. })
    }
}
