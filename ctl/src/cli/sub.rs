//! The subcommands, and the action of each.

use super::target::{At, Conflict, Target};
use super::{
    Action, Audit, Budget, Ca, Complete, Contexts, Cron, Exec, Facts, Fleet, History, HistorySub,
    Host, Hosts, Login, Logout, Node, Operator, Role, Run, RunSub, Schedule, Setup, Task, Token,
    cron, task,
};
use crate::plugin::{Check, New};
use crate::{exit, print};
use clap::Subcommand;

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(super) enum Sub {
    #[command(flatten)]
    Account(AccountSub),
    #[command(flatten)]
    Fleet(FleetSub),
    #[command(flatten)]
    Agent(AgentSub),
    #[command(flatten)]
    Plugin(PluginSub),
    /// Print host ids or labels, for the completion of a shell
    #[command(hide = true)]
    Complete(Complete),
}

/// The subcommands about the caller's own log-ins.
#[derive(Debug, Subcommand)]
pub(super) enum AccountSub {
    /// Log in to a controller and keep the token in a context
    #[command(after_help = exit::HELP)]
    Login(Login),
    /// End the token of a context
    Logout,
    /// Create the first operator with the link that the controller printed
    Setup(Setup),
    /// The controllers that you have logged in to
    #[command(subcommand)]
    Context(Contexts),
}

/// The subcommands about what a controller keeps.
#[derive(Debug, Subcommand)]
pub(super) enum FleetSub {
    /// Show who you are to the controller and what you may do
    Whoami(print::Output),
    /// List the controller's hosts
    Hosts(Hosts),
    /// Show a host, label it, or decide about it
    #[command(subcommand)]
    Host(Host),
    /// Facts of hosts: what they are, what changed, and which hosts have what
    #[command(subcommand)]
    Facts(Facts),
    /// Join tokens: they admit hosts
    #[command(subcommand)]
    Token(Token),
    /// The controller's CA and its rotation
    #[command(subcommand)]
    Ca(Ca),
    /// Operators: people and programs that may ask something
    #[command(subcommand)]
    Operator(Operator),
    /// Roles: what operators may do
    #[command(subcommand)]
    Role(Role),
    /// Schedules: cron jobs for all hosts of a selector
    #[command(subcommand)]
    Schedule(Schedule),
    /// The audit log: who did what to which hosts, and when
    Audit(Audit),
    /// Run a command, or another request, on many hosts: plan, ask, follow, sum up
    #[command(after_help = exit::RUN_HELP)]
    Run(Box<Run>),
    /// The nodes of the controller: its processes, where it has several
    #[command(subcommand)]
    Node(Node),
    /// Budgets: how many of some hosts may be at work at once, over all runs
    #[command(subcommand)]
    Budget(Budget),
    /// What ran where, and how it ended
    History(History),
}

/// The subcommands for an agent.
#[derive(Debug, Subcommand)]
pub(super) enum AgentSub {
    /// Run a command on the host and exit with its status
    #[command(after_help = exit::HELP)]
    Exec(Exec),
    /// Show the state of an agent: this machine's, or with --host another's
    #[command(after_help = exit::STATUS_HELP)]
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: At,
    },
    /// Background tasks of an agent, and their results
    #[command(subcommand, after_help = task::HELP)]
    Task(Task),
    /// Schedules, their next times and their meaning, and an agent's scheduled jobs
    #[command(subcommand, after_help = cron::HELP)]
    Cron(Cron),
}

