//! What a refused host is told: a number for its agent, a sentence for people.

use super::csr::BadCsr;
use crate::metrics::Enrollment;
use crate::store::StoreError;
use agent_wire::Retcode;
use agent_wire::message::EnrollReply;
use fleet::identity::{EnrollRefusal, MAX_PENDING};
use fleet::{IdentityRefusal, JoinRefusal};

/// Why a host gets no certificate.
#[derive(Debug)]
pub(crate) struct Refused {
    /// For the agent.
    pub(crate) retcode: Retcode,
    /// For people.
    pub(crate) why: String,
    /// Seconds after which another attempt may have another outcome.
    pub(crate) retry_after: Option<u64>,
    /// What it counts as.
    pub(crate) outcome: Enrollment,
}

impl Refused {
    /// Returns the reply to the host.
    pub(crate) fn reply(&self) -> EnrollReply {
        EnrollReply::refused(self.retcode, &self.why, self.retry_after)
    }

    /// For a request that is not as the protocol has it.
    pub(super) fn invalid(why: BadCsr) -> Self {
        Self {
            retcode: Retcode::InvalidParams,
            why: why.to_string(),
            retry_after: None,
            outcome: Enrollment::Invalid,
        }
    }

    /// For a host that comes too often, or with too many others.
    pub(super) fn too_many(why: impl Into<String>, retry_after: u64) -> Self {
        Self {
            retcode: Retcode::Busy,
            why: why.into(),
            retry_after: Some(retry_after),
            outcome: Enrollment::TooMany,
        }
    }

    /// For a controller that cannot store or sign at present. The cause is for its own log.
    pub(super) fn failed(why: &str) -> Self {
        Self {
            retcode: Retcode::Internal,
            why: why.to_owned(),
            retry_after: Some(30),
            outcome: Enrollment::Failed,
        }
    }

    /// For `map_err`: the store did not answer.
    pub(super) fn store(what: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |error| {
            log::error!("{what}: {error}");
            match error {
                StoreError::Full(_) => Self::failed("the server has no room for another host"),
                _ => Self::failed("the server cannot store this now"),
            }
        }
    }

    pub(super) fn enroll(refusal: EnrollRefusal) -> Self {
        match refusal {
            EnrollRefusal::Join(refusal) => {
                let (retcode, outcome) = match refusal {
                    JoinRefusal::Unknown => (Retcode::TokenUnknown, Enrollment::TokenUnknown),
                    JoinRefusal::Expired => (Retcode::TokenExpired, Enrollment::TokenExpired),
                    JoinRefusal::UsedUp => (Retcode::TokenUsedUp, Enrollment::TokenUsedUp),
                    JoinRefusal::Revoked => (Retcode::TokenRevoked, Enrollment::TokenRevoked),
                    JoinRefusal::Network => (Retcode::TokenNetwork, Enrollment::TokenNetwork),
                };
                Self { retcode, why: refusal.to_string(), retry_after: None, outcome }
            }
            EnrollRefusal::Identity(refusal) => Self::identity(refusal),
        }
    }

    pub(super) fn identity(refusal: IdentityRefusal) -> Self {
        if refusal == IdentityRefusal::TooManyPending {
            let why = format!("{MAX_PENDING} hosts wait for an operator's approval already");
            return Self::too_many(why, 300);
        }
        Self {
            retcode: retcode(refusal),
            why: refusal.to_string(),
            retry_after: None,
            outcome: Enrollment::Identity,
        }
    }
}

/// Returns the number for an agent whose identity is refused.
pub(crate) fn retcode(refusal: IdentityRefusal) -> Retcode {
    match refusal {
        IdentityRefusal::NotApproved => Retcode::ApprovalRefused,
        IdentityRefusal::TooManyPending => Retcode::Busy,
        _ => Retcode::IdentityRefused,
    }
}
