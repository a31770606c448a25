//! A launch: one program to start, and its form in a packet from the agent to the zygote.
//!
//! Both ends are the same binary on the same host, so the form is native numbers and NUL-terminated
//! strings; it is checked nevertheless. A body too long for a packet travels in a memfd.
//!
//! It is longer than 400 lines because both ends of one format, writer and reader, stand side by side.

use std::ffi::{CStr, CString, c_char};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::sys::memfd::{self, MFdFlags};

use crate::packet;
use crate::slot::Claim;

/// The longest packet; a longer body travels in a memfd. Well below a socket's default buffer.
pub(crate) const MAX_PACKET: usize = 32 * 1024;
/// The most strings, arguments and environment together.
const MAX_STRINGS: u32 = 65_536;
/// NGROUPS_MAX of the kernel.
const MAX_GROUPS: u32 = 65_536;
const HEADER: usize = 32;

const IDENTITY: u32 = 1;
const CWD_REQUIRED: u32 = 2;
const STDIN: u32 = 4;
const STDERR: u32 = 8;
const CGROUP: u32 = 16;
const KEEPER: u32 = 32;
const BODY_IN_FILE: u32 = 64;
const STDOUT: u32 = 128;
const SUPERVISOR: u32 = 256;
const SEPARATE_STDERR: u32 = 512;
/// The number of cgroups to join stands in two bits.
const JOINS: u32 = 3 << JOINS_SHIFT;
const JOINS_SHIFT: u32 = 10;
/// Words of 64 bits at the beginning of the body of a supervised launch.
const SUPERVISION: usize = 6;

/// The user and groups of a command. Only an agent that is root sends one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Real, effective and saved user id.
    pub uid: u32,
    /// Real, effective and saved group id.
    pub gid: u32,
    /// Supplementary groups, replacing ours.
    pub groups: Vec<u32>,
}

/// One program to start.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The agent's number for it, which comes back in every report.
    pub id: u64,
    /// The user to become; `None`: stay the same.
    pub identity: Option<&'a Identity>,
    /// The working directory, entered as the new user.
    pub cwd: &'a CStr,
    /// Whether the launch fails when the directory cannot be entered; otherwise `/` is used.
    pub cwd_required: bool,
    /// The program's path, then its other arguments.
    pub argv: &'a [&'a CStr],
    /// The whole environment, `NAME=value`.
    pub env: &'a [CString],
}

impl Launch<'_> {
    /// Appends the working directory, the arguments and the environment to a body.
    fn put_strings(&self, body: &mut Vec<u8>) {
        let env = self.env.iter().map(CString::as_c_str);
        for string in [self.cwd].into_iter().chain(self.argv.iter().copied()).chain(env) {
            body.extend_from_slice(string.to_bytes_with_nul());
        }
    }
}

/// The thing that holds the started processes together, so that they can be found and ended.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// Born in this cgroup v2 directory.
    Cgroup(BorrowedFd<'a>),
    /// Under a keeper process that receives orders on this end of a socket.
    Keeper(BorrowedFd<'a>),
    /// Under a supervisor process that outlives the agent. It makes the pipes itself, so such a
    /// launch has neither standard output nor standard error.
    Supervisor(Supervision<'a>),
}

/// A task, as its supervisor needs to know it.
#[derive(Debug, Clone, Copy)]
pub struct Supervision<'a> {
    /// The slot in which it records, with the task's number.
    pub claim: &'a Claim,
    /// The directory of the tasks' output files.
    pub dir: BorrowedFd<'a>,
    /// The cgroup v2 directory for the command, if there is one.
    pub leaf: Option<BorrowedFd<'a>>,
    /// The time-out; `None`: none. To the millisecond.
    pub timeout: Option<Duration>,
    /// Between SIGTERM and SIGKILL. To the millisecond.
    pub grace: Duration,
    /// The moment, in milliseconds since 1970, before which the command does not start; soon. 0: at
    /// once.
    pub not_before: u64,
    /// Bytes stored of each stream.
    pub max_output: u64,
    /// Standard error on its own instead of within standard output.
    pub separate_stderr: bool,
}

impl Supervision<'_> {
    /// Returns the beginning of the body; [`OwnedSupervision::parse`] reads it.
    fn words(&self) -> [u64; SUPERVISION] {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let index = u64::from(self.claim.index());
        let timeout = self.timeout.map_or(u64::MAX, millis);
        [self.claim.n(), index, timeout, millis(self.grace), self.not_before, self.max_output]
    }
}

