//! What a plugin says of itself → `Meta` and its help text, through the C entry.
//!
//! The first byte chooses the bound and how the plugin behaves; the rest is what it emits.
#![no_main]

use c_plugin::{Script, describe_as};
use plugin_api::{Meta, MethodName, ProviderError};

mod c_plugin;
#[path = "../../../plugin-api/src/host/call_c.rs"]
#[expect(dead_code, reason = "nothing is loaded")]
mod call_c;
#[path = "../../../plugin-api/src/entry_c.rs"]
#[expect(dead_code, reason = "nothing is loaded")]
mod entry_c;

/// The host's bound on a description, and one that inputs do reach.
const LIMITS: [usize; 2] = [64 << 10, 100];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((how, text)) = bytes.split_first() else { return };
    let limit = LIMITS[usize::from(how & 1)];
    let script = Script { text: text.to_vec(), status: (how & 2).into(), deaf: how & 4 != 0 };
    let Ok(taken) = describe_as(script, limit) else { return };
    assert!(taken.as_bytes() == text, "a description was taken in part");
    let Ok(meta) = serde_json::from_str::<Meta>(&taken) else { return };
    let written = serde_json::to_string(&meta).expect("a description of ours serialises");
    let back: Meta = serde_json::from_str(&written).expect("a description of ours is a description");
    assert_eq!(format!("{back:?}"), format!("{meta:?}"));
    assert!(meta.usage_text().starts_with("usage: "));
    let _ = MethodName::parse(&meta.method).map(|name| name.file_name());
});
