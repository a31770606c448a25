//! The keeper: a small helper process above one command, where no cgroup can hold the command's
//! tree.
//!
//! The zygote clones it as a child of the agent. It is a subreaper: a process that the command
//! leaves orphaned becomes the keeper's child, so nothing the command started gets out of reach. It
//! reports to the agent how the command ended. On the agent's order, or when the agent is gone, it
//! ends everything below itself; the agent decides when to send which order ([`crate::ending`]).
//! After a normal end it leaves background children alone and exits.

#![expect(
    unsafe_code,
    reason = "it clones the command and exits without unwinding into the zygote"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd;

use crate::child::{self, FailureReport, Side, Stage, StartFailure};
use crate::descendants;
use crate::end::{Exit, ProcessEnd, Usage};
use crate::launch::Received;
use crate::packet;
use crate::pidfd;
use crate::priority;

/// The agent's order to send SIGTERM to the tree.
pub const TERMINATE: &[u8] = b"T";
/// The agent's order to kill the tree.
pub const KILL: &[u8] = b"K";

/// The strongest order so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Order {
    None,
    Terminate,
    Kill,
}

/// Runs the command and watches over it; never returns. `agent` is the socket to the agent.
///
/// Called in a fresh child of the zygote, which has one thread.
pub(crate) fn keep(launch: Received, agent: OwnedFd, failures: OwnedFd) -> ! {
    let code = match watch(launch, agent, failures) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // SAFETY: _exit(2) takes a number and ends the process; no code of the zygote runs after it.
    unsafe { libc::_exit(code) }
}

fn watch(launch: Received, agent: OwnedFd, failures: OwnedFd) -> io::Result<()> {
    let _ = prctl::set_name(c"basicagent-keep");
    unistd::setsid()?;
    prctl::set_child_subreaper(true)?;
    // The zygote blocked every signal; this one is read from a descriptor instead.
    let mask = SigSet::from(Signal::SIGCHLD);
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let command = start(&launch, &agent, &failures)?;
    // Its pipes are the command's now: held here, they would never reach their end.
    drop((launch, failures));

    let mut agent = Some(agent);
    let mut order = Order::None;
    let mut ended = None;
    loop {
        let socket = agent.as_ref().map(|agent| PollFd::new(agent.as_fd(), PollFlags::POLLIN));
        let mut ready = vec![PollFd::new(children.as_fd(), PollFlags::POLLIN)];
        ready.extend(socket);
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ordered = ready.get(1).is_some_and(|socket| socket.any() == Some(true));
        while let Ok(Some(_)) = children.read_signal() {}

        // The dead first: an order that crosses the command's own end must not reach the rest.
        let had_ended = ended.is_some();
        let none_left = pidfd::reap_all(command, &mut ended)?;
        if let Some(ended) = ended.filter(|_| !had_ended) {
            if let Some(agent) = &agent {
                // The next poll notices an agent that is gone.
                let _ = packet::send(agent, &ended.to_bytes(), &[]);
            }
            if order == Order::None {
                return Ok(());
            }
        }
        if none_left {
            return Ok(());
        }
        let before = order;
        if ordered {
            order = receive(&mut agent, order);
        }
        if before == Order::None && order != Order::None {
            priority::come_first();
        }
        match order {
            Order::Terminate if before == Order::None => descendants::terminate_all(),
            // Again after each death: a process born meanwhile has become our child.
            Order::Kill => descendants::kill_all(),
            Order::None | Order::Terminate => {}
        }
    }
}

/// Reads the agent's next order. An agent that is gone counts as an order to kill: nobody else
/// would end this command in time.
fn receive(agent: &mut Option<OwnedFd>, before: Order) -> Order {
    let mut bytes = [0; 8];
    let length = match agent.as_ref().map(|agent| packet::receive(agent, &mut bytes)) {
        Some(Ok((length, _))) => length,
        Some(Err(_)) | None => 0,
    };
    match bytes.get(..length) {
        Some(TERMINATE) if before == Order::None => Order::Terminate,
        Some(KILL) => Order::Kill,
        None | Some([]) => {
            *agent = None;
            Order::Kill
        }
        Some(_) => before,
    }
}

/// Clones the command; reports a failure as if the command had reported it.
fn start(launch: &Received, agent: &OwnedFd, failures: &OwnedFd) -> io::Result<i32> {
    let (argv, envp) = launch.pointers();
    // SAFETY: a keeper is the copy of the zygote's only thread and starts no other.
    match unsafe { child::clone(None, None) } {
        Ok(Side::Child) => child::exec(launch, &argv, &envp, failures.as_raw_fd()),
        Ok(Side::Parent { pid, .. }) => Ok(pid),
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(0);
            child::report(
                failures.as_raw_fd(),
                launch.id,
                StartFailure { stage: Stage::Clone, errno },
            );
            let exit = Exit::Exited(FailureReport::STATUS);
            let ended = ProcessEnd { exit, usage: Usage::default() };
            packet::send(agent, &ended.to_bytes(), &[])?;
            Err(error)
        }
    }
}
