//! A list of users, written while NSS enumerates them: no copy of the account database is kept.

use std::io;

use agent_sys::accounts::{each_shadow, each_user, is_compat};
use rustc_hash::FxHashMap;

use crate::groups::{GroupMap, Listed};
use crate::json::Writer;
use crate::password::Password;
use crate::row;
use crate::selection::Many;

/// Returns the selected users as a JSON array.
pub(crate) fn json(selected: &Many) -> io::Result<String> {
    let passwords = passwords()?;
    let groups = GroupMap::read()?;
    let mut out = Writer::default();
    let mut listed = Listed::default();
    let mut separator = "";
    out.raw("[");
    each_user(|user| {
        if selected.contains(user.uid) && !is_compat(user.name) {
            let has_primary = groups.list(&user, &mut listed);
            let password = passwords.get(user.name.to_bytes());
            row::write(out.raw(separator), &user, has_primary, &listed.names, password);
            separator = ",";
        }
        io::Result::Ok(())
    })?;
    out.raw("]");
    Ok(out.into_text())
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
