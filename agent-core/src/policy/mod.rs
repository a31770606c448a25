//! What this host lets its controllers do: `policy.toml`.
//!
//! `dispatch` asks the [`Gate`] before it starts anything; a rejected request gets 3023. [`rules`]
//! parses the text and decides, without I/O. [`load`] rejects a file that others could have
//! written. The gate asks its user about the host's accounts, through [`Accounts`].

mod file;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod gate;
mod rules;

pub(crate) use file::{Error, examine, load};
pub(crate) use gate::{Accounts, Admission, Gate, Rejection};
pub(crate) use rules::{Name, Policy, RunAs, Subject};
