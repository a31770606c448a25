//! The groups of users: one pass over the group database for a list of users, a lookup for one.

use std::io;

use agent_sys::accounts::{User, each_group, group_by_gid};
use nix::unistd::{Gid, getgrouplist};
use rustc_hash::FxHashMap;

use crate::json;

/// Every group, by gid and by member. Names are JSON strings, encoded once: most are written many
/// times. Made once per call, in time linear in the database.
#[derive(Default)]
pub(crate) struct GroupMap {
    names: Vec<String>,
    by_gid: FxHashMap<u32, usize>,
    /// A member's first and last membership.
    by_member: FxHashMap<Box<[u8]>, (usize, usize)>,
    /// Memberships in the database's order, chained per member: no vector for each of 100,000
    /// users.
    memberships: Vec<Membership>,
}

#[derive(Clone, Copy)]
struct Membership {
    group: usize,
    next: Option<usize>,
}

impl GroupMap {
    pub(crate) fn read() -> io::Result<Self> {
        let mut map = Self::default();
        each_group(|group| {
            let index = map.names.len();
            map.names.push(json::string(group.name));
            // As with getgrgid(3), the first entry of a gid gives the group's name.
            map.by_gid.entry(group.gid).or_insert(index);
            for member in group.members {
                map.add(member.to_bytes(), index);
            }
            io::Result::Ok(())
        })?;
        Ok(map)
    }

    fn add(&mut self, member: &[u8], group: usize) {
        let added = self.memberships.len();
        self.memberships.push(Membership { group, next: None });
        match self.by_member.get_mut(member) {
            Some((_, last)) => {
                self.memberships[*last].next = Some(added);
                *last = added;
            }
            None => drop(self.by_member.insert(member.into(), (added, added))),
        }
    }

    /// Replaces `names` by the names of a user's groups, as JSON strings: the primary group first,
    /// if it has a name, then the others in the database's order. Returns whether the primary group
    /// has a name.
    pub(crate) fn list<'a>(&'a self, user: &User<'_>, names: &mut Vec<&'a str>) -> bool {
        let primary = self.by_gid.get(&user.gid).copied();
        names.clear();
        names.extend(primary.map(|group| self.names[group].as_str()));
        let mut next = self.by_member.get(user.name.to_bytes()).map(|(first, _)| *first);
        while let Some(membership) = next.map(|index| self.memberships[index]) {
            if Some(membership.group) != primary {
                names.push(&self.names[membership.group]);
            }
            next = membership.next;
        }
        primary.is_some()
    }
}

/// The names of one user's groups, by getgrouplist(3): no pass over the database if its source can
/// look a member up.
pub(crate) struct MemberOf {
    pub(crate) has_primary: bool,
    /// The primary group first, if it has a name.
    pub(crate) names: Vec<String>,
}

impl MemberOf {
    pub(crate) fn of(user: &User<'_>) -> io::Result<Self> {
        let gids = getgrouplist(user.name, Gid::from_raw(user.gid))?;
        let name = |gid: u32| group_by_gid(gid, |group| group.name.to_string_lossy().into_owned());
        let primary = name(user.gid)?;
        let has_primary = primary.is_some();
        let mut names: Vec<String> = primary.into_iter().collect();
        for gid in gids.into_iter().map(Gid::as_raw).filter(|gid| *gid != user.gid) {
            names.extend(name(gid)?);
        }
        Ok(Self { has_primary, names })
    }
}
