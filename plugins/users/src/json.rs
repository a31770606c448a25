//! JSON text written by hand: on 100,000 rows a serialiser takes longer than NSS, most of it to
//! look for characters to escape in keys that never have any.

use std::ffi::CStr;

use plugin_api::Reply;

/// Appends to one JSON text. The caller sees to commas and braces.
#[derive(Default)]
pub(crate) struct Writer(String);

impl Writer {
    /// JSON as it is: keys, punctuation, what is JSON already.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Self {
        self.0.push_str(json);
        self
    }

    /// A number.
    pub(crate) fn number(&mut self, number: u32) -> &mut Self {
        self.0.push_str(itoa::Buffer::new().format(number));
        self
    }

    /// A string; bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn string(&mut self, text: &CStr) -> &mut Self {
        let bytes = text.to_bytes();
        match str::from_utf8(bytes) {
            Ok(text) if is_plain(bytes) => {
                self.0.push('"');
                self.0.push_str(text);
                self.0.push('"');
            }
            _ => {
                let escaped = Reply::json(&*text.to_string_lossy()).expect("a string serialises");
                self.0.push_str(escaped.as_str());
            }
        }
        self
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// One text as a JSON string.
pub(crate) fn string(text: &CStr) -> String {
    let mut writer = Writer::default();
    writer.string(text);
    writer.into_text()
}

/// Whether no byte has to be escaped. Without an early end, so that it runs on vectors.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.iter().fold(false, |found, byte| found | (*byte < 0x20) | (*byte == b'"') | (*byte == b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_the_serialiser_does() {
        for (text, want) in [
            (c"plain", r#""plain""#),
            (c"", r#""""#),
            (c"a\"b\\c", r#""a\"b\\c""#),
            (c"tab\tbell\x07", r#""tab\tbell\u0007""#),
            (c"Jos\xc3\xa9", "\"José\""),
            (c"Jos\xe9", "\"Jos\u{fffd}\""),
            (c"\x7f", "\"\x7f\""),
        ] {
            assert_eq!(string(text), want);
        }
    }
}
