//! The renewer: the long-lived task that renews the host's certificate in the channel, and carries
//! out `cert.*` (§9).
//!
//! Between renewals it sleeps on one timer, which a clock that is set wakes too, and only while a
//! channel is open. The rest of the agent holds an [`Upkeep`], the renewer's front: `dispatch` hands
//! it messages, `link` tells it which pair opened a channel and waits for its word to open another.

use super::folder::MAX_CA;
use super::{Error, Folder, Joined, Standing, State, now};
use crate::caller::Replies;
use crate::schedule::Timer;
use crate::shutdown::Stopping;
use agent_wire::json::quote;
use agent_wire::message::{CertAnswer, CertRenew, Issued, line};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// Messages to the renewer that wait; a server that sends more loses them.
const MAX_WAITING: usize = 16;

/// The least and the greatest time, in seconds, between two attempts to renew.
const RETRY: std::ops::RangeInclusive<i64> = 60..=24 * 60 * 60;

/// A message to the renewer.
enum Event {
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
    /// The time within which the agent comes back, from the server's `goodbye`.
    goodbye: Mutex<Option<Duration>>,
    channels: AtomicU64,
    events: mpsc::Sender<Event>,
    reopen: Notify,
    reset: watch::Sender<Option<PathBuf>>,
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
        let renewer = Renewer {
            upkeep: upkeep.clone(),
            folder,
            received,
            channel: None,
            timer: None,
            asked: None,
        };
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
    pub(crate) fn goodbye(&self, return_within: Duration) {
        *self.goodbye.lock() = Some(return_within);
    }

    /// Returns the time in the last `goodbye`, once.
    pub(crate) fn take_goodbye(&self) -> Option<Duration> {
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

    /// Sets the key aside for `cert.reset`. The link then joins anew, or the daemon stops.
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
    /// the host joins anew, or the daemon stops.
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

    /// Has the link open another channel, at a quiet moment, if the present one is of another host
    /// id or of the operator's files.
    pub(crate) fn host_is(&self, host_id: &str) {
        if self.using.lock().is_none() || self.standing.lock().host_id != host_id {
            self.reopen.notify_one();
        }
    }

    /// Forgets what was wished of the channel before.
    pub(crate) fn forget_wishes(&self) {
        pin!(self.reopen.notified()).enable();
        self.take_goodbye();
    }
}

/// Runs work with files on a thread where it may wait for a disk or a lock.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        // The runtime ends, or the work panicked, which the log has.
        Err(_) => Err(Error::Stopping),
    }
}

/// The task's own state.
pub(crate) struct Renewer {
    upkeep: Arc<Upkeep>,
    folder: Folder,
    received: mpsc::Receiver<Event>,
    /// The open channel, and the way to it.
    channel: Option<(u64, Replies)>,
    /// Made when the first channel of an enrolled host opens.
    timer: Option<Timer>,
    /// The renewal that was asked for on this channel.
    asked: Option<String>,
}

impl Renewer {
    /// Works until the agent stops.
    pub(crate) async fn run(mut self, mut stopping: Stopping) {
        loop {
            let event = tokio::select! {
                event = self.received.recv() => event,
                () = expired(self.timer.as_ref()) => {
                    self.look(false).await;
                    continue;
                }
                () = stopping.begun() => return,
            };
            match event {
                None => return,
                Some(Event::Opened { number, lines, is_next }) => {
                    self.channel = Some((number, lines));
                    self.asked = None;
                    self.opened(is_next).await;
                }
                Some(Event::Closed(number)) => {
                    if self.channel.as_ref().is_some_and(|(open, _)| *open == number) {
                        self.channel = None;
                        self.wake_at(None);
                    }
                }
                Some(Event::Answer(answer)) => self.answered(answer).await,
                Some(Event::RenewNow(done)) => {
                    let _ = done.send(self.renew(true).await);
                }
            }
        }
    }

    async fn joined(&self) -> Result<Option<Joined>, Error> {
        let folder = self.folder.clone();
        blocking(move || folder.joined()).await
    }

    /// Settles on the pair that has opened a channel, then looks whether a renewal is due.
    async fn opened(&mut self, is_next: bool) {
        let folder = self.folder.clone();
        let settled = blocking(move || {
            let locked = folder.lock()?;
            if is_next {
                return locked.promote();
            }
            // The old pair is in use although a new one is there: the server has rejected that.
            match locked.joined()? {
                Some(joined) if joined.pairs.len() > 1 => locked.reject_next(),
                _ => Ok(()),
            }
        });
        if let Err(error) = settled.await {
            log::warn!("the files of the host's identity stay as they are: {error}");
        }
        self.look(false).await;
    }

