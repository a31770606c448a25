//! The groups of users: one pass over the group database for a list of users, a lookup for one.

use std::io;

use agent_sys::accounts::{User, each_group, group_by_gid, is_compat};
use nix::unistd::{Gid, getgrouplist};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::json;

/// Every group, by gid and by member. Names are JSON strings, encoded once: most are written many
/// times. Made once per call, in time linear in the database. Groups of one gid are one group, with
/// the name of the first, as getgrgid(3) has it: a process has gids, not names.
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
    gid: u32,
    next: Option<usize>,
}

impl GroupMap {
    pub(crate) fn read() -> io::Result<Self> {
        let mut map = Self::default();
        each_group(|group| {
            let next = map.names.len();
            // A compat line names no group, but getgrouplist(3) counts its members.
            if !is_compat(group.name) && *map.by_gid.entry(group.gid).or_insert(next) == next {
                map.names.push(json::string(group.name));
            }
            for member in group.members {
                map.add(member.to_bytes(), group.gid);
            }
            io::Result::Ok(())
        })?;
        Ok(map)
    }

    fn add(&mut self, member: &[u8], gid: u32) {
        let added = self.memberships.len();
        self.memberships.push(Membership { gid, next: None });
        match self.by_member.get_mut(member) {
            Some((_, last)) => {
                self.memberships[*last].next = Some(added);
                *last = added;
            }
            None => drop(self.by_member.insert(member.into(), (added, added))),
        }
    }

    /// Replaces the names in `listed` by those of a user's groups, as JSON strings: the primary
    /// group first, if it has a name, then the others in the database's order, each once. Returns
    /// whether the primary group has a name.
    pub(crate) fn list<'a>(&'a self, user: &User<'_>, listed: &mut Listed<'a>) -> bool {
        let primary = self.by_gid.get(&user.gid).copied();
        listed.begin(self.names.len());
        if let Some(group) = primary {
            listed.add(group, &self.names[group]);
        }
        let mut next = self.by_member.get(user.name.to_bytes()).map(|(first, _)| *first);
        while let Some(membership) = next.map(|index| self.memberships[index]) {
            if let Some(group) = self.by_gid.get(&membership.gid) {
                listed.add(*group, &self.names[*group]);
            }
            next = membership.next;
        }
        primary.is_some()
    }
}

/// The groups of the user that is being listed. Kept from user to user, for its memory.
#[derive(Default)]
pub(crate) struct Listed<'a> {
    pub(crate) names: Vec<&'a str>,
    /// For each group, the number of the last user that it was added for.
    last: Vec<usize>,
    user: usize,
}

impl<'a> Listed<'a> {
    fn begin(&mut self, groups: usize) {
        self.last.resize(groups, 0);
        self.user += 1;
        self.names.clear();
    }

    fn add(&mut self, group: usize, name: &'a str) {
        if self.last[group] != self.user {
            self.last[group] = self.user;
            self.names.push(name);
        }
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
        let mut known = FxHashSet::default();
        known.insert(user.gid);
        // A source may name a gid twice.
        for gid in gids.into_iter().map(Gid::as_raw).filter(|gid| known.insert(*gid)) {
            names.extend(name(gid)?);
        }
        Ok(Self { has_primary, names })
    }
}
