//! The hosts that are connected to the controller.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Every connected host, ordered by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostList {
    /// The hosts.
    pub hosts: Vec<Host>,
}

/// A connected host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The host id, which the host's certificate names.
    pub id: String,
    /// The address that the host connected from.
    pub address: SocketAddr,
    /// The agent's version, if the agent reported it.
    pub version: Option<String>,
    /// When the channel was accepted: RFC 3339, UTC.
    pub connected_at: String,
    /// Requests that the host has not answered yet.
    pub requests_running: u64,
}
