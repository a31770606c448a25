//! [`Session`]: the end of an agent's session that callers hold, and the mailbox between it and the
//! channel.

use super::peer::{Peer, Restriction};
use super::reply::{NoReply, PendingReply};
use super::stream::{OutputStream, StreamInput};
use agent_wire::Method;
use agent_wire::message::line;
use fleet::Digest;
use fleet::identity::Issuer;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

/// Requests that may wait for one agent's replies.
const MAX_PENDING: usize = 4096;

/// Bytes of requests that may wait for one agent's stream.
const MAX_OUTGOING: usize = 8 << 20;

/// Bytes beyond that for the controller's own messages: acknowledgements and cancellations.
const MAX_OUTGOING_OWN: usize = 1 << 20;

/// The time for a host's session to answer a ping when a newer one comes.
const PROBE: Duration = Duration::from_secs(5);

/// One agent's session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The host id, which the agent's certificate names.
    pub(crate) host: String,
    /// The address that the agent connected from.
    pub(crate) address: SocketAddr,
    /// The version that the agent reported.
    pub(crate) version: Option<String>,
    /// The boot that the agent reported.
    pub(crate) boot: Option<String>,
    /// The key that the agent proved.
    pub(crate) key: Digest,
    /// Who signed its certificate.
    pub(crate) issuer: Issuer,
    /// When `init` was accepted.
    pub(crate) connected_at: SystemTime,
    /// The version of the CA bundle that the agent has.
    ca_version: AtomicU64,
    mailbox: Mutex<Mailbox>,
    /// Wakes the channel when the mailbox holds something for it.
    wake: Notify,
}

#[derive(Default)]
struct Mailbox {
    /// Whole lines that the channel has not fetched yet.
    outgoing: Vec<u8>,
    /// The requests without a reply, by id.
    pending: HashMap<String, Pending>,
    /// Set when the session is to close or has ended: nothing is accepted anymore.
    closing: Option<CloseReason>,
    /// Set while the host gets no request.
    restriction: Option<Restriction>,
    /// A result was not taken because of that.
    skipped: bool,
}

/// A request without a reply.
enum Pending {
    Reply(oneshot::Sender<Result<String, NoReply>>),
    Output(StreamInput),
}

/// Why a session is to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// A newer session has its place, or it has ended already.
    Replaced,
    /// The agent is to reconnect and redeliver the results that could not be stored before.
    Redelivery,
    /// The host may not be connected anymore: it was removed or banned.
    Revoked,
    /// The agent is to come back with the certificate that it has got.
    Renewed,
    /// The agent is to go to another node.
    Moved,
    /// The controller is shutting down.
    Stopped,
}

/// A request to an agent.
#[derive(Clone)]
pub(crate) struct AgentRequest {
    /// Its id.
    pub(crate) id: String,
    /// Whether the client chose the id; another client may choose the same.
    pub(crate) client_chose_id: bool,
    /// Its text, ended by `\n`.
    pub(crate) line: Vec<u8>,
}

