//! The line to one zygote: launches go out, replies come back in the same order.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use agent_sys::pidfd::PidFd;
use agent_sys::running::{Attempt, Running};
use agent_sys::{Files, Holder, Launch, readiness, zygote};
use log::warn;
use nix::sys::socket::{self, Shutdown};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};

/// Looks for replies of a zygote that has ended: more than packets fit into a socket.
const LAST_LOOKS: usize = 1024;

/// The line to one zygote.
#[derive(Debug)]
pub(super) struct Line {
    socket: AsyncFd<OwnedFd>,
    pub(super) process: AsyncFd<PidFd>,
    /// Launches without a reply so far, in their order; `None` once the zygote is gone.
    pending: Mutex<Option<VecDeque<PendingLaunch>>>,
    /// Becomes true once the zygote is gone and launches go to another one, or to none.
    replaced: watch::Sender<bool>,
}

#[derive(Debug)]
struct PendingLaunch {
    id: u64,
    answer: oneshot::Sender<Result<io::Result<PidFd>, Lost>>,
}

/// Why a launch got no reply.
#[derive(Debug)]
pub(super) enum Lost {
    /// It certainly did not begin.
    NotBegun,
    /// It may have begun.
    NoAnswer,
}

impl Line {
    pub(super) fn new(socket: AsyncFd<OwnedFd>, process: AsyncFd<PidFd>) -> Self {
        let pending = Mutex::new(Some(VecDeque::new()));
        Self { socket, process, pending, replaced: watch::Sender::new(false) }
    }

    /// Sends a launch; the receiver returned gets its reply.
    pub(super) async fn order(
        &self,
        launch: &Launch<'_>,
        files: Files<'_>,
        holder: Holder<'_>,
    ) -> io::Result<oneshot::Receiver<Result<io::Result<PidFd>, Lost>>> {
        let (answer, answered) = oneshot::channel();
        let mut answer = Some(answer);
        let mut order = |socket: &OwnedFd| -> io::Result<()> {
            // Locked over both: replies come in the order in which launches were sent.
            let mut pending = self.pending();
            let Some(pending) = &mut *pending else { return Err(io::ErrorKind::BrokenPipe.into()) };
            zygote::request(socket, launch, files, holder)?;
            pending.extend(answer.take().map(|answer| PendingLaunch { id: launch.id, answer }));
            Ok(())
        };
        match order(self.socket.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Watched only while the socket is full: each launch it takes would wake us.
                let socket = self.socket.get_ref().try_clone()?;
                let socket = readiness::watch(socket, Interest::WRITABLE)?;
                Box::pin(socket.async_io(Interest::WRITABLE, order)).await?;
            }
            pending => pending?,
        }
        Ok(answered)
    }

    /// Receives replies until the zygote is gone; returns `false` after a reply that makes no
    /// sense.
    pub(super) async fn take_answers(&self) -> bool {
        loop {
            let received =
                self.socket.async_io(Interest::READABLE, |socket| zygote::receive_replies(socket));
            match received.await.map(|answers| self.pass_on(answers)) {
                Ok(true) => {}
                Ok(false) => {
                    warn!("the zygote sent an unexpected reply; replacing it");
                    return false;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return true,
                Err(error) => {
                    warn!("cannot read the zygote's replies: {error}; replacing it");
                    return false;
                }
            }
        }
    }

    /// Passes replies on; returns whether they are for the launches sent, in their order.
    fn pass_on(&self, answers: Vec<zygote::Reply>) -> bool {
        let mut pending = self.pending();
        let Some(pending) = &mut *pending else { return false };
        answers.into_iter().all(|(id, made)| {
            match pending.pop_front() {
                Some(first) if first.id == id => {
                    // At shutdown the receiver may be gone.
                    let _ = first.answer.send(Ok(made));
                    true
                }
                Some(other) => {
                    pending.push_front(other);
                    false
                }
                None => false,
            }
        })
    }

    /// After the zygote's end: passes on its last replies, and decides for each other launch, by
    /// the zygote's own notes, whether it may have begun.
    pub(super) fn give_up(&self, running: &Running) {
        for _ in 0..LAST_LOOKS {
            match zygote::receive_replies(self.socket.get_ref()) {
                Ok(answers) => {
                    self.pass_on(answers);
                }
                // Reported once, before the packets that wait.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(_) => break,
            }
        }
        let pending = self.pending().take().unwrap_or_default();
        let attempted = pending.iter().position(|pending| pending.id == running.attempted());
        for (at, PendingLaunch { id, answer }) in pending.into_iter().enumerate() {
            let process = match attempted {
                Some(attempted) if at <= attempted => running.attempted_process(id),
                _ => Attempt::NotMade,
            };
            let _ = answer.send(match process {
                // Our child, not reaped yet: so the number is still its own.
                Attempt::Made(pid) => PidFd::open(pid).map(Ok).map_err(|_| Lost::NoAnswer),
                Attempt::NotMade => Err(Lost::NotBegun),
                Attempt::Unknown => Err(Lost::NoAnswer),
            });
        }
    }

    /// Tells the launches that wait in [`Line::replaced`] to go on.
    pub(super) fn set_replaced(&self) {
        self.replaced.send_replace(true);
    }

    /// Returns when launches go to another zygote, or to none.
    pub(super) async fn replaced(&self) {
        // The sender is ours.
        let _ = self.replaced.subscribe().wait_for(|replaced| *replaced).await;
    }

    /// Returns when the zygote has ended; reaps it.
    pub(super) async fn ended(&self) {
        while let Ok(mut guard) = self.process.readable().await {
            match self.process.get_ref().reap() {
                Ok(None) => guard.clear_ready(),
                // ECHILD: reaped already.
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// Shuts the socket down, at which the zygote cleans up and ends.
    pub(super) fn hang_up(&self) {
        // ENOTCONN: it is gone.
        let _ = socket::shutdown(self.socket.get_ref().as_raw_fd(), Shutdown::Both);
    }

    fn pending(&self) -> MutexGuard<'_, Option<VecDeque<PendingLaunch>>> {
        self.pending.lock()
    }
}

/// Returns whether an error means that the zygote is gone; any other error is the launch's own.
pub(super) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}
