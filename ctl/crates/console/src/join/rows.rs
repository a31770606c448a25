//! The rows of the lists: tokens, and hosts that came, wait or were cloned.

use crate::page::host_page;
use crate::units::{self, Moment};
use controller_api::{Host, HostClone, HostState, JoinToken, path};

/// A join token.
pub(super) struct Token {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) note: String,
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) uses: String,
    pub(super) max_uses: String,
    pub(super) expires: Option<Moment>,
    pub(super) created: Option<Moment>,
    pub(super) created_by: String,
    pub(super) labels: Vec<String>,
    pub(super) networks: Vec<String>,
    pub(super) approval: bool,
    pub(super) rate: Option<String>,
    pub(super) revoked: Option<Moment>,
    /// Whether it still admits hosts.
    pub(super) is_valid: bool,
}

impl Token {
    pub(super) fn of(token: &JoinToken) -> Self {
        let (kind, word) = standing(token, units::now());
        let label = |(key, value): (&String, &String)| pair(key, value);
        Self {
            path: token_path(&token.id),
            id: token.id.clone(),
            note: token.note.clone().unwrap_or_default(),
            kind,
            word,
            uses: units::count(token.uses.into()),
            max_uses: units::count(token.max_uses.into()),
            expires: Moment::of(&token.expires),
            created: Moment::of(&token.created_at),
            created_by: token.created_by.clone(),
            labels: token.labels.iter().map(label).collect(),
            networks: token.networks.clone(),
            approval: token.approval,
            rate: token.per_source_rate.map(|rate| units::count(rate.into())),
            revoked: token.revoked_at.as_deref().and_then(Moment::of),
            is_valid: kind == "ok",
        }
    }
}

/// Returns the kind of a token's mark, and the word beside it.
pub(super) fn standing(token: &JoinToken, now: i64) -> (&'static str, &'static str) {
    if token.revoked_at.is_some() {
        ("stopped", "Revoked")
    } else if units::millis(&token.expires).is_none_or(|expires| expires <= now) {
        ("idle", "Expired")
    } else if token.uses >= token.max_uses {
        ("done", "Used up")
    } else {
        ("ok", "Valid")
    }
}

/// Returns the path of a token's page.
pub(super) fn token_path(id: &str) -> String {
    format!("/join/tokens/{}", path::segment(id))
}

/// A host.
pub(super) struct Arrival {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) reason: String,
    pub(super) joined: Option<Moment>,
    /// Without the port.
    pub(super) address: String,
    /// The token that admitted it, and the token's page.
    pub(super) token: Option<(String, String)>,
    pub(super) clones: Vec<Clone>,
}

impl Arrival {
    pub(super) fn of(host: &Host) -> Self {
        let (kind, word) = match (host.state, host.connected) {
            (HostState::Active, true) => ("ok", "Online"),
            (HostState::Active, false) => ("away", "Away"),
            (HostState::Pending, _) => ("pending", "Pending"),
            (HostState::Quarantined, _) => ("bad", "Quarantined"),
            (HostState::Banned, _) => ("stopped", "Banned"),
        };
        Self {
            path: host_page(&host.id),
            id: host.id.clone(),
            kind,
            word,
            reason: host.state_reason.clone().unwrap_or_default(),
            joined: host.enrolled_at.as_deref().and_then(Moment::of),
            address: host.address.map(|address| address.ip().to_string()).unwrap_or_default(),
            token: host.token.clone().map(|id| (token_path(&id), id)),
            clones: host.clones.iter().map(Clone::of).collect(),
        }
    }
}

/// A channel that uses the identity of another host.
pub(super) struct Clone {
    pub(super) address: String,
    pub(super) boot: String,
    pub(super) since: Option<Moment>,
    pub(super) reason: String,
}

impl Clone {
    fn of(clone: &HostClone) -> Self {
        Self {
            address: clone.address.to_string(),
            boot: clone.boot.clone().unwrap_or_default(),
            since: Moment::of(&clone.since),
            reason: clone.reason.clone(),
        }
    }
}

fn pair(key: &str, value: &str) -> String {
    if value.is_empty() { key.to_owned() } else { format!("{key}={value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_it_is_revoked_expired_or_used_up() {
        let now = units::millis("2026-01-31T09:30:00Z").unwrap();
        let token = |expires: &str, uses, revoked: Option<&str>| JoinToken {
            id: "4g1k7m9p2q5r".to_owned(),
            note: None,
            created_by: "ann".to_owned(),
            created_at: "2026-01-30T09:30:00Z".to_owned(),
            expires: expires.to_owned(),
            max_uses: 2,
            uses,
            labels: Default::default(),
            networks: Vec::new(),
            approval: false,
            per_source_rate: None,
            revoked_at: revoked.map(str::to_owned),
        };
        let later = "2026-01-31T09:30:01Z";
        for (token, word) in [
            (token(later, 1, None), "Valid"),
            (token(later, 2, None), "Used up"),
            (token("2026-01-31T09:30:00Z", 2, None), "Expired"),
            (token(later, 0, Some(later)), "Revoked"),
        ] {
            assert_eq!(standing(&token, now).1, word, "{token:?}");
        }
    }
}
