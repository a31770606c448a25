//! A list of users, written while NSS enumerates them: no copy of the account database is kept.

use std::collections::HashMap;
use std::io;

use agent_sys::accounts::{each_shadow, each_user};
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use crate::groups::GroupMap;
use crate::password::Password;
use crate::row::Row;
use crate::selection::Many;

/// The selected users, with what is needed to write each in one step.
pub(crate) struct List {
    selected: Many,
    groups: GroupMap,
    passwords: HashMap<Box<[u8]>, Password>,
}

impl List {
    pub(crate) fn new(selected: Many) -> io::Result<Self> {
        let mut passwords = HashMap::new();
        each_shadow(|entry| {
            // The first entry of a name counts, as in getspnam(3).
            passwords.entry(entry.name.to_bytes().into()).or_insert_with(|| Password::new(&entry));
            io::Result::Ok(())
        })?;
        Ok(Self { selected, groups: GroupMap::read()?, passwords })
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_seq(None)?;
        each_user(|user| {
            if !self.selected.contains(user.uid) {
                return Ok(());
            }
            let password = self.passwords.get(user.name.to_bytes()).unwrap_or(&Password::MISSING);
            let row = Row::new(&user, self.groups.name(user.gid), self.groups.of(&user), password);
            rows.serialize_element(&row).map_err(Failure::Json)
        })
        .map_err(|failure| match failure {
            Failure::Nss(err) => S::Error::custom(format!("the account database can't be read: {err}")),
            Failure::Json(err) => err,
        })?;
        rows.end()
    }
}

/// What can stop the enumeration.
enum Failure<E> {
    Nss(io::Error),
    Json(E),
}

impl<E> From<io::Error> for Failure<E> {
    fn from(err: io::Error) -> Self {
        Self::Nss(err)
    }
}
