//! The policy's file: only one that nobody but root or the agent's own user could have written is read.

use super::Policy;
use crate::Error;
use nix::unistd::Uid;
use plugin_api::host::check_folder;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Where the policy is when `policy` names no other place; it may be missing there.
const DEFAULT_PATH: &str = "/etc/basicagent/policy.toml";

/// Larger files are refused.
const MAX_BYTES: u64 = 1 << 20;

/// Reads the policy that `named` holds, or else the one at [`DEFAULT_PATH`]; `None` when that is not there.
///
/// # Errors
/// [`Error::File`] and [`Error::Refused`] for a file that can't or must not be read, [`Error::Config`] for what it says.
pub(crate) fn load(named: Option<&Path>) -> Result<Option<Policy>, Error> {
    let path = named.unwrap_or(Path::new(DEFAULT_PATH));
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::File { path: path.to_owned(), source }),
    };
    trusted(path, &file).map_err(|why| Error::Refused { path: path.to_owned(), why })?;
    let mut text = String::new();
    (&file)
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|source| Error::File { path: path.to_owned(), source })?;
    let policy = Policy::parse(&text);
    policy.map(Some).map_err(|why| Error::Config(format!("{}: {why}", path.display())))
}

fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK: a FIFO in its place must not hold the agent up.
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Who could have written the open file, or put another in its place.
fn trusted(path: &Path, file: &File) -> Result<(), String> {
    // What was opened was reached through folders that, when they pass, nobody else can have changed meanwhile.
    let folder = path.parent().ok_or("it is no file")?;
    check_folder(folder).map_err(|error| error.to_string())?;
    let data = file.metadata().map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if data.uid() != 0 && data.uid() != Uid::effective().as_raw() {
        return Err(format!("it belongs to uid {}, not to root or to us", data.uid()));
    }
    if data.mode() & 0o022 != 0 {
        let mode = data.mode() & 0o7777;
        return Err(format!("it can be written by others than its owner (mode {mode:04o})"));
    }
    if data.len() >= MAX_BYTES {
        return Err(format!("it has {} bytes; fewer than {MAX_BYTES} are taken", data.len()));
    }
    Ok(())
}
