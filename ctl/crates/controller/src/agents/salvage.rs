//! The id of a reply that cannot be read, so that the client that waits for it hears of it at once.
//!
//! Reads the start of an object leniently: it only needs to find the end of each value before the
//! id. Nothing else is taken from such a message.

use agent_wire::message::MAX_ID;

/// Returns the id at the top level of an object's text, which may be cut off; `None` if it is not
/// in there, or the message has a method and so is no reply.
pub(super) fn reply_id(text: &[u8]) -> Option<String> {
    let mut rest = skip_blanks(text).strip_prefix(b"{")?;
    let mut id = None;
    while let Some((key, after)) = string(skip_blanks(rest)) {
        let value = skip_blanks(skip_blanks(after).strip_prefix(b":")?);
        if key == b"\"method\"" {
            return None;
        }
        if key == b"\"id\"" && id.is_none() {
            let (found, _) = string(value)?;
            id = Some(serde_json::from_slice::<String>(found).ok()?);
        }
        match end_of_value(value).and_then(|rest| rest.strip_prefix(b",")) {
            Some(after) => rest = after,
            None => break,
        }
    }
    id.filter(|id| (1..=MAX_ID).contains(&id.len()))
}

/// Splits the string at the start of `text`, with its quotes, from what follows.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let inside = text.strip_prefix(b"\"")?;
    let end = inside.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    })?;
    Some(text.split_at(end + 2))
}

/// Returns what follows the value at the start of `text`, from its comma or closing brace on.
fn end_of_value(mut text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    loop {
        match text.first()? {
            b'"' => {
                text = string(text)?.1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b'}' if depth == 0 => return Some(text),
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        text = &text[1..];
    }
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_whatever_else_is_wrong() {
        let deep = format!("{{\"id\":\"a\",\"data\":{}", "[".repeat(40));
        for (text, wanted) in [
            (r#"{"id":"a","data":{"x":1,"x":2}}"#, Some("a")),
            (r#" { "data" : {"id":"inner","y":[1,"]"]} , "id" : "a\u0062\"c" , "#, Some("ab\"c")),
            (r#"{"id":"a","data":"\ud800"}"#, Some("a")),
            (r#"{"data":"\ud800 \" }","n":1e999,"id":"a"}"#, Some("a")),
            (r#"{"id":"a","id":"b"}"#, Some("a")),
            (deep.as_str(), Some("a")),
            (r#"{"id":"a","method":"async.result","data":"\ud800"}"#, None),
            (r#"{"id":7,"resp":"success"}"#, None),
            (r#"{"id":"","resp":"success"}"#, None),
            (r#"{"id":"cut o"#, None),
            (r#"{"data":{"id":"inner"}}"#, None),
            ("", None),
            ("{", None),
            ("[]", None),
        ] {
            assert_eq!(reply_id(text.as_bytes()).as_deref(), wanted, "{text}");
        }
        assert_eq!(reply_id(b"{\"id\":\"a\",\"data\":\"\xff\"}").as_deref(), Some("a"));
        let long = format!("{{\"id\":\"{}\"}}", "a".repeat(MAX_ID + 1));
        assert_eq!(reply_id(long.as_bytes()), None);
    }
}
