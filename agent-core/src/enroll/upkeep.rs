//! The front of the [`Renewer`]: `dispatch` hands it messages, `link` tells it which pair opened a
//! channel and waits for its word to open another, `agent.info` asks it for the host's standing.

use super::folder::MAX_CA;
use super::{Error, Folder, Renewer, Standing};
use crate::caller::Replies;
use agent_wire::message::CertAnswer;
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Messages to the renewer that wait; a server that sends more loses them.
const MAX_WAITING: usize = 16;

/// A message to the renewer.
pub(super) enum Event {
    /// A channel is open, and lines may be sent on it.
    Opened { number: u64, lines: Replies, is_next: bool },
    /// It has ended.
    Closed(u64),
    /// The server's answer to `cert.renew`.
    Answer(CertAnswer),
    /// `cert.renew_now`.
    RenewNow(oneshot::Sender<Result<&'static str, Error>>),
}

/// The renewer's front.
pub(crate) struct Upkeep {
    folder: Folder,
    standing: Mutex<Standing>,
    /// Which pair the link opens channels with; `None` with the operator's files.
    using: Mutex<Option<bool>>,
    /// The server's `goodbye`.
    goodbye: Mutex<Option<Parting>>,
    channels: AtomicU64,
    events: mpsc::Sender<Event>,
    reopen: Notify,
    reset: watch::Sender<Option<PathBuf>>,
}

/// What the server has said before it closes the channel.
pub(crate) struct Parting {
    /// The time within which the agent comes back.
    pub(crate) within: Duration,
    /// The servers that it tries first, as a redirect lists them.
    pub(crate) server: Option<String>,
}

/// A channel that the renewer may use; it ends when this is dropped.
pub(crate) struct Opened {
    upkeep: Arc<Upkeep>,
    number: u64,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.upkeep.tell(Event::Closed(self.number));
    }
}

impl Upkeep {
    /// Creates the renewer of a state directory and its front. The host id is the one in use until
    /// the host has joined.
    pub(crate) fn new(state_dir: &Path, host_id: &str) -> (Arc<Self>, Renewer) {
        let (events, received) = mpsc::channel(MAX_WAITING);
        let folder = Folder::of(state_dir);
        let upkeep = Arc::new(Self {
            folder: folder.clone(),
            standing: Mutex::new(Standing { host_id: host_id.to_owned(), ..Standing::default() }),
            using: Mutex::new(None),
            goodbye: Mutex::new(None),
            channels: AtomicU64::new(0),
            events,
            reopen: Notify::new(),
            reset: watch::Sender::new(None),
        });
        let renewer = Renewer::new(upkeep.clone(), folder, received);
        (upkeep, renewer)
    }

    /// Returns the host's standing.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.lock().clone()
    }

    /// Changes the host's standing.
    pub(crate) fn stand(&self, change: impl FnOnce(&mut Standing)) {
        change(&mut self.standing.lock());
    }

    /// Notes which pair the next channel is opened with: that of a renewal, the old one, or the
    /// operator's.
    pub(crate) fn uses(&self, is_next: Option<bool>) {
        *self.using.lock() = is_next;
    }

    /// Announces a channel to a controller. It is closed when the result is dropped.
    pub(crate) fn opened(self: &Arc<Self>, lines: &Replies) -> Option<Opened> {
        let is_next = (*self.using.lock())?;
        let number = self.channels.fetch_add(1, Ordering::Relaxed);
        self.tell(Event::Opened { number, lines: lines.clone(), is_next });
        Some(Opened { upkeep: self.clone(), number })
    }

    fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            log::warn!(
                "more than {MAX_WAITING} messages about certificates wait; one is discarded"
            );
        }
    }

    /// Notes the server's `goodbye`.
    pub(crate) fn goodbye(&self, parting: Parting) {
        *self.goodbye.lock() = Some(parting);
    }

    /// Returns the last `goodbye`, once.
    pub(crate) fn take_goodbye(&self) -> Option<Parting> {
        self.goodbye.lock().take()
    }

    /// Hands the renewer an answer to `cert.renew`.
    pub(crate) fn answer(&self, answer: CertAnswer) {
        self.tell(Event::Answer(answer));
    }

    /// Begins a renewal, and returns the words for the reply.
    ///
    /// # Errors
    /// When the host has not joined, no channel is open, or the key cannot be written.
    pub(crate) async fn renew_now(&self) -> Result<&'static str, Error> {
        if self.using.lock().is_none() {
            return Err(Error::NotEnrolled);
        }
        let (done, outcome) = oneshot::channel();
        self.events.send(Event::RenewNow(done)).await.map_err(|_| Error::Stopping)?;
        outcome.await.map_err(|_| Error::Stopping)?
    }

    /// Stores the CAs of `cert.trust`. Returns whether they are newer than the stored ones.
    ///
    /// # Errors
    /// When the host has not joined, or a file cannot be written.
    pub(crate) async fn trust(&self, bundle: String, version: u64) -> Result<bool, Error> {
        if self.using.lock().is_none() {
            return Err(Error::NotEnrolled);
        }
        if bundle.len() > MAX_CA {
            return Err(Error::Issued("the CAs are more than 256 KiB"));
        }
        let folder = self.folder.clone();
        blocking(move || folder.lock()?.trust(&bundle, version)).await
    }

    /// Sets the key aside for `cert.reset`. The link then joins again, or the daemon stops.
    ///
    /// # Errors
    /// When the host has not joined, or the files cannot be renamed.
    pub(crate) async fn set_aside(&self) -> Result<PathBuf, Error> {
        if self.using.lock().is_none() {
            return Err(Error::NotEnrolled);
        }
        let folder = self.folder.clone();
        blocking(move || folder.lock()?.set_aside()).await
    }

    /// Tells the link and the daemon that the key was set aside: the link leaves the channel, and
    /// the host joins again, or the daemon stops.
    pub(crate) fn was_reset(&self, set_aside: PathBuf) {
        self.reset.send_replace(Some(set_aside));
    }

    /// Waits until the key is set aside from now on, and returns its file.
    pub(crate) async fn lost_its_key(&self) -> PathBuf {
        let mut reset = self.reset.subscribe();
        match reset.changed().await {
            Ok(()) => reset.borrow().clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until the present channel should be closed at a quiet moment and opened with a renewed
    /// pair.
    pub(crate) async fn wants_another_channel(&self) {
        self.reopen.notified().await;
    }

    /// Has the link open another channel, at a quiet moment.
    pub(super) fn reopen(&self) {
        self.reopen.notify_one();
    }

    /// Has the link open another channel, at a quiet moment, if the present one is of another host
    /// id or of the operator's files.
    pub(crate) fn host_is(&self, host_id: &str) {
        if self.using.lock().is_none() || self.standing.lock().host_id != host_id {
            self.reopen();
        }
    }

    /// Forgets what was wished of the channel before.
    pub(crate) fn forget_wishes(&self) {
        pin!(self.reopen.notified()).enable();
        self.take_goodbye();
    }
}

/// Runs work with files on a thread where it may wait for a disk or a lock.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime ends, or the work panicked, which the log has.
        Err(_) => Err(Error::Stopping),
    }
}
