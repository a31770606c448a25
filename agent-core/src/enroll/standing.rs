//! The host's standing with its server, as `agent.info` shows it.

use super::{Joined, Leaf};
use crate::clock::Seconds;
use std::net::SocketAddr;
use std::time::SystemTime;

/// The state of the host's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// The operator provides the certificate (`[tls]`).
    #[default]
    Files,
    /// The host has joined.
    Enrolled,
    /// The host joins: no server has taken it yet.
    Joining,
    /// An operator has to approve the host.
    Pending,
    /// The certificate's time is over, and the host asks for another.
    Recovering,
    /// The server does not let the host in.
    Refused,
}

impl State {
    /// Returns the word in `agent.info`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Enrolled => "enrolled",
            Self::Joining => "joining",
            Self::Pending => "pending",
            Self::Recovering => "recovering",
            Self::Refused => "refused",
        }
    }
}

/// The host's standing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The host id in use.
    pub(crate) host_id: String,
    pub(crate) state: State,
    /// The end of the certificate in use, in seconds since 1970.
    pub(crate) not_after: Option<i64>,
    /// Its beginning, likewise.
    pub(crate) not_before: Option<i64>,
    /// The server that the channel leads to; `None` without a channel.
    pub(crate) server: Option<SocketAddr>,
    /// When the channel opened, or the last one ended; `None` before the first.
    pub(crate) since: Option<SystemTime>,
    /// How many keys the host has had; `None` unless it has joined.
    pub(crate) generation: Option<u64>,
}

impl Standing {
    /// Returns the end of the certificate, RFC 3339 in UTC.
    pub(crate) fn end(&self) -> Option<String> {
        self.not_after.map(|at| Seconds(at).to_string())
    }

    /// Returns the beginning of the certificate, likewise.
    pub(crate) fn begin(&self) -> Option<String> {
        self.not_before.map(|at| Seconds(at).to_string())
    }

    /// Notes that a channel opened, or with `None` that it ended.
    pub(crate) fn channel(&mut self, server: Option<SocketAddr>) {
        self.server = server;
        self.since = Some(SystemTime::now());
    }

    /// Shows how long the certificate in use is good.
    pub(crate) fn certificate(&mut self, leaf: &Leaf) {
        (self.not_before, self.not_after) = (Some(leaf.not_before), Some(leaf.not_after));
    }

    /// Shows the identity of a host that has joined.
    pub(crate) fn show(&mut self, joined: &Joined) {
        self.host_id.clone_from(&joined.host_id);
        self.state = State::Enrolled;
        (self.not_before, self.not_after) = (None, None);
        if let Some(pair) = joined.pairs.first() {
            self.certificate(&pair.leaf);
        }
        self.generation = Some(joined.record.generation);
    }
}
