//! Users and groups in a rule: compared by number, so that no second name of an account slips by.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use std::sync::Arc;

/// An account that a policy names. The host's accounts turn it into a number when it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// A user, by name or by digits that are no name.
    User(String),
    /// A group, likewise.
    Group(String),
}

/// What a command would run as, once the host's accounts have been asked.
#[derive(Clone, Debug)]
pub(crate) struct RunAs {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Its supplementary groups.
    pub(crate) groups: Vec<u32>,
    /// Whether `gid` is the user's own: its primary group, one it is a member of, or the operator's default.
    pub(crate) is_member: bool,
    /// The numbers of [`Policy::names`](super::Policy::names), in that order; none for what the host does not know.
    pub(crate) numbers: Arc<[Option<u32>]>,
}

/// One item of `users` or `groups` as the file has it: `"deploy"`, `"1001"` or `1001`.
pub(super) enum Written {
    Number(u32),
    Name(String),
}

/// One item of `users` or `groups` as it is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Account {
    Number(u32),
    /// Its place in [`Policy::names`](super::Policy::names).
    Named(usize),
}

impl Account {
    /// Whether this is that number. A name that the host does not know is no number.
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
                // The largest number is none: to the kernel it means "leave as it is".
                u32::try_from(number)
                    .ok()
                    .filter(|id| *id != u32::MAX)
                    .map(Written::Number)
                    .ok_or_else(|| E::custom(format_args!("{number} is no id")))
            }
        }

        deserializer.deserialize_any(NameOrNumber)
    }
}
