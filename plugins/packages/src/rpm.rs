//! Packages of rpm, from whichever form its database has.

use std::io;
use std::path::{Path, PathBuf};

use crate::package::Package;
use crate::selection::Selection;
use crate::sqlite::Database;
use crate::{Read, header, ndb};

/// Where distributions keep it; mostly one is a link to the other.
const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];

/// None where there is no such database.
pub(crate) fn read(selection: &Selection) -> Option<Read> {
    let find = |name: &str| -> Option<PathBuf> {
        FOLDERS.iter().map(|folder| selection.root.join(folder).join(name)).find(|path| path.exists())
    };
    let mut packages = Vec::new();
    let mut add =
        |blob: &[u8]| packages.extend(header::parse(blob).filter(|package| selection.wants(&package.name)));
    let (path, outcome) = if let Some(path) = find("rpmdb.sqlite") {
        let outcome = read_sqlite(&path, &mut add);
        (path, outcome)
    } else if let Some(path) = find("Packages.db") {
        let outcome = ndb::each_blob(&path, &mut add);
        (path, outcome)
    } else {
        let old =
            "it is of Berkeley DB, which is not read; rpm --rebuilddb of rpm 4.16 or newer makes it SQLite";
        (find("Packages")?, Err(io::Error::other(old)))
    };
    let packages: Vec<Package> = packages;
    Some(Read { manager: "rpm", path, error: outcome.err().map(|error| error.to_string()), packages })
}

fn read_sqlite(path: &Path, visit: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    Database::open(path)?.each_blob("Packages", visit)
}