/// The descriptors a command gets.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// Standard input; `None`: /dev/null.
    pub stdin: Option<BorrowedFd<'a>>,
    /// Standard output; `None`: the supervisor makes one.
    pub stdout: Option<BorrowedFd<'a>>,
    /// Standard error; `None`: the same as standard output.
    pub stderr: Option<BorrowedFd<'a>>,
    /// `cgroup.procs` of the cgroup v1 directories that it joins before its first instruction, at
    /// most three. The command itself does not get these descriptors.
    pub joins: &'a [BorrowedFd<'a>],
}

/// A launch as the zygote received it, checked; it owns all its parts.
pub(crate) struct Received {
    pub(crate) id: u64,
    pub(crate) identity: Option<Identity>,
    pub(crate) cwd: CString,
    pub(crate) cwd_required: bool,
    argv: Vec<CString>,
    env: Vec<CString>,
    pub(crate) files: OwnedFiles,
    pub(crate) joins: Vec<OwnedFd>,
    pub(crate) holder: OwnedHolder,
    /// The parent with which it dies; a supervisor sets it for its command.
    pub(crate) dies_with: Option<i32>,
}

pub(crate) struct OwnedFiles {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
}

pub(crate) enum OwnedHolder {
    None,
    Cgroup(OwnedFd),
    Keeper(OwnedFd),
    Supervisor(OwnedSupervision),
}

/// [`Supervision`] as received.
pub(crate) struct OwnedSupervision {
    pub(crate) claim: Claim,
    pub(crate) dir: OwnedFd,
    pub(crate) leaf: Option<OwnedFd>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) not_before: u64,
    pub(crate) max_output: u64,
    pub(crate) separate_stderr: bool,
}

impl Received {
    /// Returns the argument and environment arrays for execve(2), which point into `self`.
    pub(crate) fn pointers(&self) -> (Vec<*const c_char>, Vec<*const c_char>) {
        let array = |strings: &[CString]| {
            strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
        };
        (array(&self.argv), array(&self.env))
    }
}

