//! The command line: its flags and the action that they describe.
//!
//! `flags` is the top level and `sub` its subcommands; `target` chooses plugins, controller and host; `account`, `hosts`,
//! `token`, `operator`, `audit`, `run`, `history`, `node`, `facts`, `command`, `task` and `cron` are the flags of
//! the subcommands;
//! `number` parses numbers and times; `help` trims the help and adds the `examples`; `action` is the
//! result.

mod account;
mod action;
mod audit;
mod command;
mod complete;
mod cron;
mod examples;
mod facts;
mod flags;
mod help;
mod history;
mod hosts;
mod node;
mod number;
mod operator;
mod run;
mod schedule;
mod sub;
mod target;
mod task;
mod token;

pub(crate) use account::{ContextName, Contexts, Login, Logout, Password, Setup};
pub(crate) use action::{Action, Fleet, Remote};
pub(crate) use audit::{Audit, AuditSub, Ca, CaRotate};
pub(crate) use command::{Command, Exec};
pub(crate) use complete::{Complete, Kind};
pub(crate) use cron::{
    Cron, CronCheck, CronExplain, CronHistory, CronJob, CronList, CronNext, CronSet, CronWhen,
};
pub(crate) use facts::{
    Facts, FactsCertificates, FactsChanges, FactsCount, FactsDiff, FactsPackage, FactsRefresh,
    FactsService, FactsShow, FactsWhere,
};
pub(crate) use flags::Cli;
pub(crate) use history::{Budget, BudgetSet, Filter, History, HistoryExport, HistorySub};
pub(crate) use hosts::{Change, Host, HostLabel, Hosts};
pub(crate) use node::Node;
pub(crate) use number::duration;
pub(crate) use operator::{ApiToken, ApiTokenCreate, Operator, OperatorCreate, Role, RoleSet};
pub(crate) use run::{
    Between, Going, Run, RunAbout, RunAgain, RunApply, RunCancel, RunList, RunOutput, RunPhase,
    RunStart, RunSub, RunTargets,
};
pub(crate) use schedule::{Schedule, ScheduleApply, ScheduleFiles, ScheduleForecast, ScheduleName};
pub(crate) use task::{About, Output, Submit, Task, TaskList, TaskResult};
pub(crate) use token::{Token, TokenCreate, TokenRevoke};