impl fmt::Debug for AgentRequest {
    /// Leaves out the line, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRequest")
            .field("id", &self.id)
            .field("client_chose_id", &self.client_chose_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Mailbox {
    /// Leaves out the requests, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

/// A message for the channel.
pub(super) enum Fetched {
    Lines(Vec<u8>),
    Close(CloseReason),
}

impl Session {
    /// Makes the session of an agent whose `init` has just been accepted.
    pub(super) fn new(peer: Peer, connected_at: SystemTime) -> Self {
        let Peer { host, address, version, boot, key, issuer, ca_version } = peer;
        Self {
            host,
            address,
            version,
            boot,
            key,
            issuer,
            connected_at,
            ca_version: AtomicU64::new(ca_version.unwrap_or_default().into()),
            mailbox: Mutex::default(),
            wake: Notify::new(),
        }
    }

    /// Returns the version of the CA bundle that the agent has; 0 if it has none of ours.
    pub(crate) fn ca_version(&self) -> u64 {
        self.ca_version.load(Ordering::Relaxed)
    }

    /// Notes that the agent has this version of the CA bundle.
    pub(super) fn note_ca_version(&self, version: u64) {
        self.ca_version.fetch_max(version, Ordering::Relaxed);
    }

    /// Returns why the host gets no request, if it gets none.
    pub(crate) fn restriction(&self) -> Option<Restriction> {
        self.mailbox.lock().restriction.clone()
    }

    /// Begins or ends a time in which the host gets no request. Requests that are under way get
    /// their replies.
    pub(super) fn restrict(&self, restriction: Option<Restriction>) {
        let mut mailbox = self.mailbox.lock();
        mailbox.restriction = restriction;
        let redeliver = mailbox.restriction.is_none() && mailbox.skipped;
        drop(mailbox);
        if redeliver {
            self.close_for_redelivery();
        }
    }

    /// Returns whether a result of this session is to be stored. A host that was never approved
    /// could fill the store, and a clone would answer for the host that it was made of.
    pub(super) fn takes_results(&self) -> bool {
        let mut mailbox = self.mailbox.lock();
        match mailbox.restriction {
            None | Some(Restriction::Quarantined(_)) => true,
            Some(Restriction::Pending | Restriction::Clone(_)) => {
                mailbox.skipped = true;
                false
            }
        }
    }

    /// Sends an operator's request.
    ///
    /// # Errors
    /// [`NoReply::Withheld`] when the host gets no request, [`NoReply::Busy`] when a bound is
    /// reached, [`NoReply::Duplicate`] when the id is in use, [`NoReply::Disconnected`] when the
    /// session is over.
    pub(crate) fn ask(self: &Arc<Self>, request: AgentRequest) -> Result<PendingReply, NoReply> {
        self.check_restriction()?;
        self.ask_own(request)
    }

    /// Sends a request of the controller itself, which a restricted host gets too.
    ///
    /// # Errors
    /// As [`Session::ask`], but [`NoReply::Withheld`].
    pub(super) fn ask_own(
        self: &Arc<Self>,
        request: AgentRequest,
    ) -> Result<PendingReply, NoReply> {
        let (sender, receiver) = oneshot::channel();
        let (id, keep_id) = (request.id.clone(), request.client_chose_id);
        self.enter(request, Pending::Reply(sender))?;
        Ok(PendingReply::new(Arc::clone(self), id, keep_id, receiver))
    }

    /// Sends a request and returns its output as it arrives.
    ///
    /// # Errors
    /// As [`Session::ask`].
    pub(crate) fn stream(self: &Arc<Self>, request: AgentRequest) -> Result<OutputStream, NoReply> {
        self.check_restriction()?;
        let (stream, input) = OutputStream::new(Arc::clone(self), request.id.clone());
        self.enter(request, Pending::Output(input))?;
        Ok(stream)
    }

    fn check_restriction(&self) -> Result<(), NoReply> {
        match &self.mailbox.lock().restriction {
            None => Ok(()),
            Some(why) => Err(NoReply::Withheld(why.to_string().into())),
        }
    }

    fn enter(&self, request: AgentRequest, pending: Pending) -> Result<(), NoReply> {
        let mut mailbox = self.mailbox.lock();
        if mailbox.closing.is_some() {
            return Err(NoReply::Disconnected);
        }
        if mailbox.pending.len() >= MAX_PENDING
            || mailbox.outgoing.len() + request.line.len() > MAX_OUTGOING
        {
            return Err(NoReply::Busy);
        }
        match mailbox.pending.entry(request.id) {
            Entry::Occupied(_) => return Err(NoReply::Duplicate),
            Entry::Vacant(place) => place.insert(pending),
        };
        mailbox.outgoing.extend_from_slice(&request.line);
        drop(mailbox);
        self.wake.notify_one();
        Ok(())
    }

    /// Sends a message that needs no reply. It may get lost: when the agent does not read, or has
    /// disconnected.
    pub(super) fn post(&self, line: &[u8]) {
        let mut mailbox = self.mailbox.lock();
        if mailbox.closing.is_some()
            || mailbox.outgoing.len() + line.len() > MAX_OUTGOING + MAX_OUTGOING_OWN
        {
            return log::debug!(
                "{}: discarded a message to the agent: it does not read",
                self.host
            );
        }
        mailbox.outgoing.extend_from_slice(line);
        drop(mailbox);
        self.wake.notify_one();
    }

    /// Cancels a command whose client has gone.
    pub(super) fn cancel(&self, id: &str) {
        self.forget(id);
        let mut bytes = Vec::new();
        let own = Uuid::new_v4().to_string();
        let method = Method::SyncCancel;
        line(&serde_json::json!({ "id": own, "method": method.name(), "target": id }), &mut bytes);
        self.post(&bytes);
    }

    /// Returns the number of requests without a reply.
    pub(crate) fn pending(&self) -> usize {
        self.mailbox.lock().pending.len()
    }

    /// Returns the number of bytes that wait for the channel.
    pub(crate) fn outgoing(&self) -> usize {
        self.mailbox.lock().outgoing.len()
    }

    /// Ends the session; every wait ends at once.
    pub(super) fn close(&self) {
        self.close_because(CloseReason::Replaced);
    }

    /// Ends the session because the controller is shutting down.
    pub(super) fn close_for_shutdown(&self) {
        self.close_because(CloseReason::Stopped);
    }

    /// Ends the session so that the agent reconnects and redelivers what is not acknowledged.
    pub(super) fn close_for_redelivery(&self) {
        self.close_because(CloseReason::Redelivery);
    }

    /// Ends the session for this reason; every wait ends at once.
    pub(super) fn close_because(&self, reason: CloseReason) {
        let mut mailbox = self.mailbox.lock();
        mailbox.closing.get_or_insert(reason);
        let pending = std::mem::take(&mut mailbox.pending);
        mailbox.outgoing = Vec::new();
        drop(mailbox);
        // Outside of the lock: each drop wakes a client.
        drop(pending);
        self.wake.notify_one();
    }

    /// Waits until there is something for the channel to do; returns lines only if it `can_write`.
    /// Dropped half-way, it loses nothing.
    pub(super) async fn fetch(&self, can_write: bool) -> Fetched {
        loop {
            if let Some(fetched) = self.try_fetch(can_write) {
                return fetched;
            }
            self.wake.notified().await;
        }
    }

    fn try_fetch(&self, can_write: bool) -> Option<Fetched> {
        let mut mailbox = self.mailbox.lock();
        if let Some(reason) = mailbox.closing {
            return Some(Fetched::Close(reason));
        }
        let has_lines = can_write && !mailbox.outgoing.is_empty();
        has_lines.then(|| Fetched::Lines(std::mem::take(&mut mailbox.outgoing)))
    }

    /// Delivers a reply; returns `false` when nothing waits for it.
    pub(super) fn reply(&self, id: &str, text: impl FnOnce() -> String) -> bool {
        let pending = self.mailbox.lock().pending.remove(id);
        match pending {
            None => false,
            Some(Pending::Reply(sender)) => sender.send(Ok(text())).is_ok(),
            Some(Pending::Output(input)) => {
                input.reply(id, &text());
                true
            }
        }
    }

    /// Ends the wait for a reply that cannot be read; returns `false` when nothing waits for it.
    pub(super) fn fail(&self, id: &str, why: &str) -> bool {
        let pending = self.mailbox.lock().pending.remove(id);
        let why = NoReply::Invalid(why.into());
        match pending {
            None => false,
            Some(Pending::Reply(sender)) => sender.send(Err(why)).is_ok(),
            Some(Pending::Output(input)) => {
                input.fail(why);
                true
            }
        }
    }

    /// Returns whether the agent answers a ping within this time.
    pub(super) async fn answers(self: &Arc<Self>, within: Duration) -> bool {
        let id = Uuid::new_v4().to_string();
        let mut text = Vec::new();
        line(&serde_json::json!({ "id": id, "method": Method::AgentPing.name() }), &mut text);
        match self.ask_own(AgentRequest { id, client_chose_id: false, line: text }) {
            Ok(reply) => reply.within(within).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Returns the agent's address if it is beside a newer one of its host: it answers, and the newer
    /// one has not just renewed its certificate.
    pub(super) async fn is_beside(
        self: &Arc<Self>,
        boot: Option<&str>,
        key: Digest,
    ) -> Option<String> {
        let has_renewed = self.boot.is_some() && self.boot.as_deref() == boot && self.key != key;
        if has_renewed || !self.answers(PROBE).await {
            return None;
        }
        Some(self.address.to_string())
    }

    /// Returns why requests that had no reply when the session ended have none.
    pub(super) fn end(&self) -> NoReply {
        match self.mailbox.lock().closing {
            Some(CloseReason::Stopped) => NoReply::Stopping,
            Some(
                CloseReason::Replaced
                | CloseReason::Redelivery
                | CloseReason::Revoked
                | CloseReason::Renewed
                | CloseReason::Moved,
            )
            | None => NoReply::Disconnected,
        }
    }

    /// Delivers a frame with `bytes` of output; discards it when nothing waits for it.
    pub(super) fn output(&self, id: &str, text: impl FnOnce() -> String, bytes: u64) {
        if let Some(Pending::Output(input)) = self.mailbox.lock().pending.get(id) {
            input.frame(id, &text(), bytes);
        }
    }

    /// Discards the reply to a request, should it come.
    pub(super) fn forget(&self, id: &str) {
        // Bound to a name so that it is dropped after the lock.
        let _pending = self.mailbox.lock().pending.remove(id);
    }
}

#[cfg(test)]
pub(super) mod tests;
