//! Replies: a reply is bounded, and taken whole as a JSON value or the plugin's own error.

use serde::de::IgnoredAny;

use super::c_plugin::{Script, call_as};
use crate::ProviderError;

/// The host's bound on a reply, and a smaller bound that inputs reach.
const LIMITS: [usize; 2] = [4 << 20, 100];

/// Checks a reply through the C entry. The first byte chooses the bound and how the plugin behaves;
/// the rest is its output.
pub fn reply(bytes: &[u8]) {
    let Some((how, text)) = bytes.split_first() else { return };
    let limit = LIMITS[usize::from(how & 1)];
    let script = Script { text: text.to_vec(), status: (how >> 1 & 3).into(), deaf: how & 8 != 0 };
    let Ok((reply, is_error)) = call_as(script, limit) else { return };
    if text.len() > limit {
        let error: ProviderError = serde_json::from_str(&reply).expect("our own error is an error");
        assert!(is_error && error.code() == ProviderError::REPLY_TOO_LARGE);
        return;
    }
    assert!(reply.as_bytes() == text, "a reply was taken in part");
    if is_error {
        let Ok(error) = serde_json::from_str::<ProviderError>(&reply) else { return };
        let written = serde_json::to_string(&error).expect("our own error serializes");
        assert_eq!(serde_json::from_str::<ProviderError>(&written).ok().as_ref(), Some(&error));
        let _ = error.to_string();
    } else {
        let _ = serde_json::from_str::<IgnoredAny>(&reply);
    }
}
