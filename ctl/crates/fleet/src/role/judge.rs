//! Grants and a question to a verdict.

use super::action::Action;
use super::grant::Grant;
use crate::{Labels, Selector};
use std::fmt;

/// Something that an operator wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// What it is.
    pub action: Action,
    /// The host that it is done on. For an action on hosts, `None` asks whether it is allowed on
    /// any host at all; [`reach`] says on which.
    pub host: Option<Host<'a>>,
    /// The command that the request brings, if it brings one.
    pub command: Option<Command<'a>>,
}

/// A host, as a selector sees it.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The host id.
    pub id: &'a str,
    /// Its labels.
    pub labels: &'a Labels,
}

/// A command in a request.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The user that it names.
    pub user: Option<&'a str>,
    /// The group that it names.
    pub group: Option<&'a str>,
    /// The text.
    pub text: &'a str,
    /// Whether the request sets environment variables or a working directory, or brings input for
    /// the command: by each, a plain command can be made to do anything.
    pub brings_more: bool,
}

/// Why no grant allows a question: how far the best one goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    /// No grant has the action.
    Action(Action),
    /// No grant with the action selects the host.
    Host(Action),
    /// Those that do are for other users, or the request names none.
    User,
    /// Those are for other groups than the user's own.
    Group,
    /// Those are for other commands.
    Command,
    /// Those allow the command without environment, working directory and input only.
    More,
}

/// On which hosts an operator may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach<'a> {
    /// On none.
    Nothing,
    /// On all.
    Everything,
    /// On those that one of these selects.
    Selected(Vec<&'a Selector>),
}

/// Returns whether one of the grants covers the whole question.
///
/// # Errors
/// When none does.
pub fn judge<'a>(grants: impl IntoIterator<Item = &'a Grant>, ask: &Ask<'_>) -> Result<(), Denied> {
    let mut best = Denied::Action(ask.action);
    for grant in grants {
        match grant.covers(ask) {
            Ok(()) => return Ok(()),
            Err(denied) => best = best.max(denied),
        }
    }
    Err(best)
}

/// Returns the hosts on which the grants allow an action, for lists.
pub fn reach<'a>(grants: impl IntoIterator<Item = &'a Grant>, action: Action) -> Reach<'a> {
    let mut selectors = Vec::new();
    for grant in grants.into_iter().filter(|grant| grant.actions.contains(action)) {
        if grant.selector.is_everything() {
            return Reach::Everything;
        }
        if !selectors.contains(&&grant.selector) {
            selectors.push(&grant.selector);
        }
    }
    if selectors.is_empty() { Reach::Nothing } else { Reach::Selected(selectors) }
}

impl Reach<'_> {
    /// Returns the selectors of which one must match a host, or `None` if it reaches every host.
    pub fn selectors(&self) -> Option<Vec<Selector>> {
        match self {
            Self::Nothing => Some(Vec::new()),
            Self::Everything => None,
            Self::Selected(selectors) => Some(selectors.iter().copied().cloned().collect()),
        }
    }

    /// Returns whether it reaches the host.
    pub fn covers(&self, host: Host<'_>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Selected(selectors) => {
                selectors.iter().any(|selector| selector.matches(host.id, host.labels))
            }
        }
    }
}

impl Grant {
    fn covers(&self, ask: &Ask<'_>) -> Result<(), Denied> {
        if !self.actions.contains(ask.action) {
            return Err(Denied::Action(ask.action));
        }
        if let Some(host) = ask.host
            && ask.action.is_per_host()
            && !self.selector.matches(host.id, host.labels)
        {
            return Err(Denied::Host(ask.action));
        }
        ask.command.map_or(Ok(()), |command| self.covers_command(&command))
    }

    fn covers_command(&self, command: &Command<'_>) -> Result<(), Denied> {
        if let Some(users) = &self.users {
            if !users.iter().any(|user| Some(user.as_str()) == command.user) {
                return Err(Denied::User);
            }
            if command.group.is_some() {
                return Err(Denied::Group);
            }
        }
        if let Some(patterns) = &self.commands {
            if !patterns.iter().any(|pattern| pattern.covers(command.text)) {
                return Err(Denied::Command);
            }
            if command.brings_more {
                return Err(Denied::More);
            }
        }
        Ok(())
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(action) => write!(f, "your roles do not allow {action}"),
            Self::Host(action) => write!(f, "your roles do not allow {action} on this host"),
            Self::User => f.write_str(
                "your roles do not allow commands as this user; name one that they allow",
            ),
            Self::Group => f.write_str(
                "your roles allow commands with the user's own group only; leave it out",
            ),
            Self::Command => f.write_str("your roles do not allow this command"),
            Self::More => f.write_str(
                "your roles allow this command without environment variables, working directory and \
                 input only",
            ),
        }
    }
}

impl std::error::Error for Denied {}
