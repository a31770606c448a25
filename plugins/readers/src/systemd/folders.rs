//! The folders of unit files, and the units, links and drop-ins in them (systemd.unit(5)).

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::name::{drop_in_names, is_unit};
use crate::patience::is_unreadable;
use crate::root::Root;

/// The folders; the first that has a unit takes precedence.
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
/// The most entries of one folder that are looked at.
const MAX_ENTRIES: usize = 10_000;
/// The most unit files.
const MAX_UNITS: usize = 5000;
/// The most bytes read from one file.
const MAX_FILE_BYTES: usize = 256 << 10;

/// A unit file.
#[derive(Debug)]
pub struct UnitFile {
    /// The unit's name.
    pub name: String,
    /// The file, relative to the root.
    pub path: PathBuf,
    /// The folder that it was found in, relative to the root.
    pub folder: &'static str,
    /// The target of the file, if it is a symbolic link.
    pub target: Option<PathBuf>,
    /// Other names: links to it.
    pub aliases: Vec<String>,
}

/// A link in a folder such as `multi-user.target.wants`.
#[derive(Debug)]
pub struct Link {
    /// The name of the link: a unit, or an instance of a template.
    pub name: String,
    /// The folder of units that it was found in, relative to the root.
    pub folder: &'static str,
}

/// The contents of all folders. Lists, not maps: they are short, and a map needs more code.
#[derive(Debug, Default)]
pub struct Units {
    /// The units by name; of several files of a name, the one in effect.
    pub files: Vec<UnitFile>,
    /// The links that let other units start these.
    pub links: Vec<Link>,
    /// Other names: the alias, the unit's name, and the folder of the link.
    pub aliases: Vec<(String, String, &'static str)>,
    /// Folders, relative to the root, that can't be read.
    pub unreadable: Vec<PathBuf>,
    /// Whether there are more unit files than are read.
    pub truncated: bool,
    drop_ins: Vec<DropIns>,
}

/// The drop-ins in one folder.
#[derive(Debug)]
struct DropIns {
    /// The place of the folder above among [`FOLDERS`].
    rank: usize,
    /// The folder's name without `.d`.
    name: String,
    path: PathBuf,
    files: Vec<String>,
}

impl Units {
    /// Reads the folders below a root. `wants` selects the units by name.
    pub fn read(root: &Root, wants: &dyn Fn(&str) -> bool) -> Self {
        let mut units = Self::default();
        let mut seen = Vec::new();
        for (rank, folder) in FOLDERS.into_iter().enumerate() {
            // /lib can be a link to /usr/lib.
            let data = match root.metadata(Path::new(folder)) {
                Ok(data) => data,
                Err(error) => {
                    if is_unreadable(&error) {
                        units.unreadable.push(folder.into());
                    }
                    continue;
                }
            };
            let identity = (data.dev(), data.ino());
            if !seen.contains(&identity) {
                seen.push(identity);
                units.read_folder(root, rank, folder, wants);
            }
        }
        units.find_aliases();
        units
    }

    fn read_folder(
        &mut self,
        root: &Root,
        rank: usize,
        folder: &'static str,
        wants: &dyn Fn(&str) -> bool,
    ) {
        let entries = self.list(root, Path::new(folder));
        for (name, is_link) in entries {
            let path = Path::new(folder).join(&name);
            if let Some((unit, suffix)) = name.rsplit_once('.') {
                match suffix {
                    "wants" | "requires" | "upholds" => {
                        let names = self.list(root, &path).into_iter();
                        self.links.extend(names.map(|(name, _)| Link { name, folder }));
                        continue;
                    }
                    "d" => {
                        let mut files: Vec<String> =
                            self.list(root, &path).into_iter().map(|(name, _)| name).collect();
                        files.retain(|file| file.ends_with(".conf") && !file.starts_with('.'));
                        let name = unit.to_owned();
                        self.drop_ins.push(DropIns { rank, name, path, files });
                        continue;
                    }
                    _ => {}
                }
            }
            if !is_unit(&name) || !wants(&name) {
                continue;
            }
            if self.files.len() >= MAX_UNITS {
                self.truncated = true;
                continue;
            }
            // Sorted by name; a unit of an earlier folder is already in the list.
            if let Err(place) = self.files.binary_search_by(|found| found.name.as_str().cmp(&name))
            {
                let target = if is_link { root.read_link(&path).ok() } else { None };
                let file = UnitFile { name, path, folder, target, aliases: Vec::new() };
                self.files.insert(place, file);
            }
        }
    }

