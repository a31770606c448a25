//! systemd's unit files and their states, by the rules of `systemctl list-unit-files`
//! (systemd.unit(5), systemctl(1), unit_file_lookup_state in systemd's src/shared/install.c).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::read_bounded;
use crate::service::Service;
use crate::unit::{Unit, template_of};

/// The folders of unit files; the first that has a unit takes precedence.
const FOLDERS: [&str; 13] = [
    "etc/systemd/system.control",
    "run/systemd/system.control",
    "run/systemd/transient",
    "run/systemd/generator.early",
    "etc/systemd/system",
    "etc/systemd/system.attached",
    "run/systemd/system",
    "run/systemd/system.attached",
    "run/systemd/generator",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
    "run/systemd/generator.late",
];
/// The folders that `systemctl enable` writes to: permanently, and until the next boot.
const PERSISTENT: &str = "etc/systemd/system";
const RUNTIME: &str = "run/systemd/system";
/// The most unit files.
const MAX_UNITS: usize = 5000;

/// The suffixes of unit files.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "timer",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "device",
    "scope",
];

/// The links of one name that enable a unit.
#[derive(Default)]
struct Links {
    name: String,
    persistent: bool,
    runtime: bool,
}

/// A unit file in a folder.
struct Found {
    name: String,
    path: PathBuf,
    folder: &'static str,
    target: Option<PathBuf>,
    drop_ins: Vec<PathBuf>,
}

/// The contents of all folders. Lists, not maps: they are short, and a map needs more code.
struct Folders {
    root: PathBuf,
    units: Vec<Found>,
    /// The links in folders such as `multi-user.target.wants`.
    links: Vec<Links>,
    /// Other names: the alias, the unit's name, and the folder of the link.
    aliases: Vec<(String, String, &'static str)>,
    drop_ins: Vec<(String, PathBuf)>,
}

/// Returns the units below a root whose names `wants` selects, by name.
pub(crate) fn read(root: &Path, wants: &dyn Fn(&str) -> bool) -> Vec<Service> {
    let mut folders = Folders {
        root: root.to_owned(),
        units: Vec::new(),
        links: Vec::new(),
        aliases: Vec::new(),
        drop_ins: Vec::new(),
    };
    let mut seen = Vec::new();
    for folder in FOLDERS {
        let path = root.join(folder);
        // /lib can be a link to /usr/lib.
        let Ok(data) = fs::metadata(&path) else { continue };
        let identity = (data.dev(), data.ino());
        if !seen.contains(&identity) {
            seen.push(identity);
            folders.read_folder(folder, &path, wants);
        }
    }
    folders.find_aliases();
    let units = std::mem::take(&mut folders.units);
    units.iter().map(|found| folders.service(found)).collect()
}

/// Returns whether a name ends in one of the known suffixes.
pub(crate) fn is_unit(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, suffix)| !stem.is_empty() && SUFFIXES.contains(&suffix))
}

