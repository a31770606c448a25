//! What a controller keeps: its hosts, join tokens, CA, operators, roles and audit log.
//!
//! One file per subcommand. Lists go through `print::listing`, one thing through `print::record`;
//! texts of hosts and operators pass `terminal::safe` on their way.

mod audit;
mod ca;
mod host;
mod hosts;
mod labels;
mod operators;
mod roles;
mod since;
mod tokens;
mod watch;
mod whoami;

use crate::cli::Fleet;
use crate::client::Controller;
use crate::error::Error;
use crate::{exit, output};
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
        Fleet::Token(token) => tokens::run(controller, token),
        Fleet::Ca(ca) => ca::run(controller, ca),
        Fleet::Operator(operator) => operators::run(controller, operator),
        Fleet::Role(role) => roles::run(controller, role),
        Fleet::Audit(audit) => audit::run(controller, audit),
    }?;
    Ok(ExitCode::from(exit::DONE))
}

/// Parses a body of the API.
fn parsed<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| crate::query::unreadable(&error))
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
