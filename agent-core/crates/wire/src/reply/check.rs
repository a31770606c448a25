//! `exec.check`: how a command would start (§5).

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// `exec.check` of a request that brings a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandCheck<'a> {
    /// The user that it would run as.
    pub user: Cow<'a, str>,
    /// The user's number.
    pub uid: u32,
    /// The group that it would run as; its number where it has no name.
    pub group: Cow<'a, str>,
    /// The group's number.
    pub gid: u32,
    /// The directory in which it would start.
    pub cwd: Cow<'a, str>,
    /// The shell that would run it.
    pub shell: Cow<'a, str>,
    /// `ok`: this host can enforce the request's limits. Absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Cow<'a, str>>,
}
