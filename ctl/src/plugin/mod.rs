//! The plugin author's kit: `new` writes a plugin to begin with, `check` says whether one is fit, `describe` prints what one says of
//! itself.
//!
//! `check` never loads a plugin into its own process: [`probe`] is a child that does, confined as an agent's worker is. [`schema`]
//! compares answers with what a plugin promises.

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
