//! The flags of `hosts` and `host`.

use crate::print::Output;
use clap::{Args, Subcommand, ValueEnum};
use controller_api::{HostState, SettleChoice};
use fleet::{LabelKey, LabelValue};

/// The flags of `hosts`.
#[derive(Debug, Args)]
pub(crate) struct Hosts {
    /// Only hosts with matching labels: env=prod,role in (web,db),!legacy
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,

    /// Only hosts in this state: active, pending, quarantined, banned
    #[arg(long, value_name = "STATE", value_enum, hide_possible_values = true)]
    pub(crate) state: Option<State>,

    /// Only hosts that are connected now
    #[arg(long, conflicts_with = "offline")]
    pub(crate) online: bool,

    /// Only hosts that are not connected now
    #[arg(long)]
    pub(crate) offline: bool,

    /// Print a row again when it changes, until Ctrl-C
    #[arg(short = 'w', long)]
    pub(crate) watch: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The states of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    Active,
    Pending,
    Quarantined,
    Banned,
}

impl From<State> for HostState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Pending => Self::Pending,
            State::Quarantined => Self::Quarantined,
            State::Banned => Self::Banned,
        }
    }
}

/// The subcommands of `host`.
#[derive(Debug, Subcommand)]
pub(crate) enum Host {
    /// Show all that the controller knows about a host
    Show(HostShow),
    /// Set labels with KEY=VALUE, and remove them with KEY-
    Label(HostLabel),
    /// Approve hosts that wait for it
    Approve(HostNames),
    /// Remove hosts; they may join again with a token
    Remove(HostRemove),
    /// Refuse the keys of hosts for ever
    Ban(HostBan),
    /// Keep hosts connected, but send them nothing
    Quarantine(HostQuarantine),
    /// End a quarantine after a clone or a restored snapshot was detected
    Settle(HostSettle),
}

/// The flags of `host show`.
#[derive(Debug, Args)]
pub(crate) struct HostShow {
    /// The host's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `host label`.
#[derive(Debug, Args)]
pub(crate) struct HostLabel {
    /// The host's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// KEY=VALUE sets a label, KEY- removes it
    #[arg(value_name = "CHANGE", required = true, value_parser = label_change)]
    pub(crate) changes: Vec<Change>,
}

/// A change of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(String, String),
    Remove(String),
}

/// The ids of some hosts.
#[derive(Debug, Args)]
pub(crate) struct HostNames {
    /// The hosts' ids
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<String>,
}

/// The flag that answers the question.
#[derive(Debug, Args)]
pub(crate) struct Yes {
    /// Do it without asking
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
}

/// The flags of `host remove`.
#[derive(Debug, Args)]
pub(crate) struct HostRemove {
    #[command(flatten)]
    pub(crate) names: HostNames,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The flags of `host ban`.
#[derive(Debug, Args)]
pub(crate) struct HostBan {
    #[command(flatten)]
    pub(crate) names: HostNames,
    /// The reason, for whoever looks at the host later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The flags of `host quarantine`.
#[derive(Debug, Args)]
pub(crate) struct HostQuarantine {
    #[command(flatten)]
    pub(crate) names: HostNames,
    /// The reason, for whoever looks at the host later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// The flags of `host settle`.
#[derive(Debug, Args)]
pub(crate) struct HostSettle {
    /// The host's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The choice
    #[arg(value_name = "CHOICE", value_enum)]
    pub(crate) choice: Settle,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// The ways to end a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Settle {
    /// The channel with the current key is the host; others must enroll again
    Keep,
    /// The host was restored from a snapshot: its older key is its key again
    Restored,
    /// The other machine sets the identity aside and enrolls again
    EnrollAgain,
}

impl From<Settle> for SettleChoice {
    fn from(choice: Settle) -> Self {
        match choice {
            Settle::Keep => Self::Keep,
            Settle::Restored => Self::Restored,
            Settle::EnrollAgain => Self::EnrollAgain,
        }
    }
}

fn label_change(text: &str) -> Result<Change, String> {
    match text.split_once('=') {
        Some((key, value)) => Ok(Change::Set(checked_key(key)?, checked_value(value)?)),
        None => match text.strip_suffix('-') {
            Some(key) => checked_key(key).map(Change::Remove),
            None => Err("must be KEY=VALUE, or KEY- to remove the label".to_owned()),
        },
    }
}

fn checked_key(key: &str) -> Result<String, String> {
    LabelKey::new(key).map(|key| key.as_str().to_owned()).map_err(|why| why.to_string())
}

fn checked_value(value: &str) -> Result<String, String> {
    LabelValue::new(value).map(|value| value.as_str().to_owned()).map_err(|why| why.to_string())
}

/// Parses `KEY=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match label_change(text)? {
        Change::Set(key, value) => Ok((key, value)),
        Change::Remove(_) => Err("must be KEY=VALUE".to_owned()),
    }
}
