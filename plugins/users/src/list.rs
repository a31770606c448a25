//! A list of users, serialized while NSS enumerates them: no copy of the account database is kept.

use std::cell::Cell;
use std::io;

use agent_sys::accounts::{each_shadow, each_user};
use plugin_api::{ProviderError, Reply};
use rustc_hash::FxHashMap;
use serde::ser::{Error as _, Serialize, SerializeSeq as _, Serializer};

use crate::groups::GroupMap;
use crate::nss;
use crate::password::Password;
use crate::row::Row;
use crate::selection::Many;

/// Returns the selected users as a JSON array.
pub(crate) fn reply(selected: &Many) -> Result<Reply, ProviderError> {
    let failure = Cell::new(None);
    let list = List {
        selected,
        passwords: passwords().map_err(|error| nss(&error))?,
        groups: GroupMap::read().map_err(|error| nss(&error))?,
        failure: &failure,
    };
    Reply::json(&list).map_err(|error| failure.take().map_or(error, |failure| nss(&failure)))
}

struct List<'a> {
    selected: &'a Many,
    passwords: FxHashMap<Box<[u8]>, Password>,
    groups: GroupMap,
    /// The error that ended the enumeration: a serializer's error is only a text.
    failure: &'a Cell<Option<io::Error>>,
}

/// Why the enumeration ended early.
enum Stopped<E> {
    Nss(io::Error),
    Serializer(E),
}

impl<E> From<io::Error> for Stopped<E> {
    fn from(error: io::Error) -> Self {
        Self::Nss(error)
    }
}

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        let mut names = Vec::new();
        let enumerated = each_user(|user| {
            if !self.selected.contains(user.uid) {
                return Ok(());
            }
            let has_primary = self.groups.list(&user, &mut names);
            let password = self.passwords.get(user.name.to_bytes());
            let row = Row::new(&user, has_primary, &names, password);
            sequence.serialize_element(&row).map_err(Stopped::Serializer)
        });
        match enumerated {
            Ok(()) => sequence.end(),
            Err(Stopped::Serializer(error)) => Err(error),
            Err(Stopped::Nss(error)) => {
                let message = S::Error::custom(&error);
                self.failure.set(Some(error));
                Err(message)
            }
        }
    }
}

fn passwords() -> io::Result<FxHashMap<Box<[u8]>, Password>> {
    let mut passwords = FxHashMap::default();
    each_shadow(|entry| {
        // As with getspnam(3), the first entry of a name counts.
        passwords.entry(entry.name.to_bytes().into()).or_insert_with(|| Password::new(&entry));
        io::Result::Ok(())
    })?;
    Ok(passwords)
}
