//! udev's database of a device in /run/udev/data, whose format libudev reads too. It is missing
//! where udev does not run.

use std::path::Path;

use readers::escape::hex_text;
use readers::file;

/// The properties of one device, from the `E:` lines.
pub(crate) struct Properties(String);

impl Properties {
    /// Reads the properties; `device` is the major and minor number.
    pub(crate) fn read(root: &Path, device: &str) -> Self {
        Self(file::text(&root.join(format!("run/udev/data/b{device}"))).unwrap_or_default())
    }

    /// Returns a property; `None` if it is missing or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let mut properties =
            self.0.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        let (_, value) = properties.find(|(known, _)| *known == name)?;
        let value = hex_text(value);
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Returns a text that the device supplies: the escaped form with all its characters, else
    /// udev's simplified form.
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
