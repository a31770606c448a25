//! [`Identity`]: the CA, the store, and what the flags say about hosts.

use super::ca::{Ca, Issuance, Terms};
use super::csr::PublicKey;
use super::doors::Doors;
use super::known::Known;
use super::refusal::Refused;
use crate::metrics::Metrics;
use crate::store::{Followers, Store};
use agent_wire::message::Issued;
use fleet::UnixMillis;
use fleet::identity::{Certificate, Offer, UnknownHosts};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What the flags say about hosts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdentitySettings {
    /// The life of a host's certificate.
    pub(crate) certificate_life: Duration,
    /// For how long after its certificate's end a host gets another without an operator.
    pub(crate) recover_within: Duration,
    /// What becomes of hosts of another PKI that are seen for the first time.
    pub(crate) unknown: UnknownHosts,
    /// Hosts that may join in a second.
    pub(crate) enroll_rate: u32,
    /// Hosts that may join in a second from one address.
    pub(crate) enroll_rate_per_address: u32,
}

/// Who is a host.
pub(crate) struct Identity {
    pub(super) ca: Arc<Ca>,
    pub(super) store: Arc<dyn Store>,
    pub(super) settings: IdentitySettings,
    pub(super) doors: Doors,
    pub(super) known: Known,
    /// How many hosts had followed the CA, and when they were counted: while no rotation goes on,
    /// nobody waits for it.
    pub(super) followers: Mutex<Option<(Instant, Followers)>>,
    pub(super) metrics: Arc<Metrics>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Identity {
    /// Puts the parts together.
    pub(crate) fn new(
        ca: Arc<Ca>,
        store: Arc<dyn Store>,
        settings: IdentitySettings,
        metrics: Arc<Metrics>,
    ) -> Self {
        let doors = Doors::new(settings.enroll_rate, settings.enroll_rate_per_address);
        let (known, followers) = (Known::default(), Mutex::default());
        Self { ca, store, settings, doors, known, followers, metrics }
    }

    /// Returns the controller's own CA.
    pub(crate) fn ca(&self) -> &Arc<Ca> {
        &self.ca
    }

    /// Chooses the values of a certificate that may have to be made.
    pub(super) fn offer(&self, issuance: &Issuance, now: SystemTime) -> Result<Offer, Refused> {
        let life = self.settings.certificate_life;
        let terms = Terms::choose(now, life, issuance.end()).map_err(|error| {
            log::error!("{error}");
            Refused::failed("the server cannot make a certificate now")
        })?;
        // Whole seconds, as a certificate has them (RFC 5280 §4.1.2.5).
        let millis = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Ok(Offer {
            serial: terms.serial,
            not_before: millis(terms.not_before),
            not_after: millis(terms.not_after),
        })
    }
}

/// Signs what the store has written down.
pub(super) fn sign(
    issuance: &Issuance,
    host: &str,
    key: &PublicKey,
    stored: &Certificate,
) -> Result<Issued, Refused> {
    let failed = || Refused::failed("the server cannot make a certificate now");
    if stored.key != key.hash() {
        log::error!("{host}: the stored certificate is for another key than the host asks for");
        return Err(failed());
    }
    let Some(bundle) = &issuance.bundle else {
        return Err(Refused::failed(
            "this server's certificate was given without --server-ca, so no host can join",
        ));
    };
    let seconds = |millis: UnixMillis| u64::try_from(millis / 1000).unwrap_or_default();
    let terms = Terms {
        serial: stored.serial,
        not_before: seconds(stored.not_before),
        not_after: seconds(stored.not_after),
    };
    let certificate = issuance.sign_host(host, key, &terms).map_err(|error| {
        log::error!("{host}: {error}");
        failed()
    })?;
    Ok(Issued {
        host_id: host.to_owned(),
        certificate,
        ca: bundle.to_string(),
        ca_version: issuance.state.version,
        generation: stored.generation.into(),
    })
}
