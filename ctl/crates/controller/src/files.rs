//! Writes a file as a whole or not at all, with its final mode from the first byte on.

use crate::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The mode of keys and tokens.
pub(crate) const PRIVATE: u32 = 0o600;

/// The mode of certificates and configs.
pub(crate) const PUBLIC: u32 = 0o644;

/// Creates or replaces the file at `path`.
///
/// # Errors
/// When the file cannot be written; its old content then stays.
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

/// Creates a directory that is missing, and the missing ones above it, for their owner only.
///
/// # Errors
/// When a directory cannot be created.
pub(crate) fn create_dir(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))
}
