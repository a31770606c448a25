//! The kit for plugin authors: `new` writes a plugin to start from, `check` tests whether a plugin
//! is ready to ship, `describe` prints a plugin's description.
//!
//! `check` never loads a plugin into its own process: [`probe`] does so in a child, confined like
//! an agent's worker. [`schema`] compares replies with a plugin's schema.

mod check;
mod describe;
pub(crate) mod probe;
mod scaffold;
mod schema;
mod strays;
mod verdict;

pub(crate) use check::{Check, run as check};
pub(crate) use describe::run as describe;
pub(crate) use probe::{child, is_child};
pub(crate) use scaffold::{New, run as new};

use crate::error::Error;
use agent_wire::Method;
use plugin_api::MethodName;

/// Returns the method that a plugin provides; its prefix `getinfo.` is optional.
///
/// # Errors
/// [`Error::Usage`] for a text that is no name, and for a method that the agent answers itself.
fn method(text: &str) -> Result<MethodName, Error> {
    let prefix = if text.starts_with("getinfo.") { "" } else { "getinfo." };
    let name = crate::local::method(&format!("{prefix}{text}"))?;
    if Method::OWN.iter().any(|own| own.name() == name.as_str()) {
        return Err(Error::usage(format!("{name}: an agent answers it itself, without a plugin")));
    }
    Ok(name)
}
