//! Waits for the ends of all supervisors at once.
//!
//! Jobs are due in crowds, and their runs end within a few hundredths of a second. No caller waits
//! for their results as for a reply, so the first end only starts a short pause in which more ends
//! may come without another wake-up. While a task runs that a request submitted, each end is
//! reported at once.
//!
//! The supervisors have an epoll(7) of their own, which the event loop watches only when the next
//! end is to wake it; during the pause, each end would wake it.

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

/// The pause in which more ends of jobs' runs are gathered.
const PAUSE: Duration = Duration::from_millis(40);

/// Ends that are read from the kernel at once.
const AT_ONCE: usize = 256;

/// The supervisors of running tasks.
#[derive(Debug)]
pub(super) struct Supervisors {
    epoll: Epoll,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_task: HashMap<u64, Supervisor>,
    /// How many ends are to be reported at once.
    urgent: usize,
}

#[derive(Debug)]
struct Supervisor {
    process: PidFd,
    urgent: bool,
    ended: oneshot::Sender<()>,
}

impl Supervisors {
    /// Creates an empty set.
    ///
    /// # Errors
    /// epoll_create1(2): no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, waiting: Mutex::default() })
    }

    /// Adds a task's supervisor. Returns a receiver that completes when the supervisor ends.
    ///
    /// # Errors
    /// epoll_ctl(2): no memory, or too many watches.
    pub(super) fn add(
        &self,
        n: u64,
        process: PidFd,
        urgent: bool,
    ) -> io::Result<oneshot::Receiver<()>> {
        let (ended, end) = oneshot::channel();
        let mut waiting = self.waiting();
        self.epoll
            .add(&process, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, n))?;
        waiting.urgent += usize::from(urgent);
        waiting.by_task.insert(n, Supervisor { process, urgent, ended });
        Ok(end)
    }

    /// Makes a supervisor kill its task. A supervisor that has just ended is left alone.
    pub(super) fn cancel(&self, n: u64) {
        if let Some(supervisor) = self.waiting().by_task.get(&n) {
            let _ = supervisor.process.signal(Signal::SIGTERM);
        }
    }

    /// Reports the ends; returns only with an error.
    ///
    /// # Errors
    /// The event loop cannot watch the epoll any more: no memory.
    pub(super) async fn serve(&self) -> io::Result<Infallible> {
        let mut descriptor = self.epoll.0.as_fd().try_clone_to_owned()?;
        loop {
            let watched = readiness::watch(descriptor, Interest::READABLE)?;
            watched.readable().await?.retain_ready();
            descriptor = watched.into_inner();
            if self.waiting().urgent == 0 {
                time::sleep(PAUSE).await;
            }
            self.report()?;
        }
    }

    fn report(&self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        loop {
            let count = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
            let mut waiting = self.waiting();
            for event in events.iter().take(count) {
                let Some(supervisor) = waiting.by_task.remove(&event.data()) else { continue };
                waiting.urgent -= usize::from(supervisor.urgent);
                // ECHILD for an adopted supervisor; it has ended all the same, as its descriptor is
                // readable (pidfd_open(2)).
                let _ = supervisor.process.reap();
                // The receiver may be gone, at shutdown.
                let _ = supervisor.ended.send(());
            }
            if count < AT_ONCE {
                return Ok(());
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock()
    }
}
