//! What a provider answers when it can't answer: a code for programs, a message for people.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A provider's refusal. Crosses the boundary as `{"code":…,"message":…}`.
///
/// Codes are lower-case words joined by `_`. The host knows `usage` (wrong arguments); the SDK
/// itself uses `bad_request`, `panic` and `reply_too_large`; the rest are the provider's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    code: Cow<'static, str>,
    message: String,
}

impl ProviderError {
    /// The code of wrong arguments, which a host reports as the caller's mistake.
    pub const USAGE: &'static str = "usage";
    /// The code the host gives to a call that panicked.
    pub const PANIC: &'static str = "panic";
    /// The code of a reply beyond [`Context::max_reply`](crate::Context::max_reply).
    pub const REPLY_TOO_LARGE: &'static str = "reply_too_large";

    /// An error of the provider's own.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }

    /// The caller's arguments are wrong: say which and why.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Self::USAGE, message)
    }

    /// For programs: stable, one word.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// For people: one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ProviderError {}
