//! The flags of `run`.

use super::Command;
use super::hosts::Yes;
use super::number::{count, duration};
use crate::print::Output;
use agent_wire::message::MAX_TASK_TIMEOUT;
use clap::{Args, Subcommand, ValueEnum};
use controller_api::{Amount, MAX_SOAK_SECONDS, TargetState, Tolerance};
use serde_json::Value;
use std::path::PathBuf;

/// The heading of the flags that control the pace of a run.
const PACE: &str = "How the run goes on";

/// The heading of the flags of a request other than a command.
const REQUEST: &str = "Another request than a command";

/// The longest time that `--window` may name, in seconds.
const MAX_WINDOW: u64 = 3600;

/// The flags of `run`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(mut_arg("words", |words| words.required(false)))]
pub(crate) struct Run {
    #[command(subcommand)]
    pub(crate) sub: Option<RunSub>,

    #[command(flatten)]
    pub(crate) start: RunStart,
}

/// The flags of a new run.
#[derive(Debug, Args)]
pub(crate) struct RunStart {
    /// The hosts with matching labels: env=prod,role in (web,db); '' for all. Or name them with
    /// --host
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// The hosts by id: the global --host
    #[arg(skip)]
    pub(crate) hosts: Vec<String>,

    #[command(flatten)]
    pub(crate) command: Command,

    /// Kill the command after this time: 90s, 30m, 24h [default: none]
    #[arg(long, value_name = "TIME", value_parser = duration::<1, MAX_TASK_TIMEOUT>)]
    pub(crate) timeout: Option<u64>,

    /// Upgrade this package of the agent instead of running a command: basicagent=1.2.3-1. A host
    /// whose new agent does not connect puts the old one back by itself
    #[arg(long, value_name = "PACKAGE=VERSION", conflicts_with_all = ["words", "method"],
        value_parser = upgrade, help_heading = REQUEST)]
    pub(crate) upgrade: Option<String>,

    /// How long a host waits for its new agent to connect [default: 120s]
    #[arg(long, value_name = "TIME", value_parser = duration::<20, MAX_WINDOW>,
        requires = "upgrade", help_heading = REQUEST)]
    pub(crate) window: Option<u64>,

    /// Ask for this method instead of a command: getinfo.kernel, cron.set, async.cancel, …
    #[arg(long, value_name = "METHOD", conflicts_with = "words", help_heading = REQUEST)]
    pub(crate) method: Option<String>,

    /// The arguments of a getinfo method, as one string
    #[arg(long, value_name = "ARGUMENTS", requires = "method", allow_hyphen_values = true,
        help_heading = REQUEST)]
    pub(crate) args: Option<String>,

    /// A field of the method: NAME=TEXT, or NAME=JSON for anything else; repeatable
    #[arg(long, value_name = "NAME=VALUE", requires = "method", value_parser = field,
        help_heading = REQUEST)]
    pub(crate) field: Vec<(String, Value)>,

    #[command(flatten)]
    pub(crate) pace: Pace,

    /// Show the plan and start nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) plan: bool,

    #[command(flatten)]
    pub(crate) going: Going,
}

/// The flags that control the pace of a run.
#[derive(Debug, Args)]
pub(crate) struct Pace {
    /// How many hosts each stage reaches together with the stages before it: 1,10%,100% [default:
    /// all at once]
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = PACE)]
    pub(crate) stages: Vec<Amount>,

    /// Wait this long between two stages: 30s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration::<0, MAX_SOAK_SECONDS>,
        help_heading = PACE)]
    pub(crate) soak: Option<u64>,

    /// Begin the next stage only if at most this many hosts of the last failed: a number, 5%, none
    /// [default: as --stop-after]
    #[arg(long, value_name = "AMOUNT", help_heading = PACE)]
    pub(crate) max_failed: Option<Tolerance>,

    /// Send nothing more once more hosts than this have failed: a number, 5%, or none [default: 0]
    #[arg(long, value_name = "AMOUNT", help_heading = PACE)]
    pub(crate) stop_after: Option<Tolerance>,

    /// How many hosts work at once: a number, or 10% [default: 500]
    #[arg(long, value_name = "AMOUNT", help_heading = PACE)]
    pub(crate) concurrency: Option<Amount>,

    /// Start with that many at once, instead of with 1 host, then 2, 4, …
    #[arg(long, help_heading = PACE)]
    pub(crate) no_ramp: bool,

    /// Start no host after this: in 1h, or at 2026-01-31T12:00:00Z [default: 1h]
    #[arg(long, value_name = "TIME", help_heading = PACE)]
    pub(crate) not_after: Option<String>,

    /// Refuse hosts that are offline instead of waiting for them
    #[arg(long, help_heading = PACE)]
    pub(crate) no_wait: bool,
}

