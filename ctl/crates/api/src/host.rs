//! The hosts that are connected to the controller.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use utoipa::ToSchema;

/// Every connected host, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostList {
    /// The hosts.
    pub hosts: Vec<Host>,
}

/// A connected host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Host {
    /// The host id, which the host's certificate names.
    #[schema(example = "web-1.example")]
    pub id: String,
    /// The address that the host connected from.
    #[schema(value_type = String, example = "10.0.0.7:51234")]
    pub address: SocketAddr,
    /// The agent's version, if the agent reported it.
    #[schema(example = "0.1.0")]
    pub version: Option<String>,
    /// When the channel was accepted: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub connected_at: String,
    /// Requests that the host has not answered yet.
    pub requests_running: u64,
}
