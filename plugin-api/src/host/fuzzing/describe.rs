//! Descriptions: a description is taken whole or not at all, reads back equal, and its help prints.

use super::c_plugin::{Script, describe_as};
use crate::{Meta, MethodName};

/// The host's bound on a description, and a smaller bound that inputs reach.
const LIMITS: [usize; 2] = [64 << 10, 100];

/// Checks a description through the C entry. The first byte chooses the bound and how the plugin
/// behaves; the rest is its output.
pub fn describe(bytes: &[u8]) {
    let Some((how, text)) = bytes.split_first() else { return };
    let limit = LIMITS[usize::from(how & 1)];
    let script = Script { text: text.to_vec(), status: (how & 2).into(), deaf: how & 4 != 0 };
    let Ok(taken) = describe_as(script, limit) else { return };
    assert!(taken.as_bytes() == text, "a description was taken in part");
    let Ok(meta) = serde_json::from_str::<Meta>(&taken) else { return };
    let written = serde_json::to_string(&meta).expect("our own description serializes");
    let back: Meta = serde_json::from_str(&written).expect("our own description is a description");
    assert_eq!(format!("{back:?}"), format!("{meta:?}"));
    assert!(meta.usage_text().starts_with("usage: "));
    let _ = MethodName::parse(&meta.method).map(|name| name.file_name());
}
