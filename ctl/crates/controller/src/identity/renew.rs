//! A connected host asks for its next certificate.

use super::csr::PublicKey;
use super::refusal::Refused;
use super::service::{Identity, sign};
use crate::metrics::Renewal;
use crate::store;
use crate::store::milliseconds;
use agent_wire::Retcode;
use agent_wire::message::{CertAnswer, CertRenew};
use fleet::Digest;
use std::net::IpAddr;
use std::time::SystemTime;

impl Identity {
    /// Answers the host whose channel was opened with `key`.
    pub(crate) async fn renew(
        &self,
        host: &str,
        key: Digest,
        source: IpAddr,
        request: CertRenew,
    ) -> CertAnswer {
        let renewal_id = request.renewal_id.clone();
        let (answer, outcome) = match self.try_renew(host, key, source, request).await {
            Ok(answer) => (answer, Renewal::Renewed),
            Err(refused) => {
                log::warn!("{host}: no new certificate: {}", refused.why);
                let outcome = match refused.retcode {
                    Retcode::Internal => Renewal::Failed,
                    _ => Renewal::Refused,
                };
                let message = format!("{}: {}", refused.retcode.phrase(), refused.why);
                let Refused { retcode, retry_after, .. } = refused;
                let retcode = retcode.number();
                (CertAnswer::Refused { renewal_id, retcode, message, retry_after }, outcome)
            }
        };
        self.metrics.renewals.add_one(outcome);
        answer
    }

    async fn try_renew(
        &self,
        host: &str,
        key: Digest,
        source: IpAddr,
        request: CertRenew,
    ) -> Result<CertAnswer, Refused> {
        let new = PublicKey::of_request(&request.csr).map_err(Refused::invalid)?;
        let issuance = self.ca.current();
        let now = SystemTime::now();
        let stored = self.store.renew(store::RenewRequest {
            host: host.to_owned(),
            key,
            source,
            renewal: request.renewal_id.clone(),
            new_key: new.hash(),
            offer: self.offer(&issuance, now)?,
            now: milliseconds(now),
        });
        let stored = stored.await.map_err(Refused::store("a certificate cannot be renewed"))?;
        let stored = stored.map_err(Refused::identity)?;
        let issued = sign(&issuance, host, &new, &stored)?;
        log::info!("{host}: has certificate number {}", issued.generation);
        Ok(CertAnswer::Renewed {
            renewal_id: request.renewal_id,
            certificate: issued.certificate,
            generation: issued.generation,
            ca: issued.ca,
            ca_version: issued.ca_version,
        })
    }
}
