//! What a controller keeps: its hosts, join tokens, CA, nodes, operators, roles, budgets, history and
//! audit log. Runs have a module of their own.
//!
//! One file per subcommand. Lists go through `print::listing`, one thing through `print::record`;
//! texts of hosts and operators pass `terminal::safe` on their way.

mod audit;
mod budgets;
mod ca;
mod facts;
mod history;
mod host;
mod hosts;
mod labels;
mod nodes;
mod operators;
mod roles;
mod schedules;
mod since;
mod tokens;
mod watch;
mod whoami;

use crate::cli::{Between, Fleet};
use crate::client::Controller;
use crate::cron::utc;
use crate::error::Error;
use crate::terminal::caret;
use crate::{exit, output};
use controller_api::path;
use fleet::Selector;
use serde::de::DeserializeOwned;
use std::process::ExitCode;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(crate) fn run(controller: &Controller, fleet: &Fleet) -> Result<ExitCode, Error> {
    match fleet {
        Fleet::WhoAmI(format) => whoami::run(controller, format),
        Fleet::Hosts(hosts) => return hosts::run(controller, hosts),
        Fleet::Host(host) => host::run(controller, host),
        Fleet::Facts(facts) => return facts::run(controller, facts),
        Fleet::Token(token) => tokens::run(controller, token),
        Fleet::Ca(ca) => ca::run(controller, ca),
        Fleet::Operator(operator) => operators::run(controller, operator),
        Fleet::Role(role) => roles::run(controller, role),
        Fleet::Schedule(schedule) => schedules::run(controller, schedule),
        Fleet::Audit(audit) => audit::run(controller, audit),
        Fleet::Run(run) => return crate::run::run(controller, run),
        Fleet::Node(node) => nodes::run(controller, node),
        Fleet::Budget(budget) => budgets::run(controller, budget),
        Fleet::History(history) => history::run(controller, history),
    }?;
    Ok(ExitCode::from(exit::DONE))
}

/// Parses a body of the API.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| crate::query::unreadable(&error))
}

/// Returns whether the text is a selector. If not, says why and marks the place: the controller would
/// report the mistake too, but only here is there a place to mark.
pub(crate) fn is_selector(selector: &str) -> bool {
    let Err(mistake) = Selector::parse(selector) else { return true };
    output::error(&format_args!("--selector: {}", mistake.why()));
    output::error_lines(&caret::mark(selector, mistake.at()));
    false
}

/// Returns the parts of a query that choose a time.
///
/// # Errors
/// [`Error::Usage`] for a text that is no time.
pub(crate) fn between(between: &Between) -> Result<Vec<String>, Error> {
    let mut parts = Vec::new();
    for (name, flag, text) in
        [("since", "--since", &between.since), ("until", "--until", &between.until)]
    {
        if let Some(text) = text {
            parts.push(format!("{name}={}", path::segment(&utc(since::instant(flag, text)?))));
        }
    }
    Ok(parts)
}

/// Does `act` for each id and says so; the first error is returned after the last id, so that one
/// that fails does not keep the others from being done.
fn each(ids: &[String], done: &str, act: impl Fn(&str) -> Result<(), Error>) -> Result<(), Error> {
    let mut first = None;
    for id in ids {
        match act(id) {
            Ok(()) => said(&format!("{id}: {done}"))?,
            Err(error) if ids.len() == 1 => return Err(error),
            Err(error) => {
                output::error(&format_args!("{id}: {}", error.chain()));
                first.get_or_insert(error);
            }
        }
    }
    match first {
        None => Ok(()),
        Some(_) => Err(Error::failed("some of them were not changed, see above")),
    }
}

/// Prints a sentence on standard output.
fn said(text: &str) -> Result<(), Error> {
    output::bytes(format!("{}\n", crate::terminal::safe(text)).as_bytes())
}
