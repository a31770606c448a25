//! A host that was away for longer than its certificate comes back by its key.

use super::csr::PublicKey;
use super::enroll::{machine, pending};
use super::refusal::Refused;
use super::service::{Identity, sign};
use crate::metrics::Enrollment;
use crate::store;
use crate::store::milliseconds;
use agent_wire::Retcode;
use agent_wire::message::{EnrollReply, Recover};
use fleet::Digest;
use fleet::identity::Answer;
use std::net::IpAddr;
use std::time::SystemTime;

impl Identity {
    /// Answers a host whose bound key has signed this connection's keying material.
    pub(super) async fn recover(
        &self,
        request: Recover,
        source: IpAddr,
        exporter: &[u8; 32],
    ) -> Result<(EnrollReply, Enrollment), Refused> {
        let bound = PublicKey::of_spki(&request.key).map_err(Refused::invalid)?;
        let signed = Recover::signed(exporter, Digest::of(&request.csr).as_bytes());
        if !bound.verify(&signed, &request.signature) {
            self.wrong(source);
            return Err(Refused {
                retcode: Retcode::IdentityRefused,
                why: "the signature is not by this key over this connection".to_owned(),
                retry_after: None,
                outcome: Enrollment::Identity,
            });
        }
        let key = PublicKey::of_request(&request.csr).map_err(Refused::invalid)?;
        let issuance = self.ca.current();
        let now = SystemTime::now();
        let host = request.hostname;
        let stored = self.store.recover(store::RecoverRequest {
            host: host.clone(),
            key: bound.hash(),
            new_key: key.hash(),
            machine: machine(request.joiner.machine.as_deref())?,
            source,
            offer: self.offer(&issuance, now)?,
            within: i64::try_from(self.settings.recover_within.as_millis()).unwrap_or(i64::MAX),
            now: milliseconds(now),
        });
        let stored = stored.await.map_err(Refused::store("a host cannot recover"))?;
        match stored.map_err(Refused::identity)? {
            Answer::Certificate(stored) => {
                let issued = sign(&issuance, &host, &key, &stored)?;
                log::info!("{host}: recovered from {source}");
                Ok((EnrollReply::Enrolled(issued), Enrollment::Recovered))
            }
            Answer::Pending => Ok((pending(host), Enrollment::Pending)),
        }
    }
}
