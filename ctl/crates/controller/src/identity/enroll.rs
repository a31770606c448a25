//! A host asks to join by a token.

use super::csr::PublicKey;
use super::doors::Door;
use super::name::can_name_a_host;
use super::refusal::Refused;
use super::service::{Identity, sign};
use crate::log_limit::{LogLimit, log_limited};
use crate::metrics::Enrollment;
use crate::store;
use crate::store::milliseconds;
use agent_wire::Retcode;
use agent_wire::message::{Enroll, EnrollReply, EnrollRequest};
use fleet::identity::{Answer, EnrollRefusal, PENDING_RETRY_AFTER};
use fleet::{Digest, JoinRefusal, JoinToken, TokenId};
use std::net::IpAddr;
use std::time::{Instant, SystemTime};
use uuid::Uuid;

/// Log lines a minute about hosts that do not join. Anybody can cause them.
static REFUSALS: LogLimit = LogLimit::new(30);

/// The longest wait that a host is asked for when too many come: a random part of it, so that they
/// do not come together again.
const MAX_SPREAD: u64 = 30;

impl Identity {
    /// Answers a host that joins or recovers; `exporter` is the connection's keying material.
    pub(crate) async fn join(
        &self,
        request: &EnrollRequest,
        source: IpAddr,
        exporter: &[u8; 32],
    ) -> EnrollReply {
        let token = match request {
            EnrollRequest::Enroll(request) => JoinToken::parse(request.token.reveal()).ok(),
            EnrollRequest::Recover(_) => None,
        };
        let answered = match self.pass(source, token.as_ref().map(JoinToken::id)).await {
            Ok(()) => self.answered(request, source, exporter).await,
            Err(refused) => Err(refused),
        };
        self.told(answered, source)
    }

    /// Answers a host that has waited in this connection, and so has passed the door.
    pub(crate) async fn join_after_wait(
        &self,
        request: &EnrollRequest,
        source: IpAddr,
        exporter: &[u8; 32],
    ) -> EnrollReply {
        self.told(self.answered(request, source, exporter).await, source)
    }

    async fn answered(
        &self,
        request: &EnrollRequest,
        source: IpAddr,
        exporter: &[u8; 32],
    ) -> Result<(EnrollReply, Enrollment), Refused> {
        match request.clone() {
            EnrollRequest::Enroll(request) => self.enroll(request, source).await,
            EnrollRequest::Recover(request) => self.recover(request, source, exporter).await,
        }
    }

    /// Counts an answer, and makes the reply of it.
    fn told(
        &self,
        answered: Result<(EnrollReply, Enrollment), Refused>,
        source: IpAddr,
    ) -> EnrollReply {
        let (reply, outcome) = answered.unwrap_or_else(|refused| {
            log_limited!(REFUSALS, info, "{source}: a host does not join: {}", refused.why);
            (refused.reply(), refused.outcome)
        });
        self.metrics.enrollments.add_one(outcome);
        reply
    }

    async fn enroll(
        &self,
        request: Enroll,
        source: IpAddr,
    ) -> Result<(EnrollReply, Enrollment), Refused> {
        let Ok(token) = JoinToken::parse(request.token.reveal()) else {
            return Err(self.wrong_token(source));
        };
        let wanted = request.hostname.map(nameable).transpose()?;
        let key = PublicKey::of_request(&request.csr).map_err(Refused::invalid)?;
        let machine = machine(request.joiner.machine.as_deref())?;
        let issuance = self.ca.current();
        let now = SystemTime::now();
        let stored = self.store.enroll(store::EnrollRequest {
            token: token.id().clone(),
            secret: token.secret_digest(),
            key: key.hash(),
            wanted,
            fresh: Uuid::new_v4().to_string(),
            machine,
            boot: request.joiner.boot,
            version: request.joiner.version,
            source,
            offer: self.offer(&issuance, now)?,
            now: milliseconds(now),
        });
        let admission = match stored.await.map_err(Refused::store("a host cannot join"))? {
            Ok(admission) => admission,
            Err(EnrollRefusal::Join(JoinRefusal::Unknown)) => {
                return Err(self.wrong_token(source));
            }
            Err(refusal) => return Err(Refused::enroll(refusal)),
        };
        let host = admission.host;
        match admission.answer {
            Answer::Certificate(stored) => {
                let issued = sign(&issuance, &host, &key, &stored)?;
                let outcome = match admission.new {
                    true => Enrollment::Enrolled,
                    false => Enrollment::Again,
                };
                log::info!("{host}: joined from {source} by the token {}", token.id());
                Ok((EnrollReply::Enrolled(issued), outcome))
            }
            Answer::Pending => Ok((pending(host), Enrollment::Pending)),
        }
    }

