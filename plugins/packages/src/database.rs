//! The databases as parts of the answer.

use std::path::PathBuf;

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
