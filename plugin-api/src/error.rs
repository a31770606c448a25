//! A provider's error: a code for programs, a message for people.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The error of a provider. It crosses the boundary as `{"code":…,"message":…}`.
///
/// A code is lower-case words joined by `_`. The host treats `usage` (wrong arguments) specially;
/// the SDK itself uses `bad_request`, `panic`, `reply_too_large` and `serialize`; a provider
/// chooses all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderError {
    code: Cow<'static, str>,
    message: String,
}

impl ProviderError {
    /// The code for wrong arguments, which a host reports as the caller's mistake.
    pub const USAGE: &'static str = "usage";
    /// The code for a call that panicked.
    pub const PANIC: &'static str = "panic";
    /// The code for a reply that exceeds [`Context::max_reply`](crate::Context::max_reply).
    pub const REPLY_TOO_LARGE: &'static str = "reply_too_large";

    /// Creates an error with a code of the provider's own.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), message: message.into() }
    }

    /// Creates the error for wrong arguments; `message` says which argument and why.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Self::USAGE, message)
    }

    /// Returns the code: one word, stable, for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the message: one sentence, for people.
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
