//! A plugin's answer → a JSON value or the plugin's own error, through the C entry.
//!
//! The first byte chooses the bound and how the plugin behaves; the rest is what it emits.
#![no_main]

use c_plugin::{Script, call_as};
use plugin_api::ProviderError;
use serde::de::IgnoredAny;

mod c_plugin;
#[path = "../../../plugin-api/src/host/call_c.rs"]
#[expect(dead_code, reason = "nothing is loaded")]
mod call_c;
#[path = "../../../plugin-api/src/entry_c.rs"]
#[expect(dead_code, reason = "nothing is loaded")]
mod entry_c;

/// The host's bound on a reply, and one that inputs do reach.
const LIMITS: [usize; 2] = [4 << 20, 100];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, text)) = bytes.split_first() else { return };
    let limit = LIMITS[usize::from(how & 1)];
    let script = Script { text: text.to_vec(), status: (how >> 1 & 3).into(), deaf: how & 8 != 0 };
    let Ok((answer, is_error)) = call_as(script, limit) else { return };
    if text.len() > limit {
        let error: ProviderError = serde_json::from_str(&answer).expect("an error of ours is an error");
        assert!(is_error && error.code() == ProviderError::REPLY_TOO_LARGE);
        return;
    }
    assert!(answer.as_bytes() == text, "an answer was taken in part");
    if is_error {
        let Ok(error) = serde_json::from_str::<ProviderError>(&answer) else { return };
        let written = serde_json::to_string(&error).expect("an error of ours serialises");
        assert_eq!(serde_json::from_str::<ProviderError>(&written).ok().as_ref(), Some(&error));
        let _ = error.to_string();
    } else {
        let _ = serde_json::from_str::<IgnoredAny>(&answer);
    }
});
