//! The rules in order, and their verdict on one request.

use super::account::{Name, RunAs};
use super::command::Text;
use super::rule::{Match, Rule};
use agent_wire::message::{Bash, Signed};
use std::sync::Arc;

/// A request, as far as rules look at it.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    /// The DNS names in the controller's certificate.
    pub(crate) controllers: &'a [String],
    /// The command, where the method brings one.
    pub(crate) bash: Option<&'a Bash>,
    /// Who signed the plan that the request belongs to.
    #[expect(dead_code, reason = "no rule can ask for signatures yet")]
    pub(crate) signed: &'a Signed,
}

/// The policy's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Refused(Refusal),
    /// It depends on the command's account: ask again with a [`RunAs`].
    NeedsAccount,
}

/// The rule that refused, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The rule's name, or `rule 3` for the third, or `default`.
    pub(crate) rule: String,
    /// The operator's explanation for the caller.
    pub(crate) reason: Option<String>,
}

/// A whole policy. The first rule that matches decides, else the default.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) allows_by_default: bool,
    pub(super) rules: Vec<Rule>,
    pub(super) names: Arc<[Name]>,
}

impl Policy {
    /// Returns the policy of a host without a policy file: everything is allowed.
    pub(crate) fn allow_all() -> Self {
        Self { allows_by_default: true, rules: Vec::new(), names: Arc::default() }
    }

    /// Returns every account that a rule names.
    pub(crate) fn names(&self) -> &Arc<[Name]> {
        &self.names
    }

    /// Returns whether it allows everything.
    pub(crate) fn is_open(&self) -> bool {
        self.allows_by_default && self.rules.is_empty()
    }

    /// Returns the methods that rules name one by one, except for `getinfo.*`.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(Rule::methods)
    }

    /// Returns the number of rules.
    pub(crate) fn len(&self) -> usize {
        self.rules.len()
    }

    /// Judges a request. Only without `run_as` may the verdict be [`Verdict::NeedsAccount`].
    pub(crate) fn check(&self, subject: Subject<'_>, run_as: Option<&RunAs>) -> Verdict {
        let text = Text::new(subject.bash.map_or("", |bash| bash.cmd.as_str()));
        for rule in &self.rules {
            match rule.matches(subject, &text, run_as) {
                Match::No => {}
                Match::Unknown => return Verdict::NeedsAccount,
                Match::Yes if rule.is_allow() => return Verdict::Allowed,
                Match::Yes => return Verdict::Refused(rule.refusal()),
            }
        }
        match self.allows_by_default {
            true => Verdict::Allowed,
            false => Verdict::Refused(Refusal { rule: "default".to_owned(), reason: None }),
        }
    }
}

#[cfg(test)]
mod tests;