/// Sends a launch to the zygote.
pub(crate) fn send(
    socket: impl AsFd,
    launch: &Launch<'_>,
    files: Files<'_>,
    holder: Holder<'_>,
) -> io::Result<()> {
    let mut flags = 0;
    let mut flag = |condition: bool, bit: u32| flags |= if condition { bit } else { 0 };
    flag(launch.identity.is_some(), IDENTITY);
    flag(launch.cwd_required, CWD_REQUIRED);
    flag(files.stdin.is_some(), STDIN);
    flag(files.stdout.is_some(), STDOUT);
    flag(files.stderr.is_some(), STDERR);
    let mut fds: Vec<_> = files.stdout.into_iter().collect();
    let mut body = Vec::with_capacity(1024);
    match &holder {
        Holder::Cgroup(cgroup) => {
            flag(true, CGROUP);
            fds.push(*cgroup);
        }
        Holder::Keeper(keeper) => {
            flag(true, KEEPER);
            fds.push(*keeper);
        }
        Holder::Supervisor(task) => {
            flag(true, SUPERVISOR);
            flag(task.leaf.is_some(), CGROUP);
            flag(task.separate_stderr, SEPARATE_STDERR);
            fds.extend(task.leaf);
            fds.extend([task.claim.as_fd(), task.dir]);
            body.extend(task.words().iter().flat_map(|word| word.to_ne_bytes()));
        }
    }
    let (uid, gid, groups) = launch
        .identity
        .map_or((0, 0, &[][..]), |identity| (identity.uid, identity.gid, &identity.groups));
    body.extend(groups.iter().flat_map(|group| group.to_ne_bytes()));
    launch.put_strings(&mut body);
    let in_file = (HEADER + body.len() > MAX_PACKET)
        .then(|| file_of(c"basicagent-launch", &body))
        .transpose()?;
    flag(in_file.is_some(), BODY_IN_FILE);

    let count = |length: usize| {
        u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let joins = count(files.joins.len())?;
    if joins > JOINS >> JOINS_SHIFT {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    flags |= joins << JOINS_SHIFT;
    let numbers = [
        flags,
        uid,
        gid,
        count(groups.len())?,
        count(launch.argv.len())?,
        count(launch.env.len())?,
    ];
    let mut packet = Vec::with_capacity(HEADER + body.len());
    packet.extend_from_slice(&launch.id.to_ne_bytes());
    packet.extend(numbers.iter().flat_map(|number| number.to_ne_bytes()));
    fds.extend(files.stdin.iter().chain(&files.stderr).chain(files.joins));
    match &in_file {
        Some(file) => fds.push(file.as_fd()),
        None => packet.extend_from_slice(&body),
    }
    packet::send(socket, &packet, &fds)
}

/// Creates a file in memory with these bytes, to be read from its beginning.
///
/// # Errors
/// No memory or descriptor left.
pub fn file_of(name: &CStr, bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd::memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The fixed beginning of a packet.
struct Header {
    id: u64,
    flags: u32,
    uid: u32,
    gid: u32,
    groups: u32,
    argc: u32,
    envc: u32,
}

impl Header {
    /// Splits the header off a packet.
    fn parse(packet: &[u8]) -> io::Result<(Self, &[u8])> {
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

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

impl OwnedSupervision {
    /// Reads the words at the beginning of `body` and moves it past them.
    fn parse(
        header: &Header,
        body: &mut &[u8],
        slot: OwnedFd,
        dir: OwnedFd,
        leaf: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let (words, rest) = body.split_first_chunk::<{ SUPERVISION * 8 }>().ok_or_else(invalid)?;
        *body = rest;
        let mut words =
            words.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_ne_bytes));
        let mut word = || words.next().unwrap_or(0);
        let (n, index, timeout, grace) = (word(), word(), word(), word());
        let (not_before, max_output) = (word(), word());
        let index = u32::try_from(index).map_err(|_| invalid())?;
        Ok(Self {
            claim: Claim::received(slot, index, n),
            dir,
            leaf,
            timeout: (timeout != u64::MAX).then_some(Duration::from_millis(timeout)),
            grace: Duration::from_millis(grace),
            not_before,
            max_output,
            separate_stderr: header.has(SEPARATE_STDERR),
        })
    }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a launch")
}

/// Reads what [`send`] wrote; anything else is `InvalidData`.
pub(crate) fn parse(packet: &[u8], fds: Vec<OwnedFd>) -> io::Result<Received> {
    let (header, rest) = Header::parse(packet)?;
    let mut fds = fds.into_iter();
    let mut take = |condition: bool| condition.then(|| fds.next().ok_or_else(invalid)).transpose();
    let stdout = take(header.has(STDOUT))?;
    let cgroup = take(header.has(CGROUP))?;
    let keeper = take(header.has(KEEPER))?;
    let (slot, dir) = (take(header.has(SUPERVISOR))?, take(header.has(SUPERVISOR))?);
    let stdin = take(header.has(STDIN))?;
    let stderr = take(header.has(STDERR))?;
    let joins = (header.flags & JOINS) >> JOINS_SHIFT;
    let joins = (0..joins).map(|_| take(true)?.ok_or_else(invalid)).collect::<Result<_, _>>()?;
    let mut long_body = Vec::new();
    let mut body = match take(header.has(BODY_IN_FILE))? {
        Some(file) => {
            File::from(file).read_to_end(&mut long_body)?;
            &long_body[..]
        }
        None => rest,
    };

    let holder = match (cgroup, keeper, slot, dir) {
        (None, None, None, None) => OwnedHolder::None,
        (Some(cgroup), None, None, None) => OwnedHolder::Cgroup(cgroup),
        (None, Some(keeper), None, None) => OwnedHolder::Keeper(keeper),
        (leaf, None, Some(slot), Some(dir)) => {
            OwnedHolder::Supervisor(OwnedSupervision::parse(&header, &mut body, slot, dir, leaf)?)
        }
        _ => return Err(invalid()),
    };

    let groups = (0..header.groups).map(|_| take_group(&mut body)).collect::<Result<_, _>>()?;
    let cwd = take_string(&mut body)?;
    let argv = (0..header.argc).map(|_| take_string(&mut body)).collect::<Result<_, _>>()?;
    let env = (0..header.envc).map(|_| take_string(&mut body)).collect::<Result<_, _>>()?;
    let identity = Identity { uid: header.uid, gid: header.gid, groups };
    Ok(Received {
        id: header.id,
        identity: header.has(IDENTITY).then_some(identity),
        cwd,
        cwd_required: header.has(CWD_REQUIRED),
        argv,
        env,
        files: OwnedFiles { stdin, stdout, stderr },
        joins,
        holder,
        dies_with: None,
    })
}

/// Splits a group id off a body.
fn take_group(body: &mut &[u8]) -> io::Result<u32> {
    let (group, rest) = body.split_first_chunk().ok_or_else(invalid)?;
    *body = rest;
    Ok(u32::from_ne_bytes(*group))
}

/// Splits a NUL-terminated string off a body.
fn take_string(body: &mut &[u8]) -> io::Result<CString> {
    let string = CStr::from_bytes_until_nul(body).map_err(|_| invalid())?;
    *body = body.get(string.to_bytes_with_nul().len()..).unwrap_or_default();
    Ok(string.to_owned())
}

#[cfg(test)]
mod tests;
