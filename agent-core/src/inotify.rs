//! inotify(7) on the event loop.

use agent_sys::readiness;
use nix::errno::Errno;
use nix::sys::inotify::{InitFlags, Inotify};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An inotify instance whose events can be awaited.
pub(crate) struct Events {
    inotify: Inotify,
    /// A second descriptor of the same, for the event loop.
    watched: AsyncFd<OwnedFd>,
}

impl Events {
    /// Opens an instance without watches.
    ///
    /// # Errors
    /// The system call that failed, and why: the host has no more inotify instances or memory.
    pub(crate) fn open() -> Result<Self, (&'static str, io::Error)> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)
            .map_err(|errno| ("inotify_init1", errno.into()))?;
        let second = inotify.as_fd().try_clone_to_owned();
        let watched = second
            .and_then(|second| readiness::watch(second, Interest::READABLE))
            .map_err(|source| ("epoll_ctl", source))?;
        Ok(Self { inotify, watched })
    }

    /// Returns the instance, for its watches.
    pub(crate) fn inotify(&self) -> &Inotify {
        &self.inotify
    }

    /// Waits for events and reads some of them. Dropping the future loses none.
    pub(crate) async fn read(&self) {
        loop {
            let Ok(mut ready) = self.watched.readable().await else {
                return std::future::pending().await;
            };
            match self.inotify.read_events() {
                Err(Errno::EAGAIN) => ready.clear_ready(),
                // Lost events are changes too.
                _ => return,
            }
        }
    }
}
