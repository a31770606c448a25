//! What udev found on a device: its database in /run/udev/data, whose form libudev reads too. Absent where no udev
//! runs.

use std::path::Path;

use crate::file;

/// Properties of one device, as `E:` lines hold them.
pub(crate) struct Properties(String);

impl Properties {
    /// `device` is major and minor number.
    pub(crate) fn read(root: &Path, device: &str) -> Self {
        Self(file::text(&root.join(format!("run/udev/data/b{device}"))).unwrap_or_default())
    }

    /// None where it is not there, or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut properties = self.0.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        let (_, value) = properties.find(|(known, _)| *known == name)?;
        let value = unescape(value);
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The text that a device gives as its own: with what had to be escaped, else as udev made it plain.
    pub(crate) fn encoded(&self, name: &str) -> Option<String> {
        self.get(&format!("{name}_ENC")).or_else(|| self.get(name))
    }
}

/// `\x20` is a blank.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(1..3).filter(|_| *first == b'\\' && after[0] == b'x');
        match code.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_found() {
        let text = "S:disk\nE:ID_FS_LABEL=my_disk\nE:ID_FS_LABEL_ENC=my\\x20disk\\xe9\nE:ID_MODEL=M 1 \nE:EMPTY=\n\
                    E:ODD=\\x\\x4\\xzz\nE:=\nbroken\n";
        let properties = Properties(text.to_owned());
        assert_eq!(properties.encoded("ID_FS_LABEL").as_deref(), Some("my disk\u{fffd}"));
        assert_eq!(properties.encoded("ID_MODEL").as_deref(), Some("M 1"));
        assert_eq!(properties.get("ODD").as_deref(), Some("\\x\\x4\\xzz"));
        assert_eq!(
            (properties.get("EMPTY"), properties.get("S"), properties.get("broken")),
            (None, None, None)
        );
    }
}
