//! Finds the file of a method, and lists the methods that folders hold. Opens no file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileIdentity, HostError};
use crate::MethodName;

/// Entries read from one folder at most.
const MAX_ENTRIES: usize = 4096;

/// Returns the file of `method` in the first of `dirs` that holds it, and the file's identity.
/// Finds a bad file too, so that [`check`](super::check) refuses it: falling back to a later folder
/// would hide the problem.
///
/// # Errors
/// [`HostError::RelativeFolder`]; [`HostError::NotFound`]; [`HostError::Refused`] when a folder
/// cannot be searched.
pub fn find(dirs: &[PathBuf], method: &MethodName) -> Result<(PathBuf, FileIdentity), HostError> {
    dirs.iter().try_for_each(|dir| absolute(dir))?;
    if let Some(file) = method.file_name() {
        for dir in dirs {
            let path = dir.join(&file);
            match FileIdentity::of(&path) {
                Ok(identity) => return Ok((path, identity)),
                Err(err)
                    if matches!(
                        err.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(err) => return Err(HostError::Refused { path, why: err.to_string() }),
            }
        }
    }
    Err(HostError::NotFound { method: method.clone(), dirs: dirs.to_vec() })
}

/// Lists every method that `dirs` hold a file for, sorted by name, each with the file that [`find`]
/// returns. Neither checks nor loads the files; a missing folder counts as empty.
///
/// # Errors
/// [`HostError::RelativeFolder`]; [`HostError::Refused`] for a folder that cannot be read or holds
/// more than 4096 entries.
pub fn list(dirs: &[PathBuf]) -> Result<Vec<(MethodName, PathBuf)>, HostError> {
    let mut found = BTreeMap::new();
    for dir in dirs {
        absolute(dir)?;
        let refused =
            |err: io::Error| HostError::Refused { path: dir.clone(), why: err.to_string() };
        let entries = match dir.read_dir() {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => return Err(refused(err)),
        };
        for (count, entry) in entries.enumerate() {
            if count == MAX_ENTRIES {
                return Err(refused(io::Error::other(format!("more than {MAX_ENTRIES} entries"))));
            }
            let name = entry.map_err(refused)?.file_name();
            if let Some(method) = name.to_str().and_then(MethodName::from_file_name) {
                found.entry(method).or_insert_with(|| dir.join(&name));
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn absolute(dir: &Path) -> Result<(), HostError> {
    if dir.is_absolute() { Ok(()) } else { Err(HostError::RelativeFolder(dir.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir =
            std::env::temp_dir().join(format!("plugin-api-find-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn the_first_folder_wins_and_missing_folders_count_as_empty() {
        let base = scratch("order");
        let dirs: Vec<PathBuf> = ["absent", "a", "b"].iter().map(|d| base.join(d)).collect();
        std::fs::create_dir(&dirs[1]).unwrap();
        std::fs::create_dir(&dirs[2]).unwrap();
        for file in ["a/libgetinfo_x.so", "b/libgetinfo_x.so", "b/libgetinfo_y.so", "b/libssl.so"] {
            std::fs::write(base.join(file), "").unwrap();
        }
        let x = MethodName::parse("getinfo.x").unwrap();
        let y = MethodName::parse("getinfo.y").unwrap();
        let first = dirs[1].join("libgetinfo_x.so");
        assert_eq!(find(&dirs, &x).unwrap(), (first.clone(), FileIdentity::of(&first).unwrap()));
        let want = vec![(x, dirs[1].join("libgetinfo_x.so")), (y, dirs[2].join("libgetinfo_y.so"))];
        assert_eq!(list(&dirs).unwrap(), want);
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn the_error_for_a_missing_method_names_the_file_and_the_folders() {
        let dirs = [PathBuf::from("/nonexistent/a"), PathBuf::from("/nonexistent/b")];
        let err = find(&dirs, &MethodName::parse("getinfo.zz").unwrap()).unwrap_err();
        assert_eq!(
            err.to_string(),
            "getinfo.zz: no libgetinfo_zz.so in /nonexistent/a, /nonexistent/b"
        );
        let err = find(&dirs, &MethodName::parse("agent.ping").unwrap()).unwrap_err();
        assert!(err.to_string().contains("getinfo.* methods only"), "{err}");
    }

    #[test]
    fn relative_folders_are_refused() {
        let dirs = [PathBuf::from("plugins")];
        assert!(matches!(list(&dirs), Err(HostError::RelativeFolder(_))));
        assert!(matches!(
            find(&dirs, &MethodName::parse("getinfo.x").unwrap()),
            Err(HostError::RelativeFolder(_))
        ));
    }
}
