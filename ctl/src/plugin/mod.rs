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
mod verdict;

pub(crate) use check::{Check, run as check};
pub(crate) use describe::run as describe;
pub(crate) use probe::child;
pub(crate) use scaffold::{New, run as new};
