//! The output of a command in an agent's message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Returns the text of a field of output: what is no text, as well as that can be shown.
pub(super) fn text(message: &Value, field: &str) -> String {
    String::from_utf8(bytes(message, field))
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Returns a field of output as the command printed it.
pub(super) fn bytes(message: &Value, field: &str) -> Vec<u8> {
    let text = message.get(field).and_then(Value::as_str).unwrap_or_default();
    let encoding = if field == "stderr" { "stderr_encoding" } else { "encoding" };
    match message.get(encoding).and_then(Value::as_str) {
        Some("base64") => STANDARD.decode(text).unwrap_or_default(),
        _ => text.as_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_that_are_no_text_are_shown_as_far_as_they_are() {
        let message = json!({"data": "/0FiAGM=", "encoding": "base64", "stderr": "x"});
        assert_eq!(text(&message, "data"), "\u{fffd}Ab\0c");
        assert_eq!(bytes(&message, "data"), b"\xffAb\0c");
        assert_eq!(text(&message, "stderr"), "x");
        assert_eq!(text(&message, "other"), "");
    }
}
