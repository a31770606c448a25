//! What can be asked of a controller.

use agent_wire::Method;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Defines [`Action`] and its names and summaries from one line per action.
macro_rules! actions {
    ($($variant:ident, $name:literal, $per_host:literal, $summary:literal;)+) => {
        /// Something that an operator can be allowed to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`: ", $summary, ".")] $variant,)+
        }

        impl Action {
            /// Every action, in the order of lists for people.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Returns the dotted name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Returns what it allows, in a few words.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)+ }
            }

            /// Returns whether it is done on hosts, so that a grant's selector limits it.
            pub const fn is_per_host(self) -> bool {
                match self { $(Self::$variant => $per_host,)+ }
            }
        }
    };
}

actions! {
    HostsRead, "hosts.read", true, "list hosts and look at them";
    HostsLabel, "hosts.label", true, "set and remove labels of hosts";
    HostsApprove, "hosts.approve", true, "approve hosts that wait for it";
    HostsQuarantine, "hosts.quarantine", true, "quarantine hosts and settle a quarantine";
    HostsRemove, "hosts.remove", true, "remove hosts, which may join again";
    HostsBan, "hosts.ban", true, "ban hosts for ever";
    CommandsRun, "commands.run", true, "run commands, tasks and cron jobs on hosts";
    FactsRead, "facts.read", true, "ask hosts for facts and for the state of their agents";
    ResultsRead, "results.read", true, "read the results of tasks and jobs";
    RunsRead, "runs.read", false, "list plans and runs, and follow them";
    BudgetsManage, "budgets.manage", false, "set and remove budgets of runs";
    SchedulesRead, "schedules.read", false, "list schedules of the fleet and look at them";
    SchedulesManage, "schedules.manage", false, "create, change and remove schedules of the fleet";
    TokensRead, "tokens.read", false, "list join tokens, without their secrets";
    TokensManage, "tokens.manage", false, "create and revoke join tokens";
    OperatorsRead, "operators.read", false, "list operators and their API tokens";
    OperatorsManage, "operators.manage", false, "create, change and remove operators";
    RolesRead, "roles.read", false, "list roles";
    RolesManage, "roles.manage", false, "create, change and remove roles";
    AuditRead, "audit.read", false, "read and verify the audit log";
    CaRead, "ca.read", false, "look at the CA's certificates and the state of a rotation";
    CaRotate, "ca.rotate", false, "rotate the CA";
    NodesManage, "nodes.manage", false, "drain nodes of the controller and remove those that ended";
    MetricsRead, "metrics.read", false, "read the controller's metrics";
}

impl Action {
    /// Returns the action that a request to an agent needs. The limits of roles on users and commands
    /// apply to all that need [`Action::CommandsRun`]: also to what acts on tasks and jobs of others,
    /// which are then out of reach.
    pub const fn of_method(method: &Method) -> Self {
        match method {
            Method::AgentInfo
            | Method::AgentMethods
            | Method::AgentPing
            | Method::AsyncList
            | Method::AsyncStatus
            | Method::CronList
            | Method::GetinfoAll
            | Method::Provider(_) => Self::FactsRead,
            Method::AsyncOutput | Method::CronHistory => Self::ResultsRead,
            Method::AsyncAck
            | Method::AsyncBash
            | Method::AsyncCancel
            | Method::CronRemove
            | Method::CronRun
            | Method::CronSet
            | Method::ExecCheck
            | Method::SyncBash
            | Method::SyncCancel
            | Method::CertRenewNow
            | Method::CertReset
            | Method::CertTrust
            | Method::Unknown(_) => Self::CommandsRun,
        }
    }
}

/// A set of actions. Its text form is a list of names; `hosts.*` stands for all that begin so, `*`
/// for all there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actions(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    All,
    /// With its dot at the end.
    Family(String),
    One(Action),
}

/// A text that names no action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction(String);

impl Actions {
    /// Returns the set of every action, also of those that later versions add.
    pub fn all() -> Self {
        Self(vec![Pattern::All])
    }

    /// Returns the set of these actions.
    pub fn of(actions: &[Action]) -> Self {
        Self(actions.iter().copied().map(Pattern::One).collect())
    }

    /// Returns whether the action is in the set.
    pub fn contains(&self, action: Action) -> bool {
        self.0.iter().any(|pattern| match pattern {
            Pattern::All => true,
            Pattern::Family(start) => action.name().starts_with(start.as_str()),
            Pattern::One(one) => *one == action,
        })
    }

    /// Returns whether no action is in the set.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the actions in the set.
    pub fn iter(&self) -> impl Iterator<Item = Action> {
        let set: BTreeSet<Action> = Action::ALL.into_iter().filter(|a| self.contains(*a)).collect();
        set.into_iter()
    }
}

impl FromStr for Pattern {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix('*') {
            Some(start)
                if start.ends_with('.')
                    && Action::ALL.iter().any(|action| action.name().starts_with(start)) =>
            {
                Ok(Self::Family(start.to_owned()))
            }
            _ => text.parse().map(Self::One),
        }
    }
}

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        let found = Self::ALL.into_iter().find(|action| action.name() == text);
        found.ok_or_else(|| UnknownAction(text.to_owned()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Family(start) => write!(f, "{start}*"),
            Self::One(action) => action.fmt(f),
        }
    }
}

impl fmt::Display for UnknownAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an action; the actions are ", self.0)?;
        for (place, action) in Action::ALL.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{action}")?;
        }
        f.write_str(", each family as \"hosts.*\", and \"*\" for all")
    }
}

impl std::error::Error for UnknownAction {}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Actions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

impl<'de> Deserialize<'de> for Actions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let patterns = texts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        patterns.map(Self).map_err(D::Error::custom)
    }
}
