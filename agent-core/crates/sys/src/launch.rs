//! A launch: one program to start, and its form in a packet from the agent to the zygote.
//!
//! Both ends are the same binary on the same host, so the form is native numbers and NUL-terminated
//! strings; it is checked nevertheless. A body too long for a packet travels in a memfd.

mod header;
mod received;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::memfd::{self, MFdFlags};

use header::{
    BODY_IN_FILE, CGROUP, CWD_REQUIRED, HEADER, Header, IDENTITY, JOINS, JOINS_SHIFT, KEEPER,
    LEAF_REQUIRED, SEPARATE_STDERR, STDERR, STDIN, STDOUT, SUPERVISION, SUPERVISOR, count,
};
pub(crate) use received::{OwnedHolder, OwnedSupervision, Received, parse};

use crate::packet;
use crate::slot::Claim;

/// The longest packet; a longer body travels in a memfd. Well below a socket's default buffer.
pub(crate) const MAX_PACKET: usize = 32 * 1024;
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
    fn groups(&self) -> &[u32] {
        self.identity.map_or(&[], |identity| &identity.groups)
    }

    /// Appends the groups, the working directory, the arguments and the environment to a body.
    fn put_body(&self, body: &mut Vec<u8>) {
        body.extend(self.groups().iter().flat_map(|group| group.to_ne_bytes()));
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
    /// Whether the command must not run outside its cgroup, which keeps its limits.
    pub leaf_required: bool,
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
    /// Returns the beginning of the body; [`OwnedSupervision`] is parsed from it.
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
            flag(task.leaf_required, LEAF_REQUIRED);
            flag(task.separate_stderr, SEPARATE_STDERR);
            fds.extend(task.leaf);
            fds.extend([task.claim.as_fd(), task.dir]);
            body.extend(task.words().iter().flat_map(|word| word.to_ne_bytes()));
        }
    }
    launch.put_body(&mut body);
    let in_file = (HEADER + body.len() > MAX_PACKET)
        .then(|| file_of(c"basicagent-launch", &body))
        .transpose()?;
    flag(in_file.is_some(), BODY_IN_FILE);

    let joins = count(files.joins.len())?;
    if joins > JOINS >> JOINS_SHIFT {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    flags |= joins << JOINS_SHIFT;
    let mut packet = Vec::with_capacity(HEADER + body.len());
    Header::new(launch, flags)?.put(&mut packet);
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

#[cfg(test)]
mod tests;
