//! Packages of rpm, from whichever form its database has.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use readers::root::Root;

use crate::database::{self, Read};
use crate::package::Package;
use crate::selection::Selection;
use crate::{header, ndb, sqlite};

/// Where distributions keep the database; usually one is a link to another.
const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// Reads the database; `None` if it is missing.
pub(crate) fn read(root: &Root, selection: &Selection, deadline: Option<Instant>) -> Option<Read> {
    let find = |name: &str| -> Option<PathBuf> {
        database::find(root, &FOLDERS.map(|folder| Path::new(folder).join(name)))
    };
    let mut packages: Vec<Package> = Vec::new();
    let mut add = |blob: &[u8]| {
        packages.extend(header::parse(blob).filter(|package| selection.wants(&package.name)))
    };
    let (path, outcome) = if let Some(path) = find("rpmdb.sqlite") {
        let outcome =
            local_path(root, &path).and_then(|local| sqlite::each_blob(&local, deadline, &mut add));
        (path, outcome)
    } else if let Some(path) = find("Packages.db") {
        let outcome = root.regular(&path).and_then(|file| ndb::each_blob(&file, &mut add));
        (path, outcome)
    } else {
        let old =
            "Berkeley DB is not supported; rpm 4.16 or later converts it with rpm --rebuilddb";
        (find("Packages")?, Err(io::Error::other(old)))
    };
    Some(Read {
        manager: "rpm",
        path: root.shown(&path),
        error: outcome.err().map(|error| error.to_string()),
        packages,
    })
}

/// Returns the path by which SQLite opens a database. In an image, no part of it is a link.
fn local_path(root: &Root, path: &Path) -> io::Result<PathBuf> {
    // SQLite would wait for a dead share.
    root.bytes(path, 1)?;
    if root.is_host() { Ok(root.shown(path)) } else { root.real_path(path) }
}
