//! A list of users, written while NSS enumerates them: no copy of the account database is kept.

use std::io;

use agent_sys::accounts::{each_shadow, each_user};
use rustc_hash::FxHashMap;

use crate::groups::GroupMap;
use crate::json::Writer;
use crate::password::Password;
use crate::row;
use crate::selection::Many;

/// The selected users as a JSON array.
pub(crate) fn json(selected: &Many) -> io::Result<String> {
    let passwords = passwords()?;
    let groups = GroupMap::read()?;
    let mut out = Writer::default();
    let mut before = "[";
    each_user(|user| {
        if selected.contains(user.uid) {
            out.raw(before);
            row::write(&mut out, &user, groups.of(&user), passwords.get(user.name.to_bytes()));
            before = ",";
        }
        io::Result::Ok(())
    })?;
    // Nobody selected: the bracket is still to be opened.
    out.raw(if before == "[" { "[]" } else { "]" });
    Ok(out.into_text())
}

fn passwords() -> io::Result<FxHashMap<Box<[u8]>, Password>> {
    let mut passwords = FxHashMap::default();
    each_shadow(|entry| {
        // The first entry of a name counts, as in getspnam(3).
        passwords.entry(entry.name.to_bytes().into()).or_insert_with(|| Password::new(&entry));
        io::Result::Ok(())
    })?;
    Ok(passwords)
}
