//! Keeps hosts up to date with the CA: they get the bundle of roots that they are to trust, and,
//! when another authority has begun to sign, the word to renew at once.
//!
//! One task does it for all sessions, so many at a time. A host that is missed, since it had left or
//! too many were waiting, is up to date after its next connect.

use super::handshake::Services;
use super::session::{AgentRequest, Session};
use super::tls::{Tls, TlsFiles, server_side};
use crate::identity::{Identity, Issuance};
use crate::stop::Stop;
use agent_wire::Method;
use agent_wire::message::{CertTrust, line};
use fleet::identity::Issuer;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Sessions that wait for their turn.
const MAX_WAITING: usize = 4096;

/// Sessions that are served at once…
const AT_ONCE: usize = 32;

/// …and the time for each after it was told to renew: 200 renewals a second at most.
const PACE: Duration = Duration::from_millis(160);

/// The time for an agent to reply.
const REPLY: Duration = Duration::from_secs(20);

/// The longest time between two looks at what is due: the clock may be set meanwhile.
const MAX_SLEEP: Duration = Duration::from_secs(24 * 3600);

/// The end that sessions are announced at.
#[derive(Clone, Debug)]
pub(crate) struct TrustQueue(mpsc::Sender<Arc<Session>>);

/// The task's own end.
#[derive(Debug)]
pub(crate) struct TrustTask {
    waiting: mpsc::Receiver<Arc<Session>>,
}

/// Makes both ends.
pub(crate) fn trust_queue() -> (TrustQueue, TrustTask) {
    let (sender, waiting) = mpsc::channel(MAX_WAITING);
    (TrustQueue(sender), TrustTask { waiting })
}

impl TrustQueue {
    /// Announces a session that has just opened, if its host is behind.
    pub(super) fn opened(&self, session: &Arc<Session>, issuance: &Issuance) {
        if is_behind(session, issuance) && self.0.try_send(Arc::clone(session)).is_err() {
            log::debug!("{}: gets the CA bundle at its next connect", session.host);
        }
    }
}

/// What the task works with.
pub(crate) struct TrustParts {
    pub(crate) services: Arc<Services>,
    pub(crate) files: TlsFiles,
}

impl TrustTask {
    /// Works until the controller stops.
    pub(crate) async fn run(mut self, parts: TrustParts, mut stop: Stop) {
        let TrustParts { services, files } = parts;
        let identity = &services.identity;
        let mut issuances = identity.ca().follow();
        let mut serving = JoinSet::new();
        let mut rest: Vec<Arc<Session>> = Vec::new();
        loop {
            let has_room = serving.len() < AT_ONCE;
            if has_room && let Some(session) = rest.pop() {
                serving.spawn(bring_up_to_date(Arc::clone(identity), session));
                continue;
            }
            tokio::select! {
                Some(session) = self.waiting.recv(), if has_room => {
                    serving.spawn(bring_up_to_date(Arc::clone(identity), session));
                }
                Some(_) = serving.join_next(), if !serving.is_empty() => {}
                Ok(()) = issuances.changed() => {
                    replace_side(&services.tls, &files, &mut issuances).await;
                    let issuance = identity.ca().current();
                    rest = services.registry.everyone();
                    rest.retain(|session| is_behind(session, &issuance));
                }
                () = stop.requested() => return,
            }
        }
    }
}

/// Renews the CA's own certificates when they are due, until the controller stops.
pub(crate) async fn renew_own(identity: Arc<Identity>, mut stop: Stop) {
    loop {
        let due = identity.ca().until_due(std::time::SystemTime::now());
        // What is due and could not be renewed, for want of the root's key, is tried once a day.
        let wait = if due.is_zero() { MAX_SLEEP } else { due.min(MAX_SLEEP) };
        tokio::select! {
            () = sleep(wait) => {}
            () = stop.requested() => return,
        }
        let ca = Arc::clone(identity.ca());
        match tokio::task::spawn_blocking(move || ca.refresh()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!("the CA's certificates: {error}"),
            Err(error) => log::error!("renewing the CA's certificates failed: {error}"),
        }
    }
}

/// Takes up what the CA signs with now.
async fn replace_side(tls: &Tls, files: &TlsFiles, issuances: &mut watch::Receiver<Arc<Issuance>>) {
    let issuance = Arc::clone(&issuances.borrow_and_update());
    let files = files.clone();
    match tokio::task::spawn_blocking(move || server_side(&files, &issuance)).await {
        Ok(Ok(side)) => tls.replace(side),
        Ok(Err(error)) => log::error!("the agents' port keeps its certificates: {error}"),
        Err(error) => log::error!("reading the certificates failed: {error}"),
    }
}

fn is_behind(session: &Session, issuance: &Issuance) -> bool {
    session.issuer == Issuer::Own
        && issuance.bundle.is_some()
        && session.ca_version() < issuance.state.version
}

async fn bring_up_to_date(identity: Arc<Identity>, session: Arc<Session>) {
    let issuance = identity.ca().current();
    let wanted = issuance.state.bundle_version;
    if let Some(bundle) = &issuance.bundle
        && session.ca_version() < wanted
    {
        let trust = CertTrust { bundle: bundle.to_string(), version: wanted };
        if !ask(&session, |id| trust.to_line(id)).await {
            return;
        }
        session.note_ca_version(wanted);
        identity.note_trust(&session.host, wanted).await;
    }
    if session.ca_version() < issuance.state.version {
        renew_now(&session).await;
        sleep(PACE).await;
    }
}

/// Tells an agent to renew its certificate; returns whether it begins.
pub(super) async fn renew_now(session: &Arc<Session>) -> bool {
    ask(session, |id| {
        let mut text = Vec::new();
        let method = Method::CertRenewNow.name();
        line(&serde_json::json!({ "id": id, "method": method }), &mut text);
        text
    })
    .await
}

/// Sends a request of the controller itself; returns whether the agent did what it asks for.
pub(super) async fn ask(session: &Arc<Session>, text: impl FnOnce(&str) -> Vec<u8>) -> bool {
    let id = Uuid::new_v4().to_string();
    let line = text(&id);
    let Ok(waiting) = session.ask_own(AgentRequest { id, client_chose_id: false, line }) else {
        return false;
    };
    match timeout(REPLY, waiting.within(REPLY)).await {
        Ok(Ok(reply)) => {
            let succeeded = reply.contains("\"success\"");
            if !succeeded {
                log::warn!("{}: the agent does not take its certificates: {reply}", session.host);
            }
            succeeded
        }
        Ok(Err(_)) | Err(_) => false,
    }
}
