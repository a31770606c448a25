//! Output as text or as base64 (§5).

use crate::exec::unfinished;
use agent_wire::message::Encoding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns the length of the first part of the bytes that is all text, or not text from its first
/// byte to its last. A character that the end cuts is part of it only in the last bytes of a
/// stream.
pub(super) fn first_part(bytes: &[u8], is_last: bool) -> usize {
    let cut = if is_last { 0 } else { unfinished(bytes) };
    let bytes = bytes.get(..bytes.len() - cut).unwrap_or_default();
    let (mut at, mut binary_end) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid().as_bytes();
        if binary_end == 0 {
            match text.iter().position(|byte| *byte == 0) {
                Some(0) => {}
                Some(length) => return length,
                None if !text.is_empty() => return text.len(),
                None => {}
            }
        }
        if let Some(last) = text.iter().rposition(|byte| *byte == 0) {
            binary_end = at + last + 1;
        }
        at += text.len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            binary_end = at;
        }
    }
    binary_end
}

/// Returns the bytes as text where they are UTF-8 and base64 was not requested, else as base64, and
/// the name of the encoding. Text holds no NUL: JSON writes it as six bytes, and a flood of them
/// must not cost the agent six times the bound.
pub(super) fn encode(bytes: Vec<u8>, encoding: Encoding) -> (String, Option<&'static str>) {
    let bytes = match encoding {
        Encoding::Base64 => bytes,
        Encoding::Auto if bytes.contains(&0) => bytes,
        Encoding::Auto => match String::from_utf8(bytes) {
            Ok(text) => return (text, None),
            Err(error) => error.into_bytes(),
        },
    };
    (STANDARD.encode(bytes), Some("base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_text_or_from_its_first_byte_to_its_last_not_text() {
        let table: [(&[u8], bool, usize); 13] = [
            (b"", true, 0),
            ("aä€🦀".as_bytes(), false, 10),
            (b"a\xe2\x82", false, 1),
            (b"a\xe2\x82", true, 1),
            (b"\xe2\x82", false, 0),
            (b"\xe2\x82", true, 2),
            (b"ab\xffcd", false, 2),
            (b"\xffcd", false, 1),
            (b"\x80\x80ab\xffcd", false, 5),
            (b"ab\0cd", false, 2),
            (b"\0cd", false, 1),
            (b"\0a\0cd\xc3", false, 3),
            (b"\xffa\0\0", false, 4),
        ];
        for (bytes, is_last, length) in table {
            assert_eq!(first_part(bytes, is_last), length, "{bytes:?}");
        }
    }
}
