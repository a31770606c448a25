//! The text of `policy.toml` to a [`Policy`]. Everything that could be a mistake is rejected: an
//! unknown key, an empty list, a condition that no request can meet.

use super::account::{self, Account, Name};
use super::command;
use super::pattern::{Controller, MethodPattern};
use super::policy::Policy;
use super::rule::{Action, Rule};
use crate::config::{self, Fault, Read};
use agent_wire::Method;
use serde::Deserialize;

/// The most rules of one policy.
const MAX_RULES: usize = 1024;

/// The most accounts that one policy may name.
const MAX_NAMES: usize = 1024;

/// The most characters of a rule's name.
const MAX_RULE_NAME: usize = 64;

/// The most characters of a rule's reason.
const MAX_REASON: usize = 512;

/// Returns the names of the methods that bring a command.
fn with_command() -> impl Iterator<Item = &'static str> {
    const OWN: &[Method] = &Method::OWN;
    OWN.iter().filter(|method| method.brings_command()).map(Method::name)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPolicy {
    default: Option<WrittenAction>,
    #[serde(default)]
    rule: Vec<WrittenRule>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenAction {
    Allow,
    Deny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    action: WrittenAction,
    name: Option<String>,
    reason: Option<String>,
    methods: Option<Vec<String>>,
    controllers: Option<Vec<String>>,
    users: Option<Vec<account::Written>>,
    groups: Option<Vec<account::Written>>,
    commands: Option<command::Written>,
    env: Option<Vec<String>>,
    stdin: Option<bool>,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// A sentence that names the line, or the rule by number and name, and its fault.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let written = toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())?;
        let (policy, faults) = Self::of(written);
        match faults.into_iter().next() {
            Some((_, why)) => Err(why),
            None => Ok(policy),
        }
    }

    /// Reads a policy as far as it can be understood, and returns every fault with its line.
    pub(crate) fn examine(text: &str) -> (Self, Vec<Fault>) {
        let Read { value, rest, mut faults } = config::read_toml::<WrittenPolicy>(text);
        let Some(written) = value else { return (Self::allow_all(), faults) };
        let (policy, more) = Self::of(written);
        faults.extend(more.into_iter().map(|(rule, why)| {
            let line = rule.and_then(|rule| config::line_of_table(&rest, "[[rule]]", rule));
            Fault { line: line.unwrap_or(1), why }
        }));
        faults.sort_by_key(|fault| fault.line);
        (policy, faults)
    }

    /// Makes a policy of the rules that are right, and says what is wrong, with the rule's place.
    fn of(written: WrittenPolicy) -> (Self, Vec<(Option<usize>, String)>) {
        let mut faults = Vec::new();
        let allows_any = written.rule.iter().any(|rule| rule.action == WrittenAction::Allow);
        let allows_by_default = match written.default {
            Some(default) => default == WrittenAction::Allow,
            // A policy with allow rules means to deny the rest, or has forgotten to say so.
            None => {
                if allows_any {
                    let why = "default is missing: \"allow\" or \"deny\"";
                    faults.push((None, why.to_owned()));
                }
                true
            }
        };
        if written.rule.len() > MAX_RULES {
            let why = format!("{} rules; at most {MAX_RULES} are allowed", written.rule.len());
            faults.push((None, why));
        }
        let (mut rules, mut names) = (Vec::new(), Names::default());
        for (index, rule) in written.rule.into_iter().enumerate() {
            let number = format!("rule {}", index + 1);
            let place =
                rule.name.as_ref().map_or(number.clone(), |name| format!("{number} (\"{name}\")"));
            match names.rule(rule, number) {
                Ok(rule) => rules.push(rule),
                Err(why) => faults.push((Some(index), format!("{place}: {why}"))),
            }
        }
        if names.0.len() > MAX_NAMES {
            let why = format!(
                "the rules name {} accounts; at most {MAX_NAMES} are allowed",
                names.0.len()
            );
            faults.push((None, why));
        }
        (Self { allows_by_default, rules, names: names.0.into() }, faults)
    }
}

/// The accounts that the rules have named so far.
#[derive(Default)]
struct Names(Vec<Name>);

impl Names {
    fn rule(&mut self, written: WrittenRule, number: String) -> Result<Rule, String> {
        if written.name.as_ref().is_some_and(|name| !is_line(name, MAX_RULE_NAME)) {
            return Err(format!("name must be one line of 1 to {MAX_RULE_NAME} characters"));
        }
        if written.reason.as_ref().is_some_and(|reason| !is_line(reason, MAX_REASON)) {
            return Err(format!("reason must be one line of 1 to {MAX_REASON} characters"));
        }
        let is_about_commands =
            written.users.is_some() || written.groups.is_some() || written.commands.is_some();
        let methods: Option<Vec<_>> =
            each("methods", written.methods, |text| MethodPattern::parse(&text))?;
        if is_about_commands
            && let Some(methods) = &methods
            && !methods.iter().any(|method| with_command().any(|name| method.matches(name)))
        {
            let with_command = with_command().collect::<Vec<_>>().join(", ");
            return Err(format!(
                "users, groups and commands need a method that brings a command ({with_command})"
            ));
        }
        let beside = written.env.is_some() || written.stdin.is_some();
        if beside && (written.action == WrittenAction::Deny || written.commands.is_none()) {
            return Err("env and stdin belong to an allow rule with commands".to_owned());
        }
        let env =
            each("env", written.env, |name| match name.is_empty() || name.contains(['=', '\0']) {
                true => Err("a variable's name must not be empty or contain = or NUL".to_owned()),
                false => Ok(name),
            })?;
        let action = match written.action {
            WrittenAction::Allow => Action::Allow {
                commands: written.commands.map(command::Written::allowed).transpose()?,
                env: env.unwrap_or_default(),
                stdin: written.stdin.unwrap_or_default(),
            },
            WrittenAction::Deny => Action::Deny {
                commands: written.commands.map(command::Written::denied).transpose()?,
            },
        };
        Ok(Rule {
            name: written.name.unwrap_or(number),
            reason: written.reason,
            action,
            methods,
            controllers: each("controllers", written.controllers, |text| Controller::parse(&text))?,
            users: each("users", written.users, |user| Ok(self.account(user, Name::User)))?,
            groups: each("groups", written.groups, |group| Ok(self.account(group, Name::Group)))?,
        })
    }

    fn account(&mut self, written: account::Written, name: impl FnOnce(String) -> Name) -> Account {
        let name = match written {
            account::Written::Number(number) => return Account::Number(number),
            account::Written::Name(text) => name(text),
        };
        let place = self.0.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        });
        Account::Named(place)
    }
}

/// Parses each item of a list, which must not be empty if present.
fn each<T, U>(
    key: &str,
    list: Option<Vec<T>>,
    read: impl FnMut(T) -> Result<U, String>,
) -> Result<Option<Vec<U>>, String> {
    match list {
        Some(list) if list.is_empty() => Err(format!("{key} is empty; leave it out for any")),
        Some(list) => {
            let list: Result<Vec<U>, String> = list.into_iter().map(read).collect();
            list.map(Some).map_err(|why| format!("{key}: {why}"))
        }
        None => Ok(None),
    }
}

fn is_line(text: &str, max: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}
