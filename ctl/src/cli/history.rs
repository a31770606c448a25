//! The flags of `history` and `budget`.

use super::hosts::Yes;
use super::number::whole;
use super::run::{Between, state};
use crate::print::Output;
use clap::{Args, Subcommand};
use controller_api::TargetState;

/// The flags of `history`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct History {
    #[command(subcommand)]
    pub(crate) export: Option<HistorySub>,

    #[command(flatten)]
    pub(crate) filter: Filter,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags that choose a part of the history.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only this run
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,

    /// Only this host: the global --host
    #[arg(skip)]
    pub(crate) host: Option<String>,

    /// Only runs that this operator applied
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// Only hosts in this state, such as failed or refused
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<TargetState>,

    #[command(flatten)]
    pub(crate) between: Between,
}

/// The subcommands of `history`.
#[derive(Debug, Subcommand)]
pub(crate) enum HistorySub {
    /// Print the whole history, one JSON object per line
    Export(HistoryExport),
}

/// The flags of `history export`.
#[derive(Debug, Args)]
pub(crate) struct HistoryExport {
    /// One JSON object per line, which is the only format
    #[arg(long)]
    pub(crate) jsonl: bool,

    /// With the agents' whole results, output included
    #[arg(long)]
    pub(crate) results: bool,

    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// The subcommands of `budget`.
#[derive(Debug, Subcommand)]
pub(crate) enum Budget {
    /// List the budgets
    List(Output),
    /// Make a budget, or change it
    Set(BudgetSet),
    /// Remove a budget
    Remove(BudgetRemove),
}

/// The flags of `budget set`.
#[derive(Debug, Args)]
pub(crate) struct BudgetSet {
    /// The budget's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The hosts with matching labels: role=db; '' for all
    #[arg(short = 'l', long, value_name = "SELECTOR", required = true)]
    pub(crate) selector: String,

    /// How many of them may be at work at once, over all runs
    #[arg(long, value_name = "COUNT", required = true, value_parser = whole::<1, 1_000_000>)]
    pub(crate) limit: u64,
}

/// The flags of `budget remove`.
#[derive(Debug, Args)]
pub(crate) struct BudgetRemove {
    /// The budget's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) yes: Yes,
}
