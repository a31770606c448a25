//! What changes, as it changes: for pages that stay open.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// The query of the stream of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LiveQuery {
    /// The kinds to hear of, with commas between them; all that the operator may read without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "hosts,runs")]
    pub kinds: Option<String>,
    /// The run to hear of, instead of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The host to hear of, instead of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The data of the event `changed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveChange {
    /// The kinds of which something has changed.
    pub kinds: Vec<LiveKind>,
}

/// A kind of things that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LiveKind {
    /// Hosts: who is connected, states and labels.
    Hosts,
    /// Plans, runs, and budgets.
    Runs,
    /// Schedules of the fleet.
    Schedules,
    /// Facts of hosts.
    Facts,
    /// Join tokens.
    Tokens,
    /// Operators, roles and API tokens.
    People,
    /// The audit log.
    Events,
}

impl LiveKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Hosts,
        Self::Runs,
        Self::Schedules,
        Self::Facts,
        Self::Tokens,
        Self::People,
        Self::Events,
    ];

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Runs => "runs",
            Self::Schedules => "schedules",
            Self::Facts => "facts",
            Self::Tokens => "tokens",
            Self::People => "people",
            Self::Events => "events",
        }
    }
}
