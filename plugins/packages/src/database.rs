//! The databases as parts of the answer.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use readers::root::Root;
use serde::Serialize;

use crate::package::Package;

/// The most bytes read from a text database: about 60,000 packages.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 20;

/// One manager's database.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Database {
    /// `dpkg`, `rpm` or `apk`.
    manager: &'static str,
    /// The file or folder that was read.
    path: String,
    /// How many of its packages the arguments select.
    count: usize,
    /// Why the database, or the rest of it, cannot be read; null if all of it was read.
    error: Option<String>,
}

/// One manager's packages.
pub(crate) struct Read {
    pub(crate) manager: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) error: Option<String>,
    pub(crate) packages: Vec<Package>,
}

/// Returns the first of these paths, relative to the root, that may be there: one that can't be
/// looked up counts, so that its error is told.
pub(crate) fn find(root: &Root, paths: &[impl AsRef<Path>]) -> Option<PathBuf> {
    let is_missing = |path: &Path| {
        let error = root.metadata(path).err().map(|error| error.kind());
        matches!(error, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
    };
    let found = paths.iter().map(AsRef::as_ref).find(|path| !is_missing(path))?;
    Some(found.to_owned())
}

impl Read {
    /// Splits off the database's own part of the answer.
    pub(crate) fn into_parts(self) -> (Database, Vec<Package>) {
        let database = Database {
            manager: self.manager,
            path: self.path.to_string_lossy().into_owned(),
            count: self.packages.len(),
            error: self.error,
        };
        (database, self.packages)
    }
}
