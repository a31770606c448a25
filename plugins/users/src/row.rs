//! One user as the answer shows them. Field names are stable: new ones may join, none changes.

use std::borrow::Cow;

use agent_sys::accounts::User;
use serde::{Serialize, Serializer};

use crate::password::{Day, Password, State};

/// One user. Bytes that are not UTF-8 are shown as U+FFFD.
#[derive(Serialize)]
#[serde(bound(serialize = ""))]
pub(crate) struct Row<'a, G: Iterator<Item = &'a str> + Clone> {
    name: Cow<'a, str>,
    uid: u32,
    gid: u32,
    /// The primary group's name; null where no group has that gid.
    group: Option<&'a str>,
    /// All groups by name, the primary one first.
    groups: Names<G>,
    gecos: Cow<'a, str>,
    home: Cow<'a, str>,
    shell: Cow<'a, str>,
    /// `set`, `locked`, `disabled`, `none` (opens without one), `missing` (no shadow entry).
    password: State,
    /// The day the password was changed last.
    last_change: Option<Day>,
    /// Whether the next login asks for a new password.
    must_change: bool,
    /// Days before the password may be changed.
    min_days: Option<u32>,
    /// Days after which it must be changed.
    max_days: Option<u32>,
    /// Days of warning before that.
    warn_days: Option<u32>,
    /// Days after that before the account is disabled.
    inactive_days: Option<u32>,
    /// The day the password must be changed; null: never.
    password_expires: Option<Day>,
    /// The day the account itself ends; null: never.
    expires: Option<Day>,
}

impl<'a, G: Iterator<Item = &'a str> + Clone> Row<'a, G> {
    pub(crate) fn new(user: &User<'a>, group: Option<&'a str>, groups: G, password: &Password) -> Self {
        Self {
            name: user.name.to_string_lossy(),
            uid: user.uid,
            gid: user.gid,
            group,
            groups: Names(groups),
            gecos: user.gecos.to_string_lossy(),
            home: user.home.to_string_lossy(),
            shell: user.shell.to_string_lossy(),
            password: password.state,
            last_change: password.last_change,
            must_change: password.must_change,
            min_days: password.min_days,
            max_days: password.max_days,
            warn_days: password.warn_days,
            inactive_days: password.inactive_days,
            password_expires: password.password_expires,
            expires: password.expires,
        }
    }
}

/// A list of names, written as it is walked.
struct Names<G>(G);

impl<'a, G: Iterator<Item = &'a str> + Clone> Serialize for Names<G> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}
