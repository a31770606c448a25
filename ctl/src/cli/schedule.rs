//! The flags of `schedule`.

use super::hosts::Yes;
use super::number::whole;
use crate::print::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The longest forecast, in hours.
const MAX_HOURS: u64 = controller_api::MAX_FORECAST_HOURS as u64;

/// The subcommands of `schedule`.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    /// Show the difference that files make, ask, then apply it
    Apply(ScheduleApply),
    /// Show the difference that files would make
    Diff(ScheduleFiles),
    /// List the schedules
    List(Output),
    /// Show a schedule
    Show(ScheduleName),
    /// Show how a schedule stands on each host
    Hosts(ScheduleHosts),
    /// Show the versions of a schedule and their authors
    History(ScheduleName),
    /// Show the newest results of a schedule's runs on all hosts
    Results(ScheduleName),
    /// Compare the jobs of connected hosts with the schedules now, and repair differences
    Check(ScheduleCheck),
    /// Show all runs of the coming hours: load, collisions, and schedules that never run
    Forecast(ScheduleForecast),
    /// Remove a schedule from the controller and from its hosts
    Remove(ScheduleRemove),
}

/// The files of schedules.
#[derive(Debug, Args)]
pub(crate) struct ScheduleFiles {
    /// A file in TOML or JSON, a directory of such files, or - for TOML on standard input; repeatable
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Remove all schedules that are not in the files
    #[arg(long)]
    pub(crate) prune: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `schedule apply`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleApply {
    #[command(flatten)]
    pub(crate) files: ScheduleFiles,
    /// Show the difference only
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The flags of `schedule show`, `history` and `results`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleName {
    /// The schedule's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `schedule hosts`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleHosts {
    /// The schedule's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Only hosts in this state: applied, pending, refused, not_allowed, failed, removing
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `schedule check`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleCheck {
    /// Only hosts with matching labels: env=prod,role in (web,db),!legacy
    #[arg(
        short = 'l',
        long,
        value_name = "SELECTOR",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) selector: String,
}

/// The flags of `schedule forecast`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleForecast {
    /// The hours from now on, at most 168
    #[arg(long, value_name = "N", default_value = "24", value_parser = whole::<1, MAX_HOURS>)]
    pub(crate) hours: u64,
    /// Only hosts with matching labels: env=prod,role in (web,db),!legacy
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
    /// Do not ask hosts for their own jobs and crontabs
    #[arg(long)]
    pub(crate) schedules_only: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `schedule remove`.
#[derive(Debug, Args)]
pub(crate) struct ScheduleRemove {
    /// The schedule's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// Parses a state, so that a mistake is reported before anything is sent.
fn state(text: &str) -> Result<String, String> {
    use fleet::schedule::standing::Standing;
    let names = Standing::ALL.map(Standing::name);
    match names.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("the states are {}", names.join(", "))),
    }
}
