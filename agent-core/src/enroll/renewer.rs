//! The renewer: the long-lived task that renews the host's certificate in the channel (§9).
//!
//! Between renewals it sleeps on one timer, which a clock that is set wakes too, and only while a
//! channel is open. The rest of the agent holds an [`Upkeep`], its front.

use super::upkeep::{Event, Upkeep, blocking};
use super::{Error, Folder, Joined, now};
use crate::caller::Replies;
use crate::schedule::Timer;
use crate::shutdown::Stopping;
use agent_wire::json::sentence;
use agent_wire::message::{CertAnswer, CertRenew, Issued, line};
use std::sync::Arc;
use tokio::sync::mpsc;

/// The least and the greatest time, in seconds, between two attempts to renew.
const RETRY: std::ops::RangeInclusive<i64> = 60..=24 * 60 * 60;

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
    pub(super) fn new(
        upkeep: Arc<Upkeep>,
        folder: Folder,
        received: mpsc::Receiver<Event>,
    ) -> Self {
        Self { upkeep, folder, received, channel: None, timer: None, asked: None }
    }

    /// Works until the agent stops.
    pub(crate) async fn run(mut self, mut stopping: Stopping) {
        loop {
            let event = tokio::select! {
                event = self.received.recv() => event,
                // A clock that is set wakes the timer without a channel too; the next one looks.
                () = expired(self.timer.as_ref()), if self.channel.is_some() => {
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
                        self.upkeep.reopen();
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
                    sentence(&message)
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

async fn expired(timer: Option<&Timer>) {
    match timer {
        Some(timer) => timer.expired().await,
        None => std::future::pending().await,
    }
}