impl Folders {
    fn read_folder(&mut self, folder: &'static str, path: &Path, wants: &dyn Fn(&str) -> bool) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = entry.path();
            if let Some((unit, suffix)) = name.rsplit_once('.') {
                match suffix {
                    "wants" | "requires" | "upholds"
                        if folder == PERSISTENT || folder == RUNTIME =>
                    {
                        self.read_links(folder, &path);
                        continue;
                    }
                    "d" => {
                        self.drop_ins.push((unit.to_owned(), path));
                        continue;
                    }
                    _ => {}
                }
            }
            if !is_unit(&name) || !wants(&name) || self.units.len() >= MAX_UNITS {
                continue;
            }
            // Sorted by name; a unit of an earlier folder is already in the list.
            if let Err(place) = self.units.binary_search_by(|found| found.name.as_str().cmp(&name))
            {
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                let target = if is_link { fs::read_link(&path).ok() } else { None };
                self.units
                    .insert(place, Found { name, path, folder, target, drop_ins: Vec::new() });
            }
        }
    }

    fn read_links(&mut self, folder: &'static str, path: &Path) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let place =
                self.links.iter().position(|links| links.name == name).unwrap_or_else(|| {
                    self.links.push(Links { name, ..Links::default() });
                    self.links.len() - 1
                });
            self.links[place].persistent |= folder == PERSISTENT;
            self.links[place].runtime |= folder == RUNTIME;
        }
    }

    /// Finds aliases: a link to a unit of another name is an alias of that unit.
    fn find_aliases(&mut self) {
        let aliases = &mut self.aliases;
        self.units.retain(|found| {
            let other =
                found.target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            match other {
                Some(other) if other != found.name && is_unit(other) => {
                    aliases.push((found.name.clone(), other.to_owned(), found.folder));
                    false
                }
                _ => true,
            }
        });
        // The drop-ins of a unit include those of its template.
        for found in &mut self.units {
            let template = template_of(&found.name);
            for (unit, folder) in &self.drop_ins {
                if *unit == found.name || Some(unit) == template.as_ref() {
                    add_drop_ins(&mut found.drop_ins, folder);
                }
            }
        }
    }

    fn service(&self, found: &Found) -> Service {
        let name = found.name.as_str();
        let mut unit = Unit::default();
        // Absolute targets of links are relative to the root's own system.
        let file = match &found.target {
            Some(target) if target.is_absolute() => {
                self.root.join(target.strip_prefix("/").unwrap_or(target))
            }
            _ => found.path.clone(),
        };
        let is_null = found.target.as_deref() == Some(Path::new("/dev/null"));
        let text = if is_null { Ok(String::new()) } else { read_bounded(&file) };
        let masked = text.as_ref().is_ok_and(String::is_empty);
        let error = text.as_ref().err().map(ToString::to_string);
        unit.read(&text.unwrap_or_default());
        for path in &found.drop_ins {
            unit.read(&read_bounded(path).unwrap_or_default());
        }
        let state = if masked {
            if found.folder.starts_with("run/") { "masked-runtime" } else { "masked" }
        } else if error.is_some() {
            "bad"
        } else {
            self.state(name, found, &unit)
        };
        let mut aliases: Vec<String> = self
            .aliases
            .iter()
            .filter(|(_, of, _)| of == name)
            .map(|(alias, ..)| alias.clone())
            .collect();
        aliases.sort_unstable();
        let mut instances: Vec<String> =
            self.links.iter().map(|links| links.name.clone()).collect();
        instances.retain(|link| template_of(link).as_deref() == Some(name));
        instances.sort_unstable();
        Service {
            name: name.to_owned(),
            manager: "systemd",
            path: found.path.to_string_lossy().into_owned(),
            enabled: matches!(state, "enabled" | "enabled-runtime"),
            state,
            aliases,
            instances,
            description: unit.description,
            service_type: unit.kind,
            exec_start: unit.exec_start,
            user: unit.user,
            drop_ins: found
                .drop_ins
                .iter()
                .map(|path| path.to_string_lossy().into_owned())
                .collect(),
            running: None,
            pids: Vec::new(),
            error,
        }
    }

    /// Returns the state in systemctl's words.
    fn state(&self, name: &str, found: &Found, unit: &Unit) -> &'static str {
        match found.folder {
            "run/systemd/transient" => return "transient",
            "run/systemd/generator"
            | "run/systemd/generator.early"
            | "run/systemd/generator.late" => {
                return "generated";
            }
            _ => {}
        }
        // Enabling creates links with the unit's name (for a template, its default instance) and
        // its aliases.
        let default = unit
            .default_instance
            .as_ref()
            .map(|instance| name.replacen('@', &format!("@{instance}"), 1));
        let own = default.filter(|_| name.contains("@.")).unwrap_or_else(|| name.to_owned());
        let mut enabled = Links::default();
        let mut other = false;
        for made in &self.links {
            let link = made.name.as_str();
            if link == own || link == name {
                enabled.persistent |= made.persistent;
                enabled.runtime |= made.runtime;
            }
            other |= template_of(link).as_deref() == Some(name);
        }
        for (alias, _, folder) in self.aliases.iter().filter(|(_, of, _)| of == name) {
            let listed = unit.aliases.contains(alias);
            enabled.persistent |= listed && *folder == PERSISTENT;
            enabled.runtime |= listed && *folder == RUNTIME;
            other |= *folder == PERSISTENT || *folder == RUNTIME;
        }
        match (&found.target, enabled) {
            (_, Links { persistent: true, .. }) => "enabled",
            (_, Links { runtime: true, .. }) => "enabled-runtime",
            (Some(_), _) if found.folder == PERSISTENT => "linked",
            (Some(_), _) if found.folder == RUNTIME => "linked-runtime",
            _ if other => "indirect",
            _ if !unit.wanted_by.is_empty() || !unit.aliases.is_empty() => "disabled",
            _ if unit.has_also => "indirect",
            _ => "static",
        }
    }
}

/// Adds the drop-ins of one folder, sorted by file name. A file of an earlier folder takes
/// precedence.
fn add_drop_ins(files: &mut Vec<PathBuf>, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            let place = files
                .iter()
                .position(|file| file.file_name() >= path.file_name())
                .unwrap_or(files.len());
            if files.get(place).is_none_or(|file| file.file_name() != path.file_name()) {
                files.insert(place, path);
            }
        }
    }
}
