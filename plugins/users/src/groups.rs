//! Whose member is whom: one pass over the group database for a list of users, a look-up for one.
//!
//! Names are kept as JSON, quotes and all: each is written many times.

use std::io;

use agent_sys::accounts::{User, each_group, group_by_gid};
use nix::unistd::{Gid, getgrouplist};
use rustc_hash::FxHashMap;

use crate::json;

/// Every group, by gid and by member. Made once per call, in time linear in the database.
#[derive(Default)]
pub(crate) struct GroupMap {
    names: Vec<String>,
    by_gid: FxHashMap<u32, usize>,
    /// A member's first and last link.
    by_member: FxHashMap<Box<[u8]>, (usize, usize)>,
    /// Memberships, chained a member, in the database's order: no vector for each of 100,000 users.
    links: Vec<Link>,
}

#[derive(Clone, Copy)]
struct Link {
    group: usize,
    next: Option<usize>,
}

impl GroupMap {
    pub(crate) fn read() -> io::Result<Self> {
        let mut map = Self::default();
        each_group(|group| {
            let index = map.names.len();
            map.names.push(json::string(group.name));
            // As getgrgid does, the first entry of a gid gives its name.
            map.by_gid.entry(group.gid).or_insert(index);
            for member in group.members {
                map.add(member.to_bytes(), index);
            }
            io::Result::Ok(())
        })?;
        Ok(map)
    }

    fn add(&mut self, member: &[u8], group: usize) {
        let link = self.links.len();
        self.links.push(Link { group, next: None });
        match self.by_member.get_mut(member) {
            Some((_, last)) => {
                self.links[*last].next = Some(link);
                *last = link;
            }
            None => drop(self.by_member.insert(member.into(), (link, link))),
        }
    }

    /// All groups of a user: the primary one first, if it has a name, then the others in the
    /// database's order.
    pub(crate) fn of<'a>(&'a self, user: &User<'_>) -> Groups<'a, impl Iterator<Item = &'a str> + use<'a>> {
        let primary = self.by_gid.get(&user.gid).copied();
        let first = self.by_member.get(user.name.to_bytes()).map(|(first, _)| self.links[*first]);
        let others = std::iter::successors(first, |link| link.next.map(|next| self.links[next]))
            .map(|link| link.group)
            .filter(move |group| Some(*group) != primary);
        Groups {
            primary: primary.map(|group| self.names[group].as_str()),
            others: others.map(|group| self.names[group].as_str()),
        }
    }
}

/// One user's groups by name, as JSON.
pub(crate) struct Groups<'a, I: Iterator<Item = &'a str>> {
    pub(crate) primary: Option<&'a str>,
    pub(crate) others: I,
}

/// The groups of one user, by getgrouplist(3): no pass over the database where the source can tell.
pub(crate) struct MemberOf {
    primary: Option<String>,
    others: Vec<String>,
}

impl MemberOf {
    pub(crate) fn of(user: &User<'_>) -> io::Result<Self> {
        let gids = getgrouplist(user.name, Gid::from_raw(user.gid))?;
        let name = |gid: u32| group_by_gid(gid, |group| json::string(group.name));
        let mut others = Vec::new();
        for gid in gids.into_iter().map(Gid::as_raw).filter(|gid| *gid != user.gid) {
            others.extend(name(gid)?);
        }
        Ok(Self { primary: name(user.gid)?, others })
    }

    pub(crate) fn as_groups(&self) -> Groups<'_, impl Iterator<Item = &str>> {
        Groups { primary: self.primary.as_deref(), others: self.others.iter().map(String::as_str) }
    }
}
