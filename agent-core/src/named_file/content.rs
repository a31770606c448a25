//! Opens, checks and reads one file, in the process that may hang.

use super::Error;
use crate::trust;
use nix::unistd::Uid;
use plugin_api::host::check_folder;
use std::fs::{File, FileType, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Who may have written a file that the agent uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writers {
    /// Anyone.
    Any,
    /// Only root and the agent's own user: neither the file nor a folder above it is another
    /// user's, or writable for others.
    Trusted,
    /// The same; but symbolic links are followed, each under the same rules: certificates and
    /// configurations are often links.
    TrustedLinks,
    /// The same, and nobody but the owner may read it: a key.
    Secret,
}

impl Writers {
    const NAMES: [(&str, Self); 4] = [
        ("any", Self::Any),
        ("trusted", Self::Trusted),
        ("trusted-links", Self::TrustedLinks),
        ("secret", Self::Secret),
    ];

    /// Returns the word for a reader's command line.
    pub(super) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, writers)| *writers == self).map_or("", |(name, _)| name)
    }

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(other, _)| *other == name).map(|(_, writers)| *writers)
    }
}

/// Reads a regular file of at most `max` bytes.
pub(super) fn read(path: &Path, max: u64, writers: Writers) -> Result<Vec<u8>, Error> {
    let (data, follow) = match writers {
        Writers::Any | Writers::TrustedLinks | Writers::Secret => (std::fs::metadata(path), 0),
        Writers::Trusted => (std::fs::symlink_metadata(path), nix::libc::O_NOFOLLOW),
    };
    // Before it is opened, which has an effect on some devices (a watchdog starts to count).
    regular(data.map_err(Error::System)?.file_type())?;
    // O_NONBLOCK: a FIFO may have taken its place.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY | follow)
        .open(path)
        .map_err(Error::System)?;
    let data = file.metadata().map_err(Error::System)?;
    regular(data.file_type())?;
    if data.len() > max {
        return Err(too_large(max));
    }
    // The file was opened by a path through folders and links. When they pass the check now, nobody
    // else can have changed them in between.
    let refused = |error: trust::Error| Error::Refused(error.to_string());
    match writers {
        Writers::Any => {}
        Writers::Trusted => trusted(path, &file).map_err(Error::Refused)?,
        Writers::TrustedLinks => trust::check(&absolute(path)?).map_err(refused)?,
        Writers::Secret => trust::check_secret(&absolute(path)?).map_err(refused)?,
    }
    let mut bytes = Vec::new();
    // One byte more, for a file that grows, or whose size the kernel does not tell.
    (&file).take(max + 1).read_to_end(&mut bytes).map_err(Error::System)?;
    if bytes.len() as u64 > max {
        return Err(too_large(max));
    }
    Ok(bytes)
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(Error::System)
}

fn regular(kind: FileType) -> Result<(), Error> {
    let what = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        kind if kind.is_char_device() || kind.is_block_device() => "a device",
        _ => "something else",
    };
    Err(Error::Refused(format!("it is {what}, not a regular file")))
}

fn too_large(max: u64) -> Error {
    Error::Refused(format!("it is too large; it may have at most {max} bytes"))
}

/// Checks who could have written the open file, or put another in its place.
fn trusted(path: &Path, file: &File) -> Result<(), String> {
    let folder = path.parent().ok_or("it is not a file")?;
    check_folder(folder).map_err(|error| error.to_string())?;
    let data = file.metadata().map_err(|error| error.to_string())?;
    if data.uid() != 0 && data.uid() != Uid::effective().as_raw() {
        return Err(format!("it belongs to uid {}, not to root or the agent's user", data.uid()));
    }
    if data.mode() & 0o022 != 0 {
        let mode = data.mode() & 0o7777;
        return Err(format!(
            "it is writable by its group or others (mode {mode:04o}); use chmod go-w"
        ));
    }
    Ok(())
}
