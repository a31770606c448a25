//! Whose member is whom: one pass over the group database for a list of users, a look-up for one.

use std::collections::HashMap;
use std::io;

use agent_sys::accounts::{User, each_group, group_by_gid};
use nix::unistd::{Gid, getgrouplist};

/// Every group, by gid and by member. Made once per call, in time linear in the database.
#[derive(Default)]
pub(crate) struct GroupMap {
    names: Vec<String>,
    by_gid: HashMap<u32, usize>,
    /// Indices into `names`, in the database's order.
    by_member: HashMap<Box<[u8]>, Vec<usize>>,
}

impl GroupMap {
    pub(crate) fn read() -> io::Result<Self> {
        let mut map = Self::default();
        each_group(|group| {
            let index = map.names.len();
            map.names.push(group.name.to_string_lossy().into_owned());
            // As getgrgid does, the first entry of a gid gives its name.
            map.by_gid.entry(group.gid).or_insert(index);
            for member in group.members {
                let member = member.to_bytes();
                match map.by_member.get_mut(member) {
                    Some(groups) => groups.push(index),
                    None => drop(map.by_member.insert(member.into(), vec![index])),
                }
            }
            io::Result::Ok(())
        })?;
        Ok(map)
    }

    /// The name of a group.
    pub(crate) fn name(&self, gid: u32) -> Option<&str> {
        self.by_gid.get(&gid).map(|index| self.names[*index].as_str())
    }

    /// All groups of a user: the primary one first, then the others in the database's order.
    pub(crate) fn of<'a>(&'a self, user: &User<'_>) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let primary = self.by_gid.get(&user.gid).copied();
        let others = self.by_member.get(user.name.to_bytes()).map_or(&[][..], Vec::as_slice);
        let others = others.iter().copied().filter(move |index| Some(*index) != primary);
        primary.into_iter().chain(others).map(|index| self.names[index].as_str())
    }
}

/// The groups of one user, by getgrouplist(3): no pass over the database where the source can tell.
pub(crate) struct MemberOf {
    names: Vec<String>,
    has_primary: bool,
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
        Ok(Self { names, has_primary })
    }

    pub(crate) fn primary(&self) -> Option<&str> {
        self.names.first().filter(|_| self.has_primary).map(String::as_str)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }
}
