//! The policy that answers `init`: stay here, or go elsewhere.
//!
//! Asked twice for one agent, before TLS and inside it. Today it knows one rule, `--redirect-to`.

use agent_wire::message::InitReply;
use agent_wire::{AddressError, parse_list};

/// A list of addresses that agents are sent to, as the wire has it.
#[derive(Clone, Debug)]
pub(crate) struct Redirect(String);

impl Redirect {
    /// Checks a comma-separated list.
    ///
    /// # Errors
    /// When an agent would refuse it.
    pub(crate) fn parse(text: &str) -> Result<Self, AddressError> {
        parse_list(text)?;
        Ok(Self(text.to_owned()))
    }

    /// The addresses.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What an agent is told.
pub(crate) fn decide(redirect: Option<&Redirect>) -> InitReply {
    match redirect {
        Some(Redirect(server)) => InitReply::Redirect { server: server.clone() },
        None => InitReply::Accept,
    }
}
