//! What udev found on a device: its database in /run/udev/data, whose form libudev reads too. Absent where no udev
//! runs.

use std::path::Path;

use readers::escape::hex_text;
use readers::file;

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
        let value = hex_text(value);
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The text that a device gives as its own: with what had to be escaped, else as udev made it plain.
    pub(crate) fn encoded(&self, name: &str) -> Option<String> {
        self.get(&format!("{name}_ENC")).or_else(|| self.get(name))
    }
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
