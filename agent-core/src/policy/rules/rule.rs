//! One rule: its conditions, and whether a request meets them.

use super::account::{Account, RunAs};
use super::command::{Allowed, Denied, Text};
use super::pattern::{Controller, MethodPattern};
use super::policy::{Refusal, Subject};
use agent_wire::message::Bash;

/// A rule's effect, with the conditions that only such rules have.
#[derive(Debug)]
pub(super) enum Action {
    Allow {
        commands: Option<Allowed>,
        /// Variables that a request may set beside an allowed command.
        env: Vec<String>,
        /// Whether the request may set stdin.
        stdin: bool,
    },
    Deny {
        commands: Option<Denied>,
    },
}

/// A rule. All of its conditions must hold; a list holds when one of its items does.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its name, or its number as `rule 3`.
    pub(super) name: String,
    pub(super) reason: Option<String>,
    pub(super) action: Action,
    pub(super) methods: Option<Vec<MethodPattern>>,
    pub(super) controllers: Option<Vec<Controller>>,
    pub(super) users: Option<Vec<Account>>,
    pub(super) groups: Option<Vec<Account>>,
}

/// Whether a rule matches a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Yes,
    No,
    /// Unknown until the account is known.
    Unknown,
}

impl Rule {
    pub(super) fn is_allow(&self) -> bool {
        matches!(self.action, Action::Allow { .. })
    }

    pub(super) fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().flatten().filter_map(MethodPattern::own)
    }

    pub(super) fn refusal(&self) -> Refusal {
        Refusal { rule: self.name.clone(), reason: self.reason.clone() }
    }

    /// Returns whether the rule matches; `text` is the command's.
    pub(super) fn matches(
        &self,
        subject: Subject<'_>,
        text: &Text<'_>,
        run_as: Option<&RunAs>,
    ) -> Match {
        let is_method = |methods: &Vec<MethodPattern>| {
            methods.iter().any(|method| method.matches(subject.method))
        };
        let is_controller = |controllers: &Vec<Controller>| {
            controllers.iter().any(|controller| match self.is_allow() {
                true => controller.covers(subject.controllers),
                false => controller.could_be(subject.controllers),
            })
        };
        if !self.methods.as_ref().is_none_or(is_method)
            || !self.controllers.as_ref().is_none_or(is_controller)
        {
            return Match::No;
        }
        match subject.bash {
            Some(bash) => self.matches_command(bash, text, run_as),
            None if self.is_about_commands() => Match::No,
            None => Match::Yes,
        }
    }

    /// Returns whether it has a condition that only a command can meet.
    fn is_about_commands(&self) -> bool {
        let has_commands = match &self.action {
            Action::Allow { commands, .. } => commands.is_some(),
            Action::Deny { commands } => commands.is_some(),
        };
        has_commands || self.users.is_some() || self.groups.is_some()
    }

    fn matches_command(&self, bash: &Bash, text: &Text<'_>, run_as: Option<&RunAs>) -> Match {
        if let Action::Allow { commands: Some(_), env, stdin } = &self.action {
            // Each of these can make an allowed text do something else: BASH_ENV, PATH, a script in
            // the directory, a script as an interpreter's input.
            let sets_other = bash.env.iter().any(|(name, _)| !env.contains(name));
            if sets_other || bash.cwd.is_some() || (bash.stdin.is_some() && !stdin) {
                return Match::No;
            }
        }
        match run_as {
            Some(run_as) if !self.is_account(run_as) => return Match::No,
            None if self.needs_account(bash) => return Match::Unknown,
            _ => {}
        }
        let is_command = match &self.action {
            Action::Allow { commands, .. } => {
                commands.as_ref().is_none_or(|allowed| allowed.matches(text))
            }
            Action::Deny { commands } => {
                commands.as_ref().is_none_or(|denied| denied.matches(text))
            }
        };
        if is_command { Match::Yes } else { Match::No }
    }

    fn needs_account(&self, bash: &Bash) -> bool {
        // A request without a group gets the user's own.
        self.users.is_some() || self.groups.is_some() || (self.is_allow() && bash.group.is_some())
    }

    fn is_account(&self, run_as: &RunAs) -> bool {
        let among =
            |list: &[Account], id| list.iter().any(|account| account.is(id, &run_as.numbers));
        let is_user = self.users.as_deref().is_none_or(|users| among(users, run_as.uid));
        let is_group = match (&self.groups, self.is_allow()) {
            (None, true) => run_as.is_member,
            (None, false) => true,
            // A list of groups alone matches their members: root with such a group is still root.
            (Some(groups), true) => {
                among(groups, run_as.gid) && (self.users.is_some() || run_as.is_member)
            }
            // A deny rule for a group covers its supplementary members.
            (Some(groups), false) => {
                among(groups, run_as.gid) || run_as.groups.iter().any(|gid| among(groups, *gid))
            }
        };
        is_user && is_group
    }
}
