//! Files that the controller trusts or writes.
//!
//! A file is written as a whole or not at all, with its final mode from the first byte on. A file
//! is read within a bound and without waiting, and only if nobody but root and the controller's own
//! user could have changed it.

use crate::error::Error;
use nix::unistd::Uid;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The mode of keys and tokens.
pub(crate) const PRIVATE: u32 = 0o600;

/// The mode of certificates and configs.
pub(crate) const PUBLIC: u32 = 0o644;

/// The most bytes of a certificate bundle, a key or a token.
const MAX_INPUT: u64 = 4 << 20;

/// Who may read an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody: certificates.
    Public,
    /// Only its owner: keys and tokens.
    Private,
}

/// Reads an input that an operator named.
///
/// # Errors
/// When it cannot be read, is not a regular file, is too large, or others could have changed it
/// (or read it, if it is private).
pub(crate) fn read(path: &Path, access: Access) -> Result<Vec<u8>, Error> {
    let file = OpenOptions::new()
        .read(true)
        // Opening a FIFO would wait for its writer.
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(path)
        .map_err(Error::file(path))?;
    let data = file.metadata().map_err(Error::file(path))?;
    check(path, &data, access)?;
    check_ancestors(path)?;
    let mut bytes = Vec::new();
    (&file).take(MAX_INPUT + 1).read_to_end(&mut bytes).map_err(Error::file(path))?;
    if bytes.len() as u64 > MAX_INPUT {
        let why = format!("too large: it must have at most {MAX_INPUT} bytes");
        return Err(Error::Content { path: path.to_owned(), why });
    }
    Ok(bytes)
}

/// Checks that an open file is a regular one that only its owner may use.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) fn check_private(path: &Path, file: &File) -> Result<(), Error> {
    check(path, &file.metadata().map_err(Error::file(path))?, Access::Private)
}

/// Checks that only root and the controller's own user can change what is in a directory.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) fn check_dir(path: &Path) -> Result<(), Error> {
    let data = path.metadata().map_err(Error::file(path))?;
    check_owner(path, &data)?;
    if data.mode() & 0o022 != 0 {
        return Err(loose(path, &data, "lets others change its files", "go-w"));
    }
    check_ancestors(path)
}

fn check(path: &Path, data: &Metadata, access: Access) -> Result<(), Error> {
    if !data.is_file() {
        let why = "it must be a regular file".to_owned();
        return Err(Error::Content { path: path.to_owned(), why });
    }
    check_owner(path, data)?;
    match access {
        Access::Public if data.mode() & 0o022 != 0 => {
            Err(loose(path, data, "lets others change it", "go-w"))
        }
        // A service that is not root reads its key through its group, as PostgreSQL allows too.
        Access::Private if data.uid() == 0 && !Uid::effective().is_root() => {
            if data.mode() & 0o037 == 0 {
                Ok(())
            } else {
                Err(loose(path, data, "lets others read or change it", "0640"))
            }
        }
        Access::Private if data.mode() & 0o077 != 0 => {
            Err(loose(path, data, "lets others read or change it", "0600"))
        }
        Access::Public | Access::Private => Ok(()),
    }
}

fn check_owner(path: &Path, data: &Metadata) -> Result<(), Error> {
    let (owner, own) = (data.uid(), Uid::effective().as_raw());
    if owner == 0 || owner == own {
        return Ok(());
    }
    let why = format!("it belongs to uid {owner}, who could change it; run chown {own} on it");
    Err(Error::Content { path: path.to_owned(), why })
}

/// Checks, for root, that nobody else can put another file in the place of `path`: each directory
/// above it belongs to root, and is writable by its owner alone or sticky.
fn check_ancestors(path: &Path) -> Result<(), Error> {
    if !Uid::effective().is_root() {
        return Ok(());
    }
    let real = path.canonicalize().map_err(Error::file(path))?;
    for dir in real.ancestors().skip(1) {
        let data = dir.metadata().map_err(Error::file(dir))?;
        check_owner(dir, &data)?;
        if data.mode() & 0o022 != 0 && data.mode() & 0o1000 == 0 {
            return Err(loose(dir, &data, "lets others replace what is in it", "go-w"));
        }
    }
    Ok(())
}

fn loose(path: &Path, data: &Metadata, what: &str, mode: &str) -> Error {
    let found = data.mode() & 0o7777;
    let why = format!("mode {found:04o} {what}; run chmod {mode} on it");
    Error::Content { path: path.to_owned(), why }
}

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

/// Waits until the names in a directory are on disk: a rename is not before that (fsync(2)).
///
/// # Errors
/// When the disk reports an error.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(Error::file(dir))
}
