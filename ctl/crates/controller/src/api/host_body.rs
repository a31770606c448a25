//! A host as the API shows it: its row, and its channels.

use super::times;
use crate::agents::{Registry, Session};
use crate::store::{HostRow, StateName};
use controller_api::{Host, HostClone, HostState, Issuer, Label, LabelSource};
use fleet::identity::{PendingReason, QuarantineReason};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Returns the clones of a host that are connected here.
pub(crate) fn clones_here(registry: &Registry, host: &str) -> Vec<HostClone> {
    let clone = |session: &Arc<Session>| HostClone {
        address: session.address,
        boot: session.boot.clone(),
        since: times::of(session.connected_at),
        reason: session.restriction().map_or_else(String::new, |why| why.to_string()),
    };
    registry.clones(host).iter().map(clone).collect()
}

/// Returns a host as the API shows it.
pub(super) fn shown(registry: &Registry, row: &HostRow) -> Host {
    let identity = &row.identity;
    let session = registry.find(&identity.id);
    let clones = clones_here(registry, &identity.id);
    let elsewhere = session.is_none() && registry.is_connected(&identity.id);
    let is_away = session.is_none() && !elsewhere && clones.is_empty();
    let certificate = identity.keys.as_ref().and_then(|keys| keys.certificate.as_ref());
    Host {
        id: identity.id.clone(),
        state: state(StateName::of(&identity.state)),
        state_reason: reason(&identity.state),
        labels: labels(row),
        connected: !is_away,
        address: session.as_ref().map(|session| session.address).or(row.address),
        version: session
            .as_ref()
            .and_then(|session| session.version.clone())
            .or_else(|| row.version.clone()),
        connected_at: match &session {
            Some(session) => Some(times::of(session.connected_at)),
            None => row.connected_at.filter(|_| elsewhere).map(times::text),
        },
        last_seen: row.last_seen.map(times::text),
        departure: row.departure.filter(|_| is_away),
        enrolled_at: Some(times::text(row.enrolled_at)),
        token: identity.token.as_ref().map(ToString::to_string),
        generation: identity.keys.as_ref().map(|keys| u64::from(keys.generation)),
        certificate_not_after: certificate.map(|certificate| times::text(certificate.not_after)),
        issuer: match identity.issuer() {
            fleet::identity::Issuer::Own => Issuer::Own,
            fleet::identity::Issuer::Foreign => Issuer::Foreign,
        },
        ca_version: row.ca_version.map(u64::from),
        requests_running: session.as_ref().map_or(0, |session| session.pending() as u64),
        clones,
    }
}

const fn state(name: StateName) -> HostState {
    match name {
        StateName::Active => HostState::Active,
        StateName::Pending => HostState::Pending,
        StateName::Quarantined => HostState::Quarantined,
        StateName::Banned => HostState::Banned,
    }
}

fn reason(state: &fleet::HostState) -> Option<String> {
    Some(match state {
        fleet::HostState::Active | fleet::HostState::Banned => return None,
        fleet::HostState::Pending(PendingReason::Token) => {
            "its join token asks for approval".to_owned()
        }
        fleet::HostState::Pending(PendingReason::Foreign) => {
            "it came with a certificate of another PKI for the first time".to_owned()
        }
        fleet::HostState::Pending(PendingReason::Away) => {
            "it was away for longer than hosts may recover by themselves".to_owned()
        }
        fleet::HostState::Pending(PendingReason::Machine(_)) => {
            "it recovers on another machine than it enrolled on".to_owned()
        }
        fleet::HostState::Pending(PendingReason::Lost) => {
            "its record is missing: the database was restored from an older copy".to_owned()
        }
        fleet::HostState::Quarantined(QuarantineReason::OlderKey(_)) => {
            "an older key of it is in use: it was cloned, or restored from a snapshot".to_owned()
        }
        fleet::HostState::Quarantined(QuarantineReason::Operator(text)) => text.clone(),
    })
}

fn labels(row: &HostRow) -> BTreeMap<String, Label> {
    let shown = |label: &crate::store::Label| Label {
        value: label.value.clone(),
        source: match label.source {
            fleet::LabelSource::Fact => LabelSource::Fact,
            fleet::LabelSource::Token => LabelSource::Token,
            fleet::LabelSource::Operator => LabelSource::Operator,
        },
    };
    row.labels.iter().map(|(key, label)| (key.clone(), shown(label))).collect()
}
