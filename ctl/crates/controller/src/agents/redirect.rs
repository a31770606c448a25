//! The decision on each `init`: accept the agent here, or redirect it.
//!
//! It is made twice for one agent, before TLS and inside it. Today there is one rule,
//! `--redirect-to`.

use agent_wire::message::InitReply;
use agent_wire::{AddressError, parse_list};

/// A list of addresses that agents are redirected to, as the wire has it.
#[derive(Clone, Debug)]
pub(crate) struct Redirect(String);

impl Redirect {
    /// Checks a comma-separated list.
    ///
    /// # Errors
    /// When an agent would reject it.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        parse_list(text)?;
        Ok(Self(text.to_owned()))
    }

    /// Returns the list.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns the reply to an agent's `init`.
pub(super) fn decide(redirect: Option<&Redirect>) -> InitReply {
    match redirect {
        Some(Redirect(server)) => InitReply::Redirect { server: server.clone() },
        None => InitReply::Accept,
    }
}
