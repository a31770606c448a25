//! Texts of others, made harmless for a terminal.
//!
//! A host names itself, its version and its labels, and audit lines quote what strangers sent. A
//! control character in them would move the cursor, hide lines or answer the terminal's questions;
//! a direction mark would make a name look like another.

use std::fmt::Write as _;

/// Returns the text on one line, without characters that a terminal acts on or does not show.
pub(crate) fn safe(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if steers(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// Escapes those characters in a JSON text; it remains the same JSON. The JSON's own line breaks
/// and blanks stay: in a string, JSON allows no control characters below U+0020.
pub(crate) fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && steers(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write!(shown, "\\u{unit:04x}").expect("a string takes every text");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Returns whether a terminal acts on the character, or shows nothing for it.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'          // zero width, and marks of direction
            | '\u{2028}'..='\u{202e}'          // line separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}'          // joiners, isolates, deprecated format characters
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}') // tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_steers_a_terminal_survives() {
        for (text, wanted) in [
            ("web-1", "web-1"),
            ("größe 日本", "größe 日本"),
            ("\u{1b}[2J\u{1b}]0;x\u{7}", "\\u{1b}[2J\\u{1b}]0;x\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
            ("a\u{200b}b\u{2028}", "a\\u{200b}b\\u{2028}"),
            ("", ""),
        ] {
            assert_eq!(safe(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn json_means_the_same_after_it_is_made_safe() {
        let text = "{\n  \"a\": \"\u{9b}31m \u{202e} é \u{7f}\u{e0001}\"\n}";
        let shown = json(text);
        assert!(!shown.chars().any(|c| c != '\n' && steers(c)), "{shown}");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&shown), read(text));
    }
}