    /// Begins a renewal if it is due, or sets the timer to when it is.
    async fn look(&mut self, is_asked_for: bool) {
        if let Err(error) = self.renew(is_asked_for).await {
            log::error!("the host's certificate is not renewed: {error}");
            self.wake_at(Some(now().saturating_add(*RETRY.start() * 10)));
        }
    }

    /// Asks for a new certificate if that is due or asked for. Returns what happened, for a reply.
    async fn renew(&mut self, is_asked_for: bool) -> Result<&'static str, Error> {
        let Some((_, lines)) = self.channel.clone() else {
            return Err(Error::NoChannel);
        };
        let joined = self.joined().await?.ok_or(Error::NotEnrolled)?;
        self.show(&joined);
        let pair = &joined.pairs[0];
        if pair.is_next {
            return Ok("The renewed certificate is there already");
        }
        let due = joined.renewal(pair);
        if !is_asked_for && !joined.is_renewing && now() < due {
            self.wake_at(Some(due));
            return Ok("Not due");
        }
        if is_asked_for && self.asked.is_some() {
            return Ok("A renewal is under way");
        }
        let folder = self.folder.clone();
        let key = blocking(move || folder.lock()?.begin_renewal()).await?;
        let (renewal_id, csr) = (key.renewal_id(), key.request()?);
        let mut text = Vec::new();
        line(&CertRenew { renewal_id: renewal_id.clone(), csr }, &mut text);
        lines.send(text).await.map_err(|_| Error::NoChannel)?;
        log::info!("asked for a new certificate (renewal {renewal_id})");
        self.asked = Some(renewal_id);
        let time = pair.leaf.not_after.saturating_sub(pair.leaf.not_before);
        self.retry_in(time / 10);
        Ok("A renewal has begun")
    }

    /// Handles the server's answer.
    async fn answered(&mut self, answer: CertAnswer) {
        match answer {
            CertAnswer::Renewed { renewal_id, certificate, generation, ca, ca_version } => {
                if self.asked.as_ref() != Some(&renewal_id) {
                    return log::info!("a certificate that was not asked for is ignored");
                }
                let host_id = self.upkeep.standing().host_id;
                let issued = Issued { host_id, certificate, ca, ca_version, generation };
                let folder = self.folder.clone();
                match blocking(move || folder.lock()?.complete_renewal(&issued)).await {
                    Ok(()) => {
                        self.asked = None;
                        self.wake_at(None);
                        log::info!(
                            "the certificate is renewed (generation {generation}); the channel is \
                             opened again with it at a quiet moment"
                        );
                        self.upkeep.reopen.notify_one();
                    }
                    Err(error) => log::error!("the renewed certificate is not used: {error}"),
                }
            }
            CertAnswer::Refused { renewal_id, retcode, message, retry_after } => {
                if self.asked.as_ref() != Some(&renewal_id) {
                    return;
                }
                self.asked = None;
                log::error!(
                    "the server rejects the renewal of the certificate: {retcode} {}",
                    quote(&message)
                );
                if let Some(seconds) = retry_after {
                    self.retry_in(i64::try_from(seconds).unwrap_or(i64::MAX));
                }
            }
        }
    }

    fn show(&self, joined: &Joined) {
        self.upkeep.stand(|standing| standing.show(joined));
    }

    /// Sets the timer to so many seconds from now, within [`RETRY`].
    fn retry_in(&mut self, seconds: i64) {
        let seconds = seconds.clamp(*RETRY.start(), *RETRY.end());
        self.wake_at(Some(now().saturating_add(seconds)));
    }

    fn wake_at(&mut self, at: Option<i64>) {
        if self.timer.is_none() && at.is_some() {
            self.timer = Timer::new()
                .inspect_err(|error| log::error!("no timer for the renewal: {error}"))
                .ok();
        }
        if let Some(timer) = &self.timer
            && let Err(error) = timer.set(at)
        {
            log::error!("no timer for the renewal: {error}");
        }
    }
}

impl Standing {
    /// Shows the identity of a host that has joined.
    pub(crate) fn show(&mut self, joined: &Joined) {
        self.host_id.clone_from(&joined.host_id);
        self.state = State::Enrolled;
        self.not_after = joined.pairs.first().map(|pair| pair.leaf.not_after);
        self.generation = Some(joined.record.generation);
    }
}

async fn expired(timer: Option<&Timer>) {
    match timer {
        Some(timer) => timer.expired().await,
        None => std::future::pending().await,
    }
}