/// The subcommands about plugins.
#[derive(Debug, Subcommand)]
pub(super) enum PluginSub {
    /// List the methods of this machine's plugins
    List {
        /// Print the plugins' whole descriptions as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a plugin's arguments and the fields of its reply
    Describe {
        /// The plugin's method; the prefix getinfo. is optional
        method: String,
        /// Print the plugin's whole description as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a plugin to start from: a crate, or a C file
    New(New),
    /// Check whether a plugin is ready to ship, and list its faults
    #[command(after_help = exit::HELP)]
    Check(Check),
}

impl Sub {
    /// Returns whether the subcommand names a controller itself.
    pub(super) fn takes_a_url(&self) -> bool {
        matches!(self, Self::Account(AccountSub::Login(_) | AccountSub::Setup(_)))
    }

    /// Returns the action for the target.
    pub(super) fn action(self, target: Target) -> Result<Action, Conflict> {
        match self {
            Self::Account(account) => Ok(account.action(target)),
            Self::Fleet(fleet) => fleet.action(target),
            Self::Agent(agent) => agent.action(target),
            Self::Plugin(plugin) => plugin.action(target),
            Self::Complete(complete) => Ok(Action::Complete(complete)),
        }
    }
}

impl AccountSub {
    fn action(self, target: Target) -> Action {
        let Target { context, ca, token_file, .. } = target;
        match self {
            Self::Login(login) => Action::Login(Login { context, ca, token_file, ..login }),
            Self::Logout => Action::Logout(Logout { context }),
            Self::Setup(setup) => Action::Setup(Setup { ca, ..setup }),
            Self::Context(contexts) => Action::Contexts(contexts),
        }
    }
}

impl FleetSub {
    fn action(self, mut target: Target) -> Result<Action, Conflict> {
        let fleet = match self {
            Self::Whoami(output) => Fleet::WhoAmI(output),
            Self::Hosts(hosts) => Fleet::Hosts(hosts),
            Self::Host(host) => Fleet::Host(host),
            Self::Facts(facts) => Fleet::Facts(facts),
            Self::Token(token) => Fleet::Token(token),
            Self::Ca(ca) => Fleet::Ca(ca),
            Self::Operator(operator) => Fleet::Operator(operator),
            Self::Role(role) => Fleet::Role(role),
            Self::Schedule(schedule) => Fleet::Schedule(schedule),
            // Here the host chooses events, not an agent.
            Self::Audit(audit) => Fleet::Audit(Audit { host: target.one_host()?, ..audit }),
            Self::Run(mut run) => {
                match &mut run.sub {
                    None => run.start.hosts = std::mem::take(&mut target.host),
                    Some(RunSub::List(list)) => list.host = target.one_host()?,
                    Some(RunSub::Output(output)) => output.host = target.one_host()?,
                    Some(_) => {}
                }
                Fleet::Run(run)
            }
            Self::Node(node) => Fleet::Node(node),
            Self::Budget(budget) => Fleet::Budget(budget),
            Self::History(mut history) => {
                let host = target.one_host()?;
                match &mut history.export {
                    Some(HistorySub::Export(export)) => export.filter.host = host,
                    None => history.filter.host = host,
                }
                Fleet::History(history)
            }
        };
        Ok(Action::Fleet { controller: target.controller()?, fleet })
    }
}

impl AgentSub {
    fn action(self, target: Target) -> Result<Action, Conflict> {
        Ok(match self {
            Self::Exec(exec) if exec.check => {
                let remote = target.agent(&exec.at)?;
                if remote.is_some() && exec.as_controller.is_some() {
                    return Err(Conflict(
                        "--as-controller applies to this machine's agent: a controller asks for \
                         itself",
                    ));
                }
                Action::ExecCheck { remote, exec }
            }
            Self::Exec(exec) => {
                if exec.at.socket.is_some() {
                    return Err(Conflict("exec --socket requires --check"));
                }
                Action::Exec { remote: target.remote()?, exec }
            }
            Self::Status { json, at } => {
                let remote = target.agent(&at)?;
                Action::Status { at, json, remote }
            }
            Self::Task(task) => {
                let remote = target.agent(task.at())?;
                Action::Task { task, remote }
            }
            Self::Cron(cron) => {
                let remote = cron.remote(target)?;
                Action::Cron { cron, remote }
            }
        })
    }
}

impl PluginSub {
    fn action(self, target: Target) -> Result<Action, Conflict> {
        let dirs = target.plugin_dirs()?;
        Ok(match self {
            Self::List { json } => Action::List { dirs, json },
            Self::Describe { method, json } => Action::Describe { dirs, method, json },
            Self::New(new) => Action::New(new),
            Self::Check(check) => Action::Check(check),
        })
    }
}
