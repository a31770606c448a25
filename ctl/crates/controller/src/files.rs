//! Writing a file whole or not at all, with the mode it shall have from its first byte on.

use crate::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The mode of keys and tokens.
pub(crate) const PRIVATE: u32 = 0o600;

/// The mode of certificates and configs.
pub(crate) const PUBLIC: u32 = 0o644;

/// Makes or replaces the file at `path` with `content`.
///
/// # Errors
/// When it can't be written; what was there before then still is.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new{}", std::process::id()));
    let new = path.with_file_name(name);
    let _ = fs::remove_file(&new);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&new);
        Error::File { path: path.to_owned(), source }
    })
}

/// Makes a directory and those above it, for its owner only, where they are not there.
///
/// # Errors
/// When it can't be made.
pub(crate) fn make_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))
}
