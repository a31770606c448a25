//! The zygote: a small process of one thread that clones commands, so that the agent, which has
//! threads and grows, never forks.
//!
//! The agent starts it before anything else, by re-executing its own binary; it serves one launch
//! after the other until the agent is gone. It clones with `CLONE_PARENT`: the command is the
//! agent's child, and only the agent reaps it. The zygote waits for nothing but its socket: neither
//! for a command's exec, which the command's user may stop half-way, nor for its end. It also
//! clones the supervisors of tasks, which go on when the agent is gone.

#![expect(unsafe_code, reason = "it clones")]

use std::fs;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::prctl;
use nix::sys::resource::{self, Resource};
use nix::sys::signal::SigSet;
use nix::sys::stat::{self, Mode};
use nix::unistd;

use crate::child::{self, Side};
use crate::keeper;
use crate::launch::{self, Files, Holder, Launch, OwnedHolder};
use crate::packet;
use crate::pidfd::PidFd;
use crate::running::Running;
use crate::supervisor;

/// Bytes of a reply: the launch's id, an errno or 0.
const REPLY: usize = 12;
/// The most replies in one packet, each with its descriptor.
const TOGETHER: usize = packet::MAX_FDS;

/// The trees and cgroups that a zygote cleans up once the agent is gone.
#[derive(Debug)]
pub struct Orphaned {
    /// The trees whose time-outs nobody enforces any more.
    pub running: Running,
    /// The directory of their cgroups, where there is one.
    pub cgroups: Option<OwnedFd>,
}

/// Serves launches until the agent is gone. Standard input is the socket to the agent, standard
/// output the pipe for `StartFailure`s. `nofile`: the soft limit of open files for commands.
///
/// # Errors
/// Standard input is not such a socket, or a packet on it is not from [`hello`] or [`request`].
pub fn serve(nofile: u64) -> io::Result<Orphaned> {
    let (socket, failures) = settle()?;
    let nofile = resource::getrlimit(Resource::RLIMIT_NOFILE)
        .map(|(_, hard)| libc::rlimit { rlim_cur: nofile.min(hard), rlim_max: hard })
        .ok();
    let mut buffer = vec![0; launch::MAX_PACKET];
    let (_, mut first) = packet::receive(&socket, &mut buffer)?;
    let lost = || io::Error::new(io::ErrorKind::InvalidData, "no page of running trees");
    let cgroups = (first.len() > 1).then(|| first.pop()).flatten();
    let running = Running::map(first.pop().ok_or_else(lost)?)?;
    running.forget_attempts();

    let mut replies = Replies::default();
    loop {
        let next = match replies.0.len() {
            0 => Some(packet::receive(&socket, &mut buffer)?),
            TOGETHER => None,
            // Batched: an agent that sends many launches wakes once for several replies.
            _ => packet::receive_at_hand(&socket, &mut buffer)?,
        };
        let Some((length, fds)) = next else {
            replies.send(&socket)?;
            continue;
        };
        if length == 0 {
            return Ok(Orphaned { running, cgroups });
        }
        let mut launch = launch::parse(buffer.get(..length).unwrap_or_default(), fds)?;
        launch.nofile = nofile;
        let cgroup = match &launch.holder {
            OwnedHolder::Cgroup(cgroup) => Some(cgroup),
            // A supervisor is above its command's cgroup, not in it.
            OwnedHolder::Keeper(_) | OwnedHolder::Supervisor(_) | OwnedHolder::None => None,
        };
        let is_task = matches!(launch.holder, OwnedHolder::Supervisor(_));
        let (argv, envp) = launch.pointers();
        let number = running.attempt(launch.id);
        // SAFETY: the zygote has one thread: `serve` is called first thing in main and starts none.
        match unsafe { child::clone(Some(number), cgroup) } {
            // No `?` from here on: a child must never come back to serve.
            Ok(Side::Child) => match mem::replace(&mut launch.holder, OwnedHolder::None) {
                OwnedHolder::Keeper(agent) => {
                    // The zygote's own descriptors, which a keeper must not keep open.
                    drop((socket, running, cgroups, replies));
                    keeper::keep(launch, agent, failures)
                }
                OwnedHolder::Supervisor(task) => {
                    // A supervisor reports failures in its slot instead.
                    drop((socket, running, cgroups, failures, replies));
                    supervisor::supervise(launch, task)
                }
                OwnedHolder::Cgroup(_) | OwnedHolder::None => {
                    child::exec(&launch, &argv, &envp, failures.as_raw_fd())
                }
            },
            Ok(Side::Parent { pidfd, .. }) => replies.0.push((launch.id, Ok(pidfd.into()))),
            Err(error) => {
                replies.0.push((launch.id, Err(error.raw_os_error().unwrap_or(libc::EIO))))
            }
        }
        if !is_task {
            // For a command, a caller waits.
            replies.send(&socket)?;
        }
    }
}

