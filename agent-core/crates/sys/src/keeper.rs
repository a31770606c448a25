//! The keeper: one small process above one command, where there is no cgroup to hold its tree.
//!
//! Cloned by the zygote, a child of the agent, and a subreaper: what the command leaves orphaned
//! becomes the keeper's child, so nothing it started gets out of reach. It reports how the command
//! ended, and on order, or when the agent is gone, ends everything below it. After a normal end it
//! leaves background children alone and exits.

#![expect(unsafe_code, reason = "it clones the command and exits without unwinding into the zygote")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd;

use crate::child::{self, Failure, Side, Stage};
use crate::descendants;
use crate::launch::Received;
use crate::packet;
use crate::pidfd::{self, Ended, How};
use crate::priority;

/// The agent's order: ask the tree to end.
pub const TERMINATE: &[u8] = b"T";
/// The agent's order: end the tree.
pub const KILL: &[u8] = b"K";

/// How far the ending of the tree has gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Phase {
    Running,
    Terminating,
    Killing,
}

/// Runs the command and watches over it; never comes back. `agent` is the socket to the agent.
///
/// Called in a fresh child of the zygote, which has one thread.
pub(crate) fn keep(launch: Received, agent: OwnedFd, failures: OwnedFd) -> ! {
    let code = match watch(launch, agent, failures) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // SAFETY: _exit(2) takes a number and ends the process; nothing of the zygote's is run.
    unsafe { libc::_exit(code) }
}

fn watch(launch: Received, agent: OwnedFd, failures: OwnedFd) -> io::Result<()> {
    let _ = prctl::set_name(c"basicagent-keep");
    unistd::setsid()?;
    prctl::set_child_subreaper(true)?;
    // Every signal is blocked since the zygote began; this one is read instead.
    let mask = SigSet::from(Signal::SIGCHLD);
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let command = start(&launch, &agent, &failures)?;
    // Its pipes are the command's now: held here, they would never come to their end.
    drop((launch, failures));

    let mut agent = Some(agent);
    let mut phase = Phase::Running;
    loop {
        let orders = agent.as_ref().map(|agent| PollFd::new(agent.as_fd(), PollFlags::POLLIN));
        let mut ready = vec![PollFd::new(children.as_fd(), PollFlags::POLLIN)];
        ready.extend(orders);
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ordered = ready.get(1).is_some_and(|orders| orders.any() == Some(true));
        while let Ok(Some(_)) = children.read_signal() {}

        // The dead first: an order that crosses the command's own end must not reach the rest.
        if reap(command, agent.as_ref(), phase)? {
            return Ok(());
        }
        let before = phase;
        if ordered {
            let mut order = [0; 8];
            let length = match agent.as_ref().map(|agent| packet::receive(agent, &mut order)) {
                Some(Ok((length, _))) => length,
                Some(Err(_)) | None => 0,
            };
            match order.get(..length) {
                Some(TERMINATE) if phase == Phase::Running => phase = Phase::Terminating,
                Some(KILL) => phase = Phase::Killing,
                // The agent is gone: nobody will time this command out any more.
                None | Some([]) => {
                    agent = None;
                    phase = Phase::Killing;
                }
                Some(_) => {}
            }
        }
        if before == Phase::Running && phase != Phase::Running {
            priority::come_first();
        }
        match phase {
            Phase::Terminating if before == Phase::Running => descendants::terminate_all(),
            // Again after each death: what was born meanwhile has come to light as our child.
            Phase::Killing => descendants::kill_all(),
            Phase::Running | Phase::Terminating => {}
        }
    }
}

/// Clones the command; a failure is reported like one of the command.
fn start(launch: &Received, agent: &OwnedFd, failures: &OwnedFd) -> io::Result<i32> {
    let (argv, envp) = launch.pointers();
    // SAFETY: a keeper is the copy of the zygote's only thread and starts no other.
    match unsafe { child::clone(None, None) } {
        Ok(Side::Child) => child::exec(launch, &argv, &envp, failures.as_raw_fd()),
        Ok(Side::Parent { pid, .. }) => Ok(pid),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(0);
            child::report(failures.as_raw_fd(), launch.id, Stage::Clone, errno);
            let how = How::Exited(Failure::STATUS);
            let none = std::time::Duration::ZERO;
            let ended = Ended { how, user: none, system: none, max_rss_kib: 0 };
            packet::send(agent, &ended.to_bytes(), &[])?;
            Err(error)
        }
    }
}

/// Reaps the dead, reports the command's end; true when the keeper's work is done.
fn reap(command: i32, agent: Option<&OwnedFd>, phase: Phase) -> io::Result<bool> {
    loop {
        match pidfd::reap_any() {
            Ok(Some((pid, ended))) if pid == command => {
                if let Some(agent) = agent {
                    // An agent that is gone is seen by the next poll.
                    let _ = packet::send(agent, &ended.to_bytes(), &[]);
                }
                if phase == Phase::Running {
                    return Ok(true);
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}
