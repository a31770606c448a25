//! What a host may do that has opened a channel with a certificate.

use super::leaf::Leaf;
use super::service::Identity;
use crate::log_limit::{LogLimit, log_limited};
use crate::store::milliseconds;
use crate::store::{ChannelProof, NewChannel, StandingChange};
use controller_api::Departure;
use fleet::audit::{Event, Outcome};
use fleet::identity::{Issuer, KeyPlace, Standing};
use fleet::{Digest, IdentityRefusal};
use std::net::{IpAddr, SocketAddr};
use std::time::{Instant, SystemTime};

/// Log lines a minute about a database that does not answer.
static FAILURES: LogLimit = LogLimit::new(5);

/// A channel that a host has just opened.
#[derive(Clone, Debug)]
pub(crate) struct Opened<'a> {
    /// The host id, which the certificate names.
    pub(crate) host: &'a str,
    /// The certificate.
    pub(crate) leaf: Leaf,
    /// Who signed it.
    pub(crate) issuer: Issuer,
    /// The agent's address.
    pub(crate) address: SocketAddr,
    /// The version that the agent reported.
    pub(crate) version: Option<&'a str>,
    /// The boot that the agent reported.
    pub(crate) boot: Option<&'a str>,
    /// The version of the CA bundle that the agent has.
    pub(crate) ca_version: Option<u32>,
}

/// What becomes of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// It stays open.
    In {
        /// What the host may do.
        standing: Standing,
        /// Whoever is connected with this key is a copy of the host, and refused from now on.
        superseded: Option<Digest>,
    },
    /// It is closed.
    Refused(IdentityRefusal),
    /// The database does not answer: the agent is to come later.
    Away,
}

impl Identity {
    /// Judges a host that has proved its key.
    pub(crate) async fn judge(&self, opened: &Opened<'_>) -> Judged {
        let proof = match opened.issuer {
            Issuer::Own => {
                ChannelProof::Own { key: opened.leaf.key, not_before: opened.leaf.not_before }
            }
            Issuer::Foreign => ChannelProof::Foreign { unknown: self.settings.unknown },
        };
        let answer = self.store.connected(NewChannel {
            host: opened.host.to_owned(),
            proof,
            address: opened.address,
            version: opened.version.map(str::to_owned),
            boot: opened.boot.map(str::to_owned),
            ca_version: opened.ca_version,
            now: milliseconds(SystemTime::now()),
        });
        match answer.await {
            Ok(Ok(connection)) => {
                self.known.note(opened.host, opened.leaf.key, connection.standing);
                if connection.superseded.is_some() {
                    self.known.superseded();
                }
                Judged::In { standing: connection.standing, superseded: connection.superseded }
            }
            Ok(Err(refusal)) => {
                self.known.refused(opened.host);
                Judged::Refused(refusal)
            }
            Err(error) => {
                log_limited!(FAILURES, error, "a host's record cannot be read: {error}");
                let key = opened.leaf.key;
                let known = self.known.without_database(opened.host, key, Instant::now());
                known.map_or(Judged::Away, |standing| Judged::In { standing, superseded: None })
            }
        }
    }

    /// Notes that a host's channel has ended, and why, if it was the one that served the host.
    pub(crate) async fn left(&self, host: &str, why: Option<Departure>) {
        let now = milliseconds(SystemTime::now());
        if let Err(error) = self.store.disconnected(host, why, now).await {
            log::debug!("{host}: the end of its channel is not noted: {error}");
        }
    }

    /// Notes a change of a host's standing.
    pub(crate) fn note_change(&self, change: &StandingChange) {
        let standing = change.state.as_ref().and_then(Standing::of);
        self.known.changed(&change.host, standing);
    }

    /// Records that a second agent of a host's identity is quarantined.
    pub(crate) async fn note_clone(&self, host: &str, source: IpAddr, why: &str) {
        let event = Event {
            actor: format!("host:{host}"),
            source: Some(source.to_string()),
            action: "hosts.clone".to_owned(),
            hosts: vec![host.to_owned()],
            detail: Some(serde_json::json!({ "reason": why }).to_string()),
        };
        if let Err(error) =
            self.store.record(event, Outcome::Succeeded, milliseconds(SystemTime::now())).await
        {
            log::warn!("{host}: the event of its clone is not recorded: {error}");
        }
    }

    /// Forgets who was let in, after changes were missed.
    pub(crate) fn forget_known(&self) {
        self.known.forget();
    }

    /// Notes that a host trusts this version of the CA bundle.
    pub(crate) async fn note_trust(&self, host: &str, version: u64) {
        let Ok(version) = u32::try_from(version) else { return };
        if let Err(error) = self.store.trusts(host, version).await {
            log::debug!("{host}: its CA bundle is not noted: {error}");
        }
    }

    /// Returns a number that grows with each change of a host's standing, and each key that is refused
    /// from then on.
    pub(crate) fn changes(&self) -> u64 {
        self.known.changes()
    }

    /// Returns what a host may do now; `None` if it may not be connected.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn standing(
        &self,
        host: &str,
    ) -> Result<Option<Standing>, crate::store::StoreError> {
        let row = self.store.host(host).await?;
        Ok(row.and_then(|row| Standing::of(&row.identity.state)))
    }

    /// Returns what a host with this key may do now; `None` if it may not be connected.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn standing_of_key(
        &self,
        host: &str,
        key: Digest,
    ) -> Result<Option<Standing>, crate::store::StoreError> {
        let Some(row) = self.store.host(host).await? else { return Ok(None) };
        let place = row.identity.keys.as_ref().map(|keys| keys.place(key));
        match place {
            Some(KeyPlace::Superseded) => Ok(None),
            _ => Ok(Standing::of(&row.identity.state)),
        }
    }
}
