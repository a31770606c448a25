//! Values that are stored as JSON documents.

use serde::Serialize;

/// Returns a value's JSON document.
pub(in crate::store) fn document(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a row's values are written to memory")
}
