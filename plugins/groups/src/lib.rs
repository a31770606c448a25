//! `getinfo.groups`: the groups of this host and their members.
//!
//! Everything comes through NSS, so LDAP and systemd groups are seen as `getent group` sees them; no root is needed.

use std::ffi::CStr;
use std::io;

use agent_sys::accounts::{each_group, each_user};
use nix::unistd::{Gid, Group as Entry};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

struct Groups;

/// The most groups that one answer lists.
const MAX_GROUPS: usize = 50_000;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// How many groups there are, or are chosen.
    count: usize,
    /// Those, in the database's order; 50,000 at the most.
    groups: Vec<Group>,
}

/// One group.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Group {
    /// Its name.
    name: String,
    /// Its id.
    gid: u32,
    /// The users it is a supplementary group of (group(5)), in the database's order.
    members: Vec<String>,
    /// The users it is the primary group of, in the database's order; null without `-p`.
    primary_members: Option<Vec<String>>,
}

/// A call's arguments.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection {
    one: Option<String>,
    primary: bool,
}

impl Provider for Groups {
    fn describe() -> Meta {
        Meta::new("getinfo.groups", env!("CARGO_PKG_VERSION"), "groups and their members")
            .arg("-G NAME", "one group, by name or numeric gid")
            .arg("-p", "also whose primary group each is")
            .output_schema(include_str!("../schema.json"))
            .example("", "all groups")
            .example("-G root -p", "one group, and whose primary group it is")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = Selection::parse(args)?;
        let mut groups = match &selection.one {
            Some(name) => vec![one(name)?],
            None => all().map_err(|error| nss(&error))?,
        };
        let count = groups.len();
        groups.truncate(MAX_GROUPS);
        if selection.primary {
            add_primary_members(&mut groups).map_err(|error| nss(&error))?;
        }
        Reply::json(&Answer { count, groups })
    }
}

impl Selection {
    fn parse(args: &Args) -> Result<Self, ProviderError> {
        let mut chosen = Self::default();
        let mut words = args.words();
        while let Some(word) = words.next() {
            match word {
                "-p" => chosen.primary = true,
                "-G" => {
                    let name = words
                        .next()
                        .ok_or_else(|| ProviderError::usage("-G needs a NAME or gid after it"))?;
                    chosen.one = Some(name.to_owned());
                }
                _ => return Err(ProviderError::usage(format!("{word:?} is none of -G NAME, -p"))),
            }
        }
        Ok(chosen)
    }
}

fn all() -> io::Result<Vec<Group>> {
    let mut groups = Vec::new();
    each_group(|group| {
        let members = group.members.map(text).collect();
        groups.push(Group { name: text(group.name), gid: group.gid, members, primary_members: None });
        io::Result::Ok(())
    })?;
    Ok(groups)
}

/// A name first: Linux has all-digit names too.
fn one(name: &str) -> Result<Group, ProviderError> {
    let failed = |error: nix::Error| nss(&error.into());
    let mut entry = Entry::from_name(name).map_err(failed)?;
    if let (None, Ok(gid)) = (&entry, name.parse()) {
        entry = Entry::from_gid(Gid::from_raw(gid)).map_err(failed)?;
    }
    let entry = entry.ok_or_else(|| ProviderError::new("no_such_group", format!("no such group: {name}")))?;
    Ok(Group { name: entry.name, gid: entry.gid.as_raw(), members: entry.mem, primary_members: None })
}

/// One pass over the users, whose groups are found by their sorted ids.
fn add_primary_members(groups: &mut [Group]) -> io::Result<()> {
    let mut places: Vec<(u32, usize)> = Vec::with_capacity(groups.len());
    for (place, group) in groups.iter_mut().enumerate() {
        group.primary_members = Some(Vec::new());
        places.push((group.gid, place));
    }
    places.sort_unstable();
    each_user(|user| {
        // Several groups may have one id.
        let first = places.partition_point(|(gid, _)| *gid < user.gid);
        for (_, place) in places[first..].iter().take_while(|(gid, _)| *gid == user.gid) {
            groups[*place].primary_members.get_or_insert_default().push(text(user.name));
        }
        io::Result::Ok(())
    })
}

fn text(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

fn nss(error: &io::Error) -> ProviderError {
    ProviderError::new("nss", format!("the account database can't be read: {error}"))
}

export_provider!(Groups);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn arguments_are_read() {
        let parse = |line| Selection::parse(&Args::parse(line).unwrap());
        assert_eq!(parse("").unwrap(), Selection::default());
        assert_eq!(parse("-p -G 0").unwrap(), Selection { one: Some("0".to_owned()), primary: true });
        for bad in ["-G", "root", "-A"] {
            assert_eq!(parse(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }
}