/// The flags of everything that starts a run.
#[derive(Debug, Args)]
pub(crate) struct Going {
    #[command(flatten)]
    pub(crate) yes: Yes,

    /// Start the run and do not wait for its end
    #[arg(short = 'd', long)]
    pub(crate) detach: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The subcommands of `run`.
#[derive(Debug, Subcommand)]
pub(crate) enum RunSub {
    /// List runs, newest first
    List(RunList),
    /// Show a run, or a plan that is not applied
    Show(RunAbout),
    /// List the hosts of a run: how each ended, and why
    Targets(RunTargets),
    /// Print the hosts' outputs, equal ones once; with --host, one host's whole output
    Output(RunOutput),
    /// Start a plan that run --plan has made
    Apply(RunApply),
    /// Send nothing more, and cancel the commands that run
    Cancel(RunCancel),
    /// Plan and run the same on the hosts that did not succeed
    Again(RunAgain),
    /// Follow a run to its end
    Watch(RunAbout),
}

/// The flags of `run list`.
#[derive(Debug, Args)]
pub(crate) struct RunList {
    /// Only runs in this state; plans that are not applied are listed only with "planned"
    #[arg(long, value_name = "STATE", value_enum)]
    pub(crate) state: Option<RunPhase>,

    /// Only runs of this operator
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,

    /// Only runs on this host: the global --host
    #[arg(skip)]
    pub(crate) host: Option<String>,

    #[command(flatten)]
    pub(crate) between: Between,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags that choose a time.
#[derive(Debug, Args)]
pub(crate) struct Between {
    /// Only since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Only before then, likewise
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,

    /// Print at most this many, the newest [default: 100]
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = count::<1, 10_000>)]
    pub(crate) limit: Option<u16>,
}

/// The states of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunPhase {
    Planned,
    Running,
    Stopping,
    Ended,
}

/// The flags of a subcommand about one run.
#[derive(Debug, Args)]
pub(crate) struct RunAbout {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `run targets`.
#[derive(Debug, Args)]
pub(crate) struct RunTargets {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,

    /// Only hosts in this state, such as failed, refused or running
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<TargetState>,

    /// Only hosts of this stage, from 1
    #[arg(long, value_name = "NUMBER", value_parser = count::<1, 32>)]
    pub(crate) stage: Option<u16>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `run output`.
#[derive(Debug, Args)]
pub(crate) struct RunOutput {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,

    /// The host whose whole output is printed: the global --host
    #[arg(skip)]
    pub(crate) host: Option<String>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `run apply`.
#[derive(Debug, Args)]
pub(crate) struct RunApply {
    /// The plan's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,

    /// Send the hosts the signature of the plan's hash in this file; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) going: Going,
}

/// The flags of `run cancel`.
#[derive(Debug, Args)]
pub(crate) struct RunCancel {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The flags of `run again`.
#[derive(Debug, Args)]
pub(crate) struct RunAgain {
    /// The run's id
    #[arg(value_name = "RUN")]
    pub(crate) id: String,

    /// Only the hosts that ended in these states: failed,expired [default: all but succeeded]
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = end_state)]
    pub(crate) state: Vec<TargetState>,

    /// Show the plan and start nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) plan: bool,

    #[command(flatten)]
    pub(crate) going: Going,
}

/// Parses `NAME=VALUE`; a value that is no JSON is a text.
fn field(text: &str) -> Result<(String, Value), &'static str> {
    match text.split_once('=') {
        Some(("method" | "id", _)) => Err("is not a field: the run sets id, --method the method"),
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((name.to_owned(), value))
        }
        _ => Err("must be NAME=VALUE"),
    }
}

/// Returns the version of `basicagent=VERSION`, as package managers write it.
fn upgrade(text: &str) -> Result<String, &'static str> {
    let Some(version) = text.strip_prefix("basicagent=") else {
        return Err("must be basicagent=VERSION");
    };
    let is_version = version.starts_with(|first: char| first.is_ascii_alphanumeric())
        && version.chars().all(|c| c.is_ascii_alphanumeric() || ".+~:-_^".contains(c));
    if !is_version {
        return Err("must name a version of the package, such as basicagent=1.2.3-1");
    }
    Ok(version.to_owned())
}

/// Parses the name of a target's state.
pub(super) fn state(text: &str) -> Result<TargetState, String> {
    let found = TargetState::ALL.into_iter().find(|state| state.name() == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = TargetState::ALL.into_iter().map(TargetState::name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

fn end_state(text: &str) -> Result<TargetState, String> {
    match state(text)? {
        state if state.is_end() => Ok(state),
        state => Err(format!("{} is no end: wait for the run, or cancel it", state.name())),
    }
}