    /// Returns the names in a folder, and whether each is a symbolic link.
    fn list(&mut self, root: &Root, folder: &Path) -> Vec<(String, bool)> {
        root.entries(folder, MAX_ENTRIES).unwrap_or_else(|error| {
            if is_unreadable(&error) {
                self.unreadable.push(folder.to_owned());
            }
            Vec::new()
        })
    }

    /// Finds aliases: a link to a unit of another name is an alias of that unit. A link to a
    /// template is an instance of its own.
    fn find_aliases(&mut self) {
        let aliases = &mut self.aliases;
        self.files.retain(|found| {
            let other =
                found.target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
            match other {
                Some(other)
                    if other != found.name
                        && is_unit(other)
                        && super::template_of(&found.name).as_deref() != Some(other) =>
                {
                    aliases.push((found.name.clone(), other.to_owned(), found.folder));
                    false
                }
                _ => true,
            }
        });
        aliases.sort_unstable();
        for file in &mut self.files {
            let names = aliases.iter().filter(|(_, of, _)| *of == file.name);
            file.aliases = names.map(|(alias, ..)| alias.clone()).collect();
        }
    }

    /// Returns the drop-ins of a unit, or of an instance of one, in the order in which systemd
    /// reads them: by file name, wherever they stand. Of several files of a name, the first counts
    /// by folder, then by how specific the unit's name is; those of the unit's type come last. A
    /// link to /dev/null only hides the others.
    #[must_use]
    pub fn drop_ins(&self, root: &Root, name: &str, aliases: &[String]) -> Vec<PathBuf> {
        let mut folders: Vec<&DropIns> = Vec::new();
        let kind = name.rsplit_once('.').map_or("", |(_, kind)| kind);
        let mut groups: Vec<Vec<String>> = vec![drop_in_names(name)];
        groups.extend(aliases.iter().map(|alias| drop_in_names(alias)));
        groups.push(vec![kind.to_owned()]);
        for names in groups {
            let start = folders.len();
            folders.extend(self.drop_ins.iter().filter(|found| names.contains(&found.name)));
            let place =
                |found: &DropIns| (found.rank, names.iter().position(|name| *name == found.name));
            folders[start..].sort_by_key(|found| place(found));
        }
        let mut files: Vec<(&str, PathBuf)> = Vec::new();
        for folder in folders {
            for file in &folder.files {
                if let Err(place) = files.binary_search_by(|(known, _)| known.cmp(&file.as_str())) {
                    files.insert(place, (file, folder.path.join(file)));
                }
            }
        }
        let paths = files.into_iter().map(|(_, path)| path);
        paths.filter(|path| !is_null(root, path)).collect()
    }
}

impl UnitFile {
    /// Returns the text of the unit's file; an empty one masks the unit.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn text(&self, root: &Root) -> std::io::Result<String> {
        if is_null(root, &self.path) {
            return Ok(String::new());
        }
        root.text(&self.path, MAX_FILE_BYTES)
    }
}

impl Units {
    /// Returns the text of a drop-in; of one that can't be read, nothing.
    #[must_use]
    pub fn drop_in_text(root: &Root, path: &Path) -> String {
        root.text(path, MAX_FILE_BYTES).unwrap_or_default()
    }
}

/// Returns whether a file is a link to /dev/null, which an image need not have.
fn is_null(root: &Root, path: &Path) -> bool {
    let is_device = |data: std::fs::Metadata| data.file_type().is_char_device();
    root.read_link(path).is_ok_and(|target| {
        target == Path::new("/dev/null") || root.metadata(path).is_ok_and(is_device)
    })
}
