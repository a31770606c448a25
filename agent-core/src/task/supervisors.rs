//! Waits for the ends of supervisors, of all of them at once.
//!
//! Jobs are due in crowds, and their runs end one after the other within a few hundredths of a second. Nobody waits for
//! their results as for an answer, so the first end only opens a while in which more may come, and wakes nobody more.
//! While a task runs that somebody has asked for, each end is told at once.
//!
//! An epoll(7) of its own, which the event loop watches only where the next end is to wake it: one that it watches in
//! the while would wake it for each.

use agent_sys::pidfd::PidFd;
use agent_sys::readiness;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::Signal;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::oneshot;
use tokio::time;

/// How long ends of jobs' runs are gathered.
const GATHERED: Duration = Duration::from_millis(40);

/// Ends that are taken from the kernel at once.
const AT_ONCE: usize = 256;

/// Supervisors whose ends are waited for.
#[derive(Debug)]
pub(super) struct Supervisors {
    epoll: Epoll,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_task: HashMap<u64, Supervisor>,
    /// Those whose ends are to be told at once.
    urgent: usize,
}

#[derive(Debug)]
struct Supervisor {
    process: PidFd,
    urgent: bool,
    ended: oneshot::Sender<()>,
}

impl Supervisors {
    /// None yet.
    ///
    /// # Errors
    /// epoll_create1(2): no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, waiting: Mutex::default() })
    }

    /// Has the end of a task's supervisor waited for: what is returned ends then.
    ///
    /// # Errors
    /// epoll_ctl(2): no memory, or too many watches.
    pub(super) fn add(&self, n: u64, process: PidFd, urgent: bool) -> io::Result<oneshot::Receiver<()>> {
        let (ended, end) = oneshot::channel();
        let mut waiting = self.waiting();
        self.epoll.add(&process, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, n))?;
        waiting.urgent += usize::from(urgent);
        waiting.by_task.insert(n, Supervisor { process, urgent, ended });
        Ok(end)
    }

    /// Has a task ended by its supervisor. One that has just ended hears nothing.
    pub(super) fn cancel(&self, n: u64) {
        if let Some(supervisor) = self.waiting().by_task.get(&n) {
            let _ = supervisor.process.signal(Signal::SIGTERM);
        }
    }

    /// Tells the ends; never comes back but with an error.
    ///
    /// # Errors
    /// The event loop can't watch any more: no memory.
    pub(super) async fn serve(&self) -> io::Result<Infallible> {
        let mut descriptor = self.epoll.0.as_fd().try_clone_to_owned()?;
        loop {
            let watched = readiness::watch(descriptor, Interest::READABLE)?;
            watched.readable().await?.retain_ready();
            descriptor = watched.into_inner();
            if self.waiting().urgent == 0 {
                time::sleep(GATHERED).await;
            }
            self.tell()?;
        }
    }

    fn tell(&self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
            let mut waiting = self.waiting();
            for event in events.iter().take(count) {
                let Some(supervisor) = waiting.by_task.remove(&event.data()) else { continue };
                waiting.urgent -= usize::from(supervisor.urgent);
                // ECHILD: an adopted one; that the descriptor is readable says that it has ended (pidfd_open(2)).
                let _ = supervisor.process.reap();
                // Whoever waited may be gone, at shutdown.
                let _ = supervisor.ended.send(());
            }
            if count < AT_ONCE {
                return Ok(());
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // What is under the lock changes by calls that don't panic half-way.
        self.waiting.lock()
    }
}
