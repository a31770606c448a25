//! Join tokens: they admit hosts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A page of join tokens, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinTokenList {
    /// The tokens.
    pub tokens: Vec<JoinToken>,
    /// The next page's `after`; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A join token without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// The token's id: the part of its text that is not secret.
    pub id: String,
    /// What the operator wrote about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The operator who made it.
    pub created_by: String,
    /// When it was made: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub created_at: String,
    /// When it stops admitting hosts: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub expires: String,
    /// The most hosts that it admits.
    pub max_uses: u32,
    /// Hosts that it has admitted.
    pub uses: u32,
    /// Labels that each admitted host gets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Networks that hosts may join from (CIDR); empty for any.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Whether an operator must approve each host.
    #[serde(default)]
    pub approval: bool,
    /// Enrollments a second from one address, where the token allows more than the controller's
    /// setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_source_rate: Option<u32>,
    /// When an operator revoked it: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub revoked_at: Option<String>,
}

/// A request for a join token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewJoinToken {
    /// Seconds until the token expires, at most 30 days; one day without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub expires_in: Option<u64>,
    /// The most hosts that the token admits, at most 10,000; one without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub max_uses: Option<u32>,
    /// Labels that each admitted host gets.
    pub labels: BTreeMap<String, String>,
    /// Networks that hosts may join from (CIDR); empty for any.
    pub networks: Vec<String>,
    /// Whether an operator must approve each host.
    pub approval: bool,
    /// Enrollments a second from one address, for hosts behind one NAT address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_source_rate: Option<u32>,
    /// What the token is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A new join token. Its secret is shown here and nowhere else.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedJoinToken {
    /// The token without its secret.
    pub token: JoinToken,
    /// The token's whole text (`bat1.ID.SECRET`).
    #[schema(example = "bat1.4g1k7m9p2q5r.…")]
    pub secret: String,
    /// The command that joins a host.
    pub join: String,
    /// The pin of the CA that hosts must trust (`sha256:…`), as it stands in the command.
    pub ca: String,
}

impl std::fmt::Debug for CreatedJoinToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedJoinToken").field("token", &self.token).finish_non_exhaustive()
    }
}

/// The query of a token's revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default, deny_unknown_fields)]
pub struct RevokeQuery {
    /// Whether to ban the hosts that the token admitted.
    pub with_hosts: bool,
}

/// What a revocation has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevokedJoinToken {
    /// The token as it is now.
    pub token: JoinToken,
    /// Hosts that were banned with it.
    pub hosts_banned: u64,
}
