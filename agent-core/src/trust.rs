//! Who could have written a file, or put another in its place: whoever can do that to the state
//! directory, the configuration or the TLS files commands this host as the agent does.
//!
//! The rules are those of plugins ([`plugin_api::host::check_folder`]): each file and each folder
//! above it belongs to root or to the agent's user, and nobody else can write it. One exception:
//! above, a sticky folder of root, such as /tmp, is accepted, because nobody can swap an entry of
//! another user there. Other than for plugins, symbolic links are followed, and each is checked
//! like a file: certificates are often links, and so is a state directory on another disk.

use nix::unistd::Uid;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

/// The most symbolic links that a path may lead through; the kernel's own bound.
const MAX_LINKS: usize = 40;

const WRITABLE_BY_OTHERS: u32 = 0o022;
const OPEN_TO_OTHERS: u32 = 0o077;
/// For a key of root that an agent of another user reads through its group, as PostgreSQL allows.
const OPEN_BEYOND_THE_GROUP: u32 = 0o037;
const STICKY: u32 = 0o1000;

/// Why a path is not trusted. The message names the path, the fault and the cure.
#[derive(Debug)]
pub(crate) enum Error {
    /// It cannot be looked at.
    System { path: PathBuf, source: io::Error },
    /// It belongs to somebody else.
    Owner { path: PathBuf, uid: u32 },
    /// Others can write it.
    Writable { path: PathBuf, mode: u32 },
    /// It is secret, and others can read it.
    Readable { path: PathBuf, mode: u32 },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System { path, source } => write!(f, "{}: {source}", path.display()),
            Self::Owner { path, uid } => {
                let (path, own) = (path.display(), Uid::effective());
                write!(
                    f,
                    "{path} belongs to uid {uid}, not to root or the agent's user; run: chown {own} {path}"
                )
            }
            Self::Writable { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "{path} can be written by others than its owner (mode {mode:04o}); run: chmod go-w {path}"
                )
            }
            Self::Readable { path, mode } => {
                let path = path.display();
                write!(
                    f,
                    "{path} is secret, but others than its owner can use it (mode {mode:04o}); run: chmod 600 {path}"
                )
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            Self::Owner { .. } | Self::Writable { .. } | Self::Readable { .. } => None,
        }
    }
}

/// Checks a file or folder and everything that leads to it. The path is absolute.
///
/// # Errors
/// The first component that is not trusted.
pub(crate) fn check(path: &Path) -> Result<(), Error> {
    walk(path).map(drop)
}

/// Checks a file that nobody but its owner may read, such as a key.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_secret(path: &Path) -> Result<(), Error> {
    let (path, data) = walk(path)?;
    let open = match data.uid() == 0 && !Uid::effective().is_root() {
        true => OPEN_BEYOND_THE_GROUP,
        false => OPEN_TO_OTHERS,
    };
    match data.mode() & open {
        0 => Ok(()),
        _ => Err(Error::Readable { path, mode: data.mode() & 0o7777 }),
    }
}

/// Checks a folder, everything that leads to it, and its entries.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_with_entries(folder: &Path) -> Result<(), Error> {
    check(folder)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::System { path, source }
    };
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let data = match fs::symlink_metadata(&path) {
            // Gone meanwhile: a task of an earlier agent may have ended.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            data => data.map_err(at(&path))?,
        };
        match data.is_symlink() {
            true => check(&path)?,
            false => trusted(&path, &data)?,
        }
    }
    Ok(())
}

/// Goes to `path` from the root, one component after the other. Each folder is checked before its
/// entries are looked at, so that nobody else can change them in between. Returns the path without
/// links, and its data.
fn walk(path: &Path) -> Result<(PathBuf, Metadata), Error> {
    let names = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|name| name.as_os_str().to_owned()).collect()
    };
    let mut left = names(path);
    let mut walked = PathBuf::from("/");
    let mut links = 0;
    let look = |path: &Path| {
        fs::symlink_metadata(path).map_err(|source| Error::System { path: path.to_owned(), source })
    };
    let mut data = look(&walked)?;
    while let Some(name) = left.pop() {
        match Path::new(&name).components().next() {
            Some(Component::RootDir) => walked = PathBuf::from("/"),
            Some(Component::ParentDir) => drop(walked.pop()),
            Some(Component::Normal(name)) => walked.push(name),
            Some(Component::CurDir | Component::Prefix(_)) | None => continue,
        }
        data = look(&walked)?;
        if data.is_symlink() {
            owned(&walked, &data)?;
            links += 1;
            let target = fs::read_link(&walked)
                .and_then(|target| match links {
                    0..=MAX_LINKS => Ok(target),
                    _ => Err(nix::errno::Errno::ELOOP.into()),
                })
                .map_err(|source| Error::System { path: walked.clone(), source })?;
            walked.pop();
            left.extend(names(&target));
            data = look(&walked)?;
        } else if left.is_empty() || data.mode() & STICKY == 0 || data.uid() != 0 {
            trusted(&walked, &data)?;
        }
    }
    Ok((walked, data))
}

