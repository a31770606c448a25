//! The output of a command in an agent's message.

use serde_json::Value;

/// Returns the text of a field of output: what is no text, as well as that can be shown.
pub(super) fn text(message: &Value, field: &str) -> String {
    let text = message.get(field).and_then(Value::as_str).unwrap_or_default();
    let encoding = if field == "stderr" { "stderr_encoding" } else { "encoding" };
    match message.get(encoding).and_then(Value::as_str) {
        Some("base64") => String::from_utf8_lossy(&base64(text)).into_owned(),
        _ => text.to_owned(),
    }
}

/// Decodes base64 (RFC 4648 §4), up to the first character that is none.
fn base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        held = (held << 6 | u32::from(value)) & 0xFFFF;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(held.wrapping_shr(bits).to_le_bytes()[0]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_that_are_no_text_are_shown_as_far_as_they_are() {
        let message = json!({"data": "/0FiAGM=", "encoding": "base64", "stderr": "x"});
        assert_eq!(text(&message, "data"), "\u{fffd}Ab\0c");
        assert_eq!(text(&message, "stderr"), "x");
        assert_eq!(text(&message, "other"), "");
        assert_eq!(base64("TWFuIGlz"), b"Man is");
    }
}
