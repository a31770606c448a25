//! What a plugin's author implements.

use serde::Serialize;

use crate::{Args, Context, Meta, ProviderError};

/// One `getinfo.*` method. Export it by [`export_provider!`](crate::export_provider).
///
/// Both functions may be called from any thread, though never two at once in the agent. A panic in
/// one is caught and answered as an error; the next call is made as if nothing had happened, so
/// leave no half-changed global state behind.
///
/// `-h` and `--help` never reach `call`: the SDK answers them from [`Meta`], successfully, with
/// `{"usage":"…"}`.
pub trait Provider {
    /// Says what it answers to. Called at load; does no work and needs no privilege.
    fn describe() -> Meta;

    /// Answers one call.
    ///
    /// # Errors
    /// [`ProviderError::usage`] when `args` are wrong; codes of its own for the rest.
    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError>;
}

/// A call's answer: one JSON value, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(String);

impl Reply {
    /// Serialises `value` straight to text, with no tree in between.
    ///
    /// # Errors
    /// Code `serialize` when the value refuses (a map with keys that are no strings, or an error of
    /// its own).
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, ProviderError> {
        serde_json::to_string(value).map(Self).map_err(|err| ProviderError::new("serialize", err.to_string()))
    }

    /// An answer that the provider has written itself, for the rare one that is so long that
    /// [`Reply::json`] takes too long. It must be one JSON value: debug builds panic otherwise, and
    /// the agent's worker refuses it.
    pub fn from_json_text(text: String) -> Self {
        debug_assert!(
            serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(),
            "the provider's own text is no JSON"
        );
        Self(text)
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}
