//! Grants, roles, and the roles that every controller has.

use super::action::{Action, Actions};
use super::command::CommandPattern;
use crate::Selector;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most grants of one role.
pub const MAX_GRANTS: usize = 64;

/// The most users, and the most commands, of one grant.
pub const MAX_PATTERNS: usize = 256;

/// The most characters of a role's name.
const MAX_ROLE_NAME: usize = 63;

/// The most characters of a role's description.
const MAX_DESCRIPTION: usize = 512;

/// Some actions on some hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The actions that it allows.
    pub actions: Actions,
    /// The hosts that it allows them on; every host if empty.
    #[serde(default)]
    pub selector: Selector,
    /// The accounts that commands may run as; any if `None`. A request must then name its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// The commands that may run; any if `None`. A request must then bring no environment, working
    /// directory or input, by which a plain command can be made to do anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<CommandPattern>>,
}

/// A named list of grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The name, which operators are given.
    pub name: String,
    /// What the role is for.
    #[serde(default)]
    pub description: String,
    /// What the role allows. Each grant allows by itself.
    pub grants: Vec<Grant>,
}

/// Why a role is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleError {
    /// The name is empty, too long, or has other characters than lower-case names have.
    Name(String),
    /// The name belongs to a built-in role.
    BuiltIn(String),
    /// The description is too long or has more than one line.
    Description,
    /// It has no grant, or too many.
    Grants,
    /// The grant with this number, counted from 1, allows no action.
    NoActions(usize),
    /// The grant with this number names no user, an empty one, or too many.
    Users(usize),
    /// The grant with this number names no command or too many.
    Commands(usize),
    /// The grant with this number limits users or commands but does not allow `commands.run`.
    Pointless(usize),
}

impl Grant {
    /// Returns the grant of these actions on every host, as any user, with any command.
    pub fn everywhere(actions: Actions) -> Self {
        Self { actions, selector: Selector::default(), users: None, commands: None }
    }
}

impl Role {
    /// The names of the built-in roles.
    pub const BUILT_IN: [&str; 3] = ["viewer", "operator", "admin"];

    /// Returns the built-in role with this name.
    pub fn built_in(name: &str) -> Option<Self> {
        use Action as A;
        let viewer = [
            A::HostsRead,
            A::FactsRead,
            A::ResultsRead,
            A::RunsRead,
            A::SchedulesRead,
            A::TokensRead,
            A::OperatorsRead,
            A::RolesRead,
            A::CaRead,
            A::MetricsRead,
        ];
        let operator =
            [viewer.as_slice(), &[A::HostsLabel, A::CommandsRun, A::SchedulesManage]].concat();
        let (description, actions) = match name {
            "viewer" => ("looks at everything but the audit log", Actions::of(&viewer)),
            "operator" => (
                "a viewer who also labels hosts, runs commands and keeps schedules",
                Actions::of(&operator),
            ),
            "admin" => ("may do everything", Actions::all()),
            _ => return None,
        };
        let grants = vec![Grant::everywhere(actions)];
        Some(Self { name: name.to_owned(), description: description.to_owned(), grants })
    }

    /// Checks a role that an operator wrote.
    ///
    /// # Errors
    /// When something in it is beyond its bound or could not be meant.
    pub fn check(&self) -> Result<(), RoleError> {
        let is_named = |name: &str| {
            (1..=MAX_ROLE_NAME).contains(&name.len())
                && name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !is_named(&self.name) {
            return Err(RoleError::Name(self.name.clone()));
        }
        if Self::BUILT_IN.contains(&self.name.as_str()) {
            return Err(RoleError::BuiltIn(self.name.clone()));
        }
        if self.description.chars().count() > MAX_DESCRIPTION
            || self.description.contains(char::is_control)
        {
            return Err(RoleError::Description);
        }
        if !(1..=MAX_GRANTS).contains(&self.grants.len()) {
            return Err(RoleError::Grants);
        }
        self.grants.iter().zip(1..).try_for_each(|(grant, number)| grant.check(number))
    }
}

impl Grant {
    fn check(&self, number: usize) -> Result<(), RoleError> {
        let counts = 1..=MAX_PATTERNS;
        if self.actions.is_empty() {
            return Err(RoleError::NoActions(number));
        }
        if let Some(users) = &self.users
            && (!counts.contains(&users.len()) || users.iter().any(String::is_empty))
        {
            return Err(RoleError::Users(number));
        }
        if let Some(commands) = &self.commands
            && !counts.contains(&commands.len())
        {
            return Err(RoleError::Commands(number));
        }
        let limits = self.users.is_some() || self.commands.is_some();
        if limits && !self.actions.contains(Action::CommandsRun) {
            return Err(RoleError::Pointless(number));
        }
        Ok(())
    }
}

impl fmt::Display for RoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "{name:?} is not a role's name; one has 1 to {MAX_ROLE_NAME} lower-case letters, \
                 digits or \"-\", the first a letter"
            ),
            Self::BuiltIn(name) => {
                write!(
                    f,
                    "the role {name:?} is built in and cannot be changed; choose another name"
                )
            }
            Self::Description => {
                write!(
                    f,
                    "a role's description is one line of at most {MAX_DESCRIPTION} characters"
                )
            }
            Self::Grants => write!(f, "a role has 1 to {MAX_GRANTS} grants"),
            Self::NoActions(number) => write!(f, "grant {number} has no actions"),
            Self::Users(number) => write!(
                f,
                "grant {number}: users has 1 to {MAX_PATTERNS} names; leave it out for any user"
            ),
            Self::Commands(number) => write!(
                f,
                "grant {number}: commands has 1 to {MAX_PATTERNS} texts; leave it out for any \
                 command"
            ),
            Self::Pointless(number) => {
                write!(f, "grant {number}: users and commands need the action commands.run")
            }
        }
    }
}

impl std::error::Error for RoleError {}