/// The replies not sent so far: the new processes, or an errno.
#[derive(Default)]
struct Replies(Vec<(u64, Result<PidFd, i32>)>);

impl Replies {
    fn send(&mut self, socket: &OwnedFd) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(self.0.len() * REPLY);
        let mut fds = Vec::with_capacity(self.0.len());
        for (id, made) in &self.0 {
            bytes.extend_from_slice(&id.to_ne_bytes());
            bytes.extend_from_slice(&made.as_ref().err().unwrap_or(&0).to_ne_bytes());
            fds.extend(made.as_ref().ok().map(AsFd::as_fd));
        }
        let sent = packet::send(socket, &bytes, &fds);
        self.0.clear();
        match sent {
            // The agent is gone: the next read shows it, and the tree is marked as running.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent,
        }
    }
}

/// Sends the agent's first packet to a new zygote.
///
/// # Errors
/// The zygote is gone.
pub fn hello(
    socket: impl AsFd,
    running: &Running,
    cgroups: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let page = running.fd();
    let fds: Vec<_> = [page.as_fd()].into_iter().chain(cgroups).collect();
    packet::send(socket, b"hello", &fds)
}

/// Sends a launch to a zygote. The reply comes by [`receive_replies`], in order.
///
/// # Errors
/// EPIPE: the zygote is gone. EAGAIN on a non-blocking socket.
pub fn request(
    socket: impl AsFd,
    launch: &Launch<'_>,
    files: Files<'_>,
    holder: Holder<'_>,
) -> io::Result<()> {
    launch::send(socket, launch, files, holder)
}

/// A reply: the launch's id, and our new child, or why there is none.
pub type Reply = (u64, io::Result<PidFd>);

/// Receives the replies of one packet.
///
/// # Errors
/// `UnexpectedEof`: the zygote is gone. EAGAIN on a non-blocking socket.
pub fn receive_replies(socket: impl AsFd) -> io::Result<Vec<Reply>> {
    let mut buffer = [0; TOGETHER * REPLY];
    let (length, fds) = packet::receive(socket, &mut buffer)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut fds = fds.into_iter();
    let replies = buffer.get(..length).unwrap_or_default().chunks_exact(REPLY).map(|reply| {
        let id = reply.first_chunk().map_or(0, |id| u64::from_ne_bytes(*id));
        let child = match reply.last_chunk().map_or(libc::EIO, |errno| i32::from_ne_bytes(*errno)) {
            0 => fds.next().map(PidFd::from).ok_or_else(|| io::Error::from_raw_os_error(libc::EIO)),
            errno => Err(io::Error::from_raw_os_error(errno)),
        };
        (id, child)
    });
    Ok(replies.collect())
}

/// Prepares this process once for everything that commands inherit. Gives the socket and the
/// failure pipe numbers above 2.
fn settle() -> io::Result<(OwnedFd, OwnedFd)> {
    // Descriptors that the agent inherited without close-on-exec: a supervisor would keep them open
    // after the agent's end.
    // SAFETY: closes the descriptors from 3 on, none of which anything in this process owns yet:
    // it has opened none, and its own are 0, 1 and 2. It fails on an old kernel; then they stay
    // open.
    let _ = unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
    // Its own session: a terminal's Ctrl-C is for the agent.
    unistd::setsid()?;
    let _ = prctl::set_name(c"basicagent-zyg");
    child::default_actions();
    // All blocked, so that only SIGKILL or the agent's end ends it; a command unblocks them.
    SigSet::all().thread_set_mask()?;
    stat::umask(Mode::S_IWGRP | Mode::S_IWOTH);
    unistd::chdir("/")?;
    // An operator may protect the agent from the out-of-memory killer, but not commands.
    if fs::read_to_string("/proc/self/oom_score_adj").is_ok_and(|value| value.starts_with('-')) {
        let _ = fs::write("/proc/self/oom_score_adj", "0");
    }
    let null = fcntl::open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let socket = above_two(io::stdin().as_fd())?;
    let failures = above_two(io::stdout().as_fd())?;
    unistd::dup2_stdin(&null)?;
    unistd::dup2_stdout(&null)?;
    Ok((socket, failures))
}

fn above_two(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let copy = fcntl::fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: fcntl has just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
