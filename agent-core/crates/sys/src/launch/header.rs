//! The fixed beginning of a launch packet: id, flags, and the lengths of the lists.

use std::io;

use super::Launch;

/// The most strings, arguments and environment together.
pub(super) const MAX_STRINGS: u32 = 65_536;
/// NGROUPS_MAX of the kernel.
pub(super) const MAX_GROUPS: u32 = 65_536;
pub(super) const HEADER: usize = 32;

pub(super) const IDENTITY: u32 = 1;
pub(super) const CWD_REQUIRED: u32 = 2;
pub(super) const STDIN: u32 = 4;
pub(super) const STDERR: u32 = 8;
pub(super) const CGROUP: u32 = 16;
pub(super) const KEEPER: u32 = 32;
pub(super) const BODY_IN_FILE: u32 = 64;
pub(super) const STDOUT: u32 = 128;
pub(super) const SUPERVISOR: u32 = 256;
pub(super) const SEPARATE_STDERR: u32 = 512;
/// The number of cgroups to join stands in two bits.
pub(super) const JOINS: u32 = 3 << JOINS_SHIFT;
pub(super) const JOINS_SHIFT: u32 = 10;
/// A task whose cgroup keeps limits, so that it must not run without.
pub(super) const LEAF_REQUIRED: u32 = 1 << 12;
/// Words of 64 bits at the beginning of the body of a supervised launch.
pub(super) const SUPERVISION: usize = 6;

/// The fixed beginning of a packet.
pub(super) struct Header {
    pub(super) id: u64,
    pub(super) flags: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) groups: u32,
    pub(super) argc: u32,
    pub(super) envc: u32,
}

impl Header {
    /// Makes the header of a launch.
    pub(super) fn new(launch: &Launch<'_>, flags: u32) -> io::Result<Self> {
        Ok(Self {
            id: launch.id,
            flags,
            uid: launch.identity.map_or(0, |identity| identity.uid),
            gid: launch.identity.map_or(0, |identity| identity.gid),
            groups: count(launch.groups().len())?,
            argc: count(launch.argv.len())?,
            envc: count(launch.env.len())?,
        })
    }

    /// Appends the header to an empty packet.
    pub(super) fn put(&self, packet: &mut Vec<u8>) {
        let numbers = [self.flags, self.uid, self.gid, self.groups, self.argc, self.envc];
        packet.extend_from_slice(&self.id.to_ne_bytes());
        packet.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
    }

    /// Splits the header off a packet.
    pub(super) fn parse(packet: &[u8]) -> io::Result<(Self, &[u8])> {
        let (header, rest) = packet.split_at_checked(HEADER).ok_or_else(invalid)?;
        let (id, numbers) = header.split_at_checked(8).ok_or_else(invalid)?;
        let id = id.try_into().map(u64::from_ne_bytes).map_err(|_| invalid())?;
        let mut numbers =
            numbers.chunks_exact(4).map(|number| number.try_into().map_or(0, u32::from_ne_bytes));
        let mut number = || numbers.next().unwrap_or(0);
        let (flags, uid, gid) = (number(), number(), number());
        let (groups, argc, envc) = (number(), number(), number());
        if argc == 0 || argc > MAX_STRINGS || envc > MAX_STRINGS || groups > MAX_GROUPS {
            return Err(invalid());
        }
        Ok((Self { id, flags, uid, gid, groups, argc, envc }, rest))
    }

    /// Returns whether a flag is set.
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// Converts a length; `InvalidInput` if it is too large.
pub(super) fn count(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Returns the error for a packet that is not a launch.
pub(super) fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a launch")
}