fn trusted(path: &Path, data: &Metadata) -> Result<(), Error> {
    owned(path, data)?;
    match data.mode() & WRITABLE_BY_OTHERS {
        0 => Ok(()),
        _ => Err(Error::Writable { path: path.to_owned(), mode: data.mode() & 0o7777 }),
    }
}

fn owned(path: &Path, data: &Metadata) -> Result<(), Error> {
    match data.uid() {
        0 => Ok(()),
        uid if uid == Uid::effective().as_raw() => Ok(()),
        uid => Err(Error::Owner { path: path.to_owned(), uid }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use test_support::Scratch;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_trusted_by_its_mode_and_by_those_of_the_folders_above() {
        let scratch = Scratch::new("trust");
        let file = scratch.write("a/b/file", "x");
        check(&file).unwrap();
        for (path, bad, good) in [
            (file.clone(), 0o664, 0o644),
            (file.clone(), 0o602, 0o600),
            (scratch.file("a/b"), 0o777, 0o755),
            (scratch.file("a/b"), 0o1777, 0o755),
            (scratch.file("a"), 0o775, 0o755),
        ] {
            mode(&path, bad);
            let is_sticky_above_a_file = bad == 0o1777 && Uid::effective().is_root();
            let error = check(&file).err().map(|error| error.to_string());
            match is_sticky_above_a_file {
                true => assert_eq!(error, None),
                false => {
                    let error = error.unwrap();
                    let cure = format!("(mode {bad:04o}); run: chmod go-w {}", path.display());
                    assert!(error.contains(&cure), "{error}");
                }
            }
            mode(&path, good);
            check(&file).unwrap();
        }
    }

    #[test]
    fn a_secret_file_is_its_owners_alone() {
        let scratch = Scratch::new("trust");
        let key = scratch.write("key", "x");
        for open in [0o644, 0o640, 0o604, 0o610] {
            mode(&key, open);
            let error = check_secret(&key).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", key.display())), "{error}");
        }
        for closed in [0o600, 0o400] {
            mode(&key, closed);
            check_secret(&key).unwrap();
        }
    }

    #[test]
    fn links_are_followed_and_their_targets_checked() {
        let scratch = Scratch::new("trust");
        let file = scratch.write("data/file", "x");
        symlink("data", scratch.file("folder")).unwrap();
        symlink("../folder/./file", scratch.file("data/again")).unwrap();
        symlink("loop", scratch.file("loop")).unwrap();
        check(&scratch.file("folder/again")).unwrap();
        assert!(matches!(check(&scratch.file("loop")), Err(Error::System { .. })));
        assert!(matches!(check(&scratch.file("none")), Err(Error::System { .. })));
        mode(&file, 0o666);
        assert!(matches!(check(&scratch.file("folder/again")), Err(Error::Writable { .. })));
        assert!(matches!(check_with_entries(&scratch.file("folder")), Err(Error::Writable { .. })));
        mode(&file, 0o644);
        check_with_entries(&scratch.file("folder")).unwrap();
        mode(&scratch.file("data"), 0o777);
        assert!(matches!(check(&scratch.file("folder/again")), Err(Error::Writable { .. })));
    }

    #[test]
    fn another_users_file_folder_or_link_is_not_trusted() {
        if !test_support::needs_root("another_users_file_folder_or_link_is_not_trusted") {
            return;
        }
        let scratch = Scratch::new("trust");
        let file = scratch.write("data/file", "x");
        let link = scratch.file("link");
        symlink("data/file", &link).unwrap();
        for path in [file, scratch.file("data"), link.clone()] {
            std::os::unix::fs::lchown(&path, Some(65534), None).unwrap();
            let error = check(&link).unwrap_err().to_string();
            let cure = format!(
                "belongs to uid 65534, not to root or the agent's user; run: chown 0 {}",
                path.display()
            );
            assert!(error.contains(&cure), "{error}");
            std::os::unix::fs::lchown(&path, Some(0), None).unwrap();
        }
        check(&link).unwrap();
    }
}
