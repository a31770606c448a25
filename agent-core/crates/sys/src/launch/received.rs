//! A launch as the zygote received it.

use std::ffi::{CStr, CString, c_char};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

use super::Identity;
use super::header::{
    BODY_IN_FILE, CGROUP, CWD_REQUIRED, Header, IDENTITY, JOINS, JOINS_SHIFT, KEEPER,
    LEAF_REQUIRED, SEPARATE_STDERR, STDERR, STDIN, STDOUT, SUPERVISION, SUPERVISOR, invalid,
};
use crate::slot::Claim;

/// A launch as the zygote received it, checked; it owns all its parts.
pub(crate) struct Received {
    pub(crate) id: u64,
    pub(crate) identity: Option<Identity>,
    pub(crate) cwd: CString,
    pub(crate) cwd_required: bool,
    pub(super) argv: Vec<CString>,
    pub(super) env: Vec<CString>,
    pub(crate) files: OwnedFiles,
    pub(crate) joins: Vec<OwnedFd>,
    pub(crate) holder: OwnedHolder,
    /// The parent with which it dies; a supervisor sets it for its command.
    pub(crate) dies_with: Option<i32>,
    /// The command's limit of open files; the zygote sets it. Zygote, keeper and supervisor need
    /// more than a low limit allows.
    pub(crate) nofile: Option<libc::rlimit>,
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

/// [`super::Supervision`] as received.
pub(crate) struct OwnedSupervision {
    pub(crate) claim: Claim,
    pub(crate) dir: OwnedFd,
    pub(crate) leaf: Option<OwnedFd>,
    pub(crate) leaf_required: bool,
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
            leaf_required: header.has(LEAF_REQUIRED),
            timeout: (timeout != u64::MAX).then_some(Duration::from_millis(timeout)),
            grace: Duration::from_millis(grace),
            not_before,
            max_output,
            separate_stderr: header.has(SEPARATE_STDERR),
        })
    }
}

/// Reads what [`super::send`] wrote; anything else is `InvalidData`.
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
        nofile: None,
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