    /// Checks that neither this address nor all together come too often.
    pub(super) async fn pass(
        &self,
        source: IpAddr,
        token: Option<&TokenId>,
    ) -> Result<(), Refused> {
        let now = Instant::now();
        let mut door = self.doors.enter(source, None, now);
        if let (Door::TooOften, Some(token)) = (door, token)
            && self.rate_of(token, now).await?.is_some()
        {
            door = self.doors.enter(source, Some(token), now);
        }
        match door {
            Door::Open => Ok(()),
            Door::Crowded => Err(Refused::too_many("too many hosts join at once", spread())),
            Door::TooOften => Err(Refused::too_many(
                "too many hosts join from this address at once; a token can allow more \
                 (token create --per-source-rate)",
                spread(),
            )),
            Door::Paused(left) => Err(Refused::too_many(
                "too many wrong join tokens came from this address",
                left.as_secs() + 1,
            )),
        }
    }

    /// Returns a token's own rate, if it has one.
    async fn rate_of(&self, token: &TokenId, now: Instant) -> Result<Option<u32>, Refused> {
        if let Some(rate) = self.doors.token(token, now) {
            return Ok(rate);
        }
        let found = self.store.token(token).await;
        let found = found.map_err(Refused::store("a join token cannot be read"))?;
        let rate = found.and_then(|row| row.terms.per_source_rate);
        self.doors.note_token(token.clone(), rate, now);
        Ok(rate)
    }

    fn wrong_token(&self, source: IpAddr) -> Refused {
        self.wrong(source);
        Refused::enroll(JoinRefusal::Unknown.into())
    }

    /// Counts a wrong token or proof.
    pub(super) fn wrong(&self, source: IpAddr) {
        if self.doors.wrong(source, Instant::now()) {
            log_limited!(REFUSALS, warn, "{source}: too many wrong join tokens; it has to pause");
        }
    }
}

/// Returns the reply to a host that an operator has to approve.
pub(super) fn pending(host_id: String) -> EnrollReply {
    EnrollReply::Pending { host_id, retry_after: PENDING_RETRY_AFTER.into() }
}

/// Returns the id that a host would like to have, if a certificate can name it.
fn nameable(id: String) -> Result<String, Refused> {
    match can_name_a_host(&id) {
        true => Ok(id),
        false => Err(Refused {
            retcode: Retcode::InvalidParams,
            why: format!(
                "hostname: \"{id}\" is not a DNS name, so no certificate can carry it; use letters, \
                 digits and '-', in parts of up to 63 characters with a dot between them"
            ),
            retry_after: None,
            outcome: Enrollment::Invalid,
        }),
    }
}

/// Reads the digest of a machine's id.
pub(super) fn machine(text: Option<&str>) -> Result<Option<Digest>, Refused> {
    text.map(str::parse).transpose().map_err(|_| Refused {
        retcode: Retcode::InvalidParams,
        why: "machine must be a SHA-256 in hexadecimal".to_owned(),
        retry_after: None,
        outcome: Enrollment::Invalid,
    })
}

/// Returns a random number of seconds to wait.
fn spread() -> u64 {
    let mut byte = [0];
    // Without random numbers nobody joins anyway.
    let _ = getrandom::fill(&mut byte);
    1 + u64::from(byte[0]) * MAX_SPREAD / 256
}
