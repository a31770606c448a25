//! The flags of `audit` and `ca`.

use super::hosts::Yes;
use crate::print::Output;
use crate::suggest;
use clap::{Args, Subcommand, ValueEnum};
use controller_api::RotationStep;
use fleet::Action;

/// The flags of `audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) verify: Option<AuditSub>,

    /// Wait for further events and print them as they happen, until Ctrl-C
    #[arg(short = 'f', long)]
    pub(crate) follow: bool,

    /// Only events about this host: the global --host
    #[arg(skip)]
    pub(crate) host: Option<String>,

    /// Only what this operator did
    #[arg(long, value_name = "NAME")]
    pub(crate) actor: Option<String>,

    /// Only events of this action, such as commands.run
    #[arg(long, value_name = "ACTION", value_parser = action)]
    pub(crate) action: Option<String>,

    /// Only events since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The subcommands of `audit`.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditSub {
    /// Check that no event was changed, added or removed
    Verify(Output),
}

/// The subcommands of `ca`.
#[derive(Debug, Subcommand)]
pub(crate) enum Ca {
    /// Show the CA's certificates, where a rotation stands, and which hosts are missing
    Status(Output),
    /// Take a step of a rotation
    Rotate(CaRotate),
}

/// The flags of `ca rotate`.
#[derive(Debug, Args)]
pub(crate) struct CaRotate {
    /// The step
    #[arg(value_name = "STEP", value_enum)]
    pub(crate) step: Step,
    /// Take the step though fewer hosts than required are ready: the others must join again
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The steps of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Make the new root and send it to every host
    Init,
    /// Sign with the new CA from now on
    Issue,
    /// Remove the old root
    Retire,
    /// Go back to the old root
    Abort,
}

impl From<Step> for RotationStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Init => Self::Init,
            Step::Issue => Self::Issue,
            Step::Retire => Self::Retire,
            Step::Abort => Self::Abort,
        }
    }
}

/// The actions of events that no role names.
const UNGRANTED: [&str; 7] =
    ["facts.refresh", "login", "logout", "runs.apply", "runs.cancel", "runs.plan", "setup"];

/// Parses the name of an event's action.
fn action(text: &str) -> Result<String, String> {
    if UNGRANTED.contains(&text) {
        return Ok(text.to_owned());
    }
    text.parse::<Action>().map(|action| action.name().to_owned()).map_err(|why| {
        let known = Action::ALL.iter().map(|action| action.name()).chain(UNGRANTED);
        let known = known.map(str::to_owned);
        format!("{why}{}", suggest::nearest(text, known))
    })
}
