//! Packages of rpm, from whichever form its database has.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use crate::database::Read;
use crate::package::Package;
use crate::selection::Selection;
use crate::{header, ndb, sqlite};

/// Where distributions keep the database; usually one is a link to another.
const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// Reads the database; `None` if it is missing.
pub(crate) fn read(selection: &Selection, deadline: Option<Instant>) -> Option<Read> {
    let find = |name: &str| -> Option<PathBuf> {
        FOLDERS
            .iter()
            .map(|folder| selection.root.join(folder).join(name))
            .find(|path| path.exists())
    };
    let mut packages: Vec<Package> = Vec::new();
    let mut add = |blob: &[u8]| {
        packages.extend(header::parse(blob).filter(|package| selection.wants(&package.name)))
    };
    let (path, outcome) = if let Some(path) = find("rpmdb.sqlite") {
        let outcome = sqlite::each_blob(&path, deadline, &mut add);
        (path, outcome)
    } else if let Some(path) = find("Packages.db") {
        let outcome = ndb::each_blob(&path, &mut add);
        (path, outcome)
    } else {
        let old =
            "Berkeley DB is not supported; rpm 4.16 or later converts it with rpm --rebuilddb";
        (find("Packages")?, Err(io::Error::other(old)))
    };
    Some(Read {
        manager: "rpm",
        path,
        error: outcome.err().map(|error| error.to_string()),
        packages,
    })
}
