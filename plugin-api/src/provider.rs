//! The trait that a plugin's author implements.

use serde::Serialize;

use crate::{Args, Context, Meta, ProviderError};

/// One `getinfo.*` method. Export it with [`export_provider!`](crate::export_provider).
///
/// The host may call both functions from any thread; the agent makes one call at a time. The SDK
/// catches a panic and returns it as an error, and the host goes on calling, so leave no
/// half-changed global state behind.
///
/// `-h` and `--help` never reach `call`: the SDK replies to them from [`Meta`], with success and
/// `{"usage":"…"}`. Nor does `--schema` on its own: the reply is `{"schema":…}`, the output schema,
/// or null.
pub trait Provider {
    /// Describes the method. The host calls this at load; do no work here, and require no
    /// privilege.
    fn describe() -> Meta;

    /// Handles one call.
    ///
    /// # Errors
    /// [`ProviderError::usage`] for wrong `args`; codes of the provider's own for everything else.
    fn call(args: &Args, ctx: &Context) -> Result<Reply, ProviderError>;
}

/// The reply to a call: one JSON value, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(String);

impl Reply {
    /// Serializes `value` straight to text, without a tree in between.
    ///
    /// # Errors
    /// Code `serialize` if the value cannot be serialized, for example a map whose keys are not
    /// strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, ProviderError> {
        serde_json::to_string(value)
            .map(Self)
            .map_err(|err| ProviderError::new("serialize", err.to_string()))
    }

    /// Wraps JSON text that the provider has written itself, for a reply so long that
    /// [`Reply::json`] takes too much time. It must be one JSON value: debug builds panic
    /// otherwise, and the agent's worker rejects the reply.
    pub fn from_json_text(text: String) -> Self {
        debug_assert!(
            serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok(),
            "the text that the provider wrote is not JSON"
        );
        Self(text)
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}
