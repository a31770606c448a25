//! The host's own word on what its controllers may do: `policy.toml`.
//!
//! `dispatch` asks the [`Gate`] before it starts anything; what is refused is answered 3023. [`rules`] reads the text and
//! decides, without I/O; [`load`] opens no file that others could have written; the gate adds the host's accounts.

mod file;
mod gate;
mod rules;

pub(crate) use file::{Error, load};
pub(crate) use gate::{Accounts, Admission, Gate, Rejection};
pub(crate) use rules::{Name, Policy, RunAs, Subject};
