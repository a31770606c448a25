//! `getinfo.groups`: the groups of this host and their members.
//!
//! Everything comes through NSS, so LDAP and systemd groups appear as in `getent group`. Root is
//! not needed.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io;

use agent_sys::accounts::{self, each_group, each_user, group_by_gid, group_by_name, is_compat};
use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use serde::Serialize;

struct Groups;

/// The most groups that one answer lists.
const MAX_GROUPS: usize = 50_000;

/// The groups. Field names are stable: new ones may be added, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// How many groups the arguments select.
    count: usize,
    /// The groups, in the database's order; at most 50,000.
    groups: Vec<Group>,
}

/// One group.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Group {
    /// The name of the group.
    name: String,
    /// The id of the group.
    gid: u32,
    /// The users for whom it is a supplementary group (group(5)), in the database's order, each
    /// once.
    members: Vec<String>,
    /// The users for whom it is the primary group, in the database's order; null without `-p`.
    primary_members: Option<Vec<String>>,
}

/// A call's arguments.
#[derive(Debug, Default, PartialEq, Eq)]
struct Selection {
    one: Option<String>,
    primary: bool,
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value("-G NAME", "one group, by name or numeric gid", |chosen, value| {
        chosen.one = Some(value.as_str().to_owned());
        Ok(())
    }),
    Opt::flag("-p", "also list the users whose primary group each is", |chosen| {
        chosen.primary = true
    }),
]);

impl Provider for Groups {
    fn describe() -> Meta {
        Meta::new("getinfo.groups", env!("CARGO_PKG_VERSION"), "groups and their members")
            .options(&OPTIONS)
            .output_schema(include_str!("../schema.json"))
            .example("", "all groups")
            .example("-G root -p", "one group, and the users whose primary group it is")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
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

fn all() -> io::Result<Vec<Group>> {
    let mut groups = Vec::new();
    each_group(|group| {
        if !is_compat(group.name) {
            groups.push(Group::of(group));
        }
        io::Result::Ok(())
    })?;
    Ok(groups)
}

/// Finds one group. The name is tried first: Linux has names of only digits too.
fn one(name: &str) -> Result<Group, ProviderError> {
    let unknown = || ProviderError::new("no_such_group", format!("no such group: {name}"));
    let c_name = CString::new(name).map_err(|_| unknown())?;
    let mut group = group_by_name(&c_name, Group::of).map_err(|error| nss(&error))?;
    // Digits only: parse() takes a sign too.
    if group.is_none()
        && name.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(gid) = name.parse()
    {
        group = group_by_gid(gid, Group::of).map_err(|error| nss(&error))?;
    }
    group.ok_or_else(unknown)
}

impl Group {
    fn of(group: accounts::Group<'_>) -> Self {
        let mut known = HashSet::new();
        let members = group.members.filter(|member| known.insert(*member)).map(text).collect();
        Self { name: text(group.name), gid: group.gid, members, primary_members: None }
    }
}

/// Adds the users of each primary group, in one pass over the users: groups are found by their
/// sorted ids.
fn add_primary_members(groups: &mut [Group]) -> io::Result<()> {
    let mut places: Vec<(u32, usize)> = Vec::with_capacity(groups.len());
    for (place, group) in groups.iter_mut().enumerate() {
        group.primary_members = Some(Vec::new());
        places.push((group.gid, place));
    }
    places.sort_unstable();
    each_user(|user| {
        if is_compat(user.name) {
            return Ok(());
        }
        // Several groups may share an id.
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
    ProviderError::new("nss", format!("cannot read the account database: {error}"))
}

export_provider!(Groups);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn arguments_are_read() {
        let parse = |line| OPTIONS.parse(&Args::parse(line).unwrap());
        assert_eq!(parse("").unwrap(), Selection::default());
        assert_eq!(
            parse("-p -G 0").unwrap(),
            Selection { one: Some("0".to_owned()), primary: true }
        );
        for bad in ["-G", "root", "-A"] {
            assert_eq!(parse(bad).unwrap_err().code(), "usage", "{bad}");
        }
    }
}
