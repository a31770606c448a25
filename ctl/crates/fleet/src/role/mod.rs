//! Roles: what an operator may do, on which hosts, as which accounts, with which commands.
//!
//! An operator has roles, a role has grants, and each grant stands by itself: a question is allowed
//! if one grant covers all of it. Nothing denies; what no grant allows is refused. The host's own
//! policy judges again, by itself.

mod action;
mod command;
mod grant;
mod judge;

pub use action::{Action, Actions};
pub use command::{CommandPattern, PatternError};
pub use grant::{Grant, MAX_GRANTS, MAX_PATTERNS, Role, RoleError};
pub use judge::{Ask, Command, Denied, Host, Reach, judge, reach};

#[cfg(test)]
mod tests;
