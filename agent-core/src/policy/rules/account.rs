//! Users and groups in a rule, compared by number, so that a second name of an account does not
//! slip by.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::sync::Arc;

/// An account that a policy names. It becomes a number when a request is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A user, by name or by digits that are no name.
    User(String),
    /// A group, likewise.
    Group(String),
}

/// The account that a command would run as, looked up on this host.
#[derive(Clone, Debug)]
pub(crate) struct RunAs {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The supplementary groups.
    pub(crate) groups: Vec<u32>,
    /// Whether the user may have `gid`: its primary group, a group it is a member of, or the
    /// configured default.
    pub(crate) is_member: bool,
    /// The numbers of [`Policy::names`](super::Policy::names), in that order; `None` for an unknown
    /// name.
    pub(crate) numbers: Arc<[Option<u32>]>,
}

/// One item of `users` or `groups` in the file: `"deploy"`, `"1001"` or `1001`.
pub(super) enum Written {
    Number(u32),
    Name(String),
}

/// One item of `users` or `groups`, ready to compare.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    Number(u32),
    /// The index in [`Policy::names`](super::Policy::names).
    Named(usize),
}

impl Account {
    /// Returns whether this is account `id`. A name that the host does not know is no account.
    pub(super) fn is(self, id: u32, numbers: &[Option<u32>]) -> bool {
        match self {
            Self::Number(number) => number == id,
            Self::Named(place) => numbers.get(place).copied().flatten() == Some(id),
        }
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrNumber;

        impl Visitor<'_> for NameOrNumber {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
                match text {
                    "" => Err(E::custom("an empty name")),
                    text => Ok(Written::Name(text.to_owned())),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Written, E> {
                // The largest number is not an id: to the kernel it means "leave unchanged".
                u32::try_from(number)
                    .ok()
                    .filter(|id| *id != u32::MAX)
                    .map(Written::Number)
                    .ok_or_else(|| E::custom(format_args!("{number} is not an id")))
            }
        }

        deserializer.deserialize_any(NameOrNumber)
    }
}
