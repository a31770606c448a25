//! Packages of dpkg: /var/lib/dpkg/status (deb-control(5), dpkg(1)).

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use readers::root::Root;
use readers::utc::iso_utc;

use crate::database::{MAX_TEXT_BYTES, Read, find};
use crate::package::Package;
use crate::selection::Selection;

const STATUS: &str = "var/lib/dpkg/status";
/// One file per package, in images without a package manager.
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";
/// The most files of such a folder.
const MAX_FILES: usize = 50_000;

/// Reads the database; `None` if it is missing.
pub(crate) fn read(root: &Root, selection: &Selection) -> Option<Read> {
    let path = find(root, &[STATUS, STATUS_FOLDER])?;
    let text = if path == Path::new(STATUS) {
        root.text(&path, MAX_TEXT_BYTES)
    } else {
        read_folder(root, &path)
    };
    let error = text.as_ref().err().map(ToString::to_string);
    let mut packages = parse(&text.unwrap_or_default(), selection);
    if !selection.count_only {
        packages.iter_mut().for_each(|(package, multi_arch)| installed(package, *multi_arch, root));
    }
    let packages = packages.into_iter().map(|(package, _)| package).collect();
    Some(Read { manager: "dpkg", path: root.shown(&path), error, packages })
}

fn read_folder(root: &Root, folder: &Path) -> io::Result<String> {
    let mut text = String::new();
    for name in root.names(folder, MAX_FILES)? {
        // Checksums of files are there too.
        if !name.ends_with(".md5sums") && text.len() < MAX_TEXT_BYTES {
            text += &root.text(&folder.join(name), MAX_TEXT_BYTES).unwrap_or_default();
            text += "\n\n";
        }
    }
    Ok(text)
}

/// Adds when a package was installed. dpkg writes the list of a package's files when it unpacks it,
/// and keeps no other date.
fn installed(package: &mut Package, multi_arch: bool, root: &Root) {
    let suffix = if multi_arch { package.architecture.as_deref() } else { None };
    let file = match suffix {
        Some(architecture) => format!("var/lib/dpkg/info/{}:{architecture}.list", package.name),
        None => format!("var/lib/dpkg/info/{}.list", package.name),
    };
    let Ok(list) = root.metadata(Path::new(&file)) else { return };
    package.installed_epoch = u64::try_from(list.mtime()).ok();
    package.installed = package.installed_epoch.and_then(iso_utc);
}

/// Reads paragraphs of `Key: value`. Each package comes with whether its files are kept by
/// architecture (`Multi-Arch: same`).
pub(crate) fn parse(text: &str, selection: &Selection) -> Vec<(Package, bool)> {
    let mut packages = Vec::new();
    for paragraph in text.split("\n\n") {
        let name = field(paragraph, "Package").unwrap_or_default();
        if name.is_empty() || !selection.wants(name) {
            continue;
        }
        packages.extend(paragraph_of(name, paragraph));
    }
    packages
}

fn paragraph_of(name: &str, paragraph: &str) -> Option<(Package, bool)> {
    let mut package = Package {
        manager: "dpkg",
        name: name.to_owned(),
        status: "installed".to_owned(),
        ..Package::default()
    };
    let mut multi_arch = false;
    for line in paragraph.lines() {
        // Continuation lines begin with a blank.
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match key {
            // The desired action, an error flag, the state.
            "Status" => value.split(' ').next_back()?.clone_into(&mut package.status),
            "Version" => value.clone_into(&mut package.version),
            "Architecture" => package.architecture = Some(value.to_owned()),
            "Multi-Arch" => multi_arch = value == "same",
            // In KiB.
            "Installed-Size" => {
                package.size_bytes =
                    value.parse::<u64>().ok().and_then(|size| size.checked_mul(1024))
            }
            "Source" => package.source = value.split(' ').next().map(str::to_owned),
            "Maintainer" => package.maintainer = Some(value.to_owned()),
            "Description" => package.summary = Some(value.to_owned()),
            _ => {}
        }
    }
    package.source.get_or_insert_with(|| name.to_owned());
    (package.status != "not-installed").then_some((package, multi_arch))
}

fn field<'a>(paragraph: &'a str, key: &str) -> Option<&'a str> {
    let line = paragraph
        .lines()
        .find(|line| line.starts_with(key) && line[key.len()..].starts_with(':'))?;
    Some(line[key.len() + 1..].trim())
}

#[cfg(test)]
mod tests {
    use plugin_api::Args;

    use super::*;

    const STATUS: &str = "Package: adduser\nStatus: install ok installed\nInstalled-Size: 686\nMaintainer: A <a@example.org>\n\
        Architecture: all\nMulti-Arch: foreign\nVersion: 3.134\nDescription: add: and remove\n Package: not this\n .\n\n\
        Package: libc6\nStatus: hold reinstreq half-installed\nArchitecture: amd64\nMulti-Arch: same\nSource: glibc (2.36-9)\nVersion: 2.36-9+deb12u10\n\n\
        Package: gone\nStatus: deinstall ok not-installed\n\n\
        Package: conf\nStatus: deinstall ok config-files\nInstalled-Size: 99999999999999999999\nVersion: 1\n\n\n\nno colon\n";

    fn parse_all(text: &str, args: &str) -> Vec<(Package, bool)> {
        parse(text, &crate::selection::OPTIONS.parse(&Args::parse(args).unwrap()).unwrap())
    }

    #[test]
    fn paragraphs_are_read() {
        let packages = parse_all(STATUS, "");
        let names: Vec<&str> = packages.iter().map(|(package, _)| package.name.as_str()).collect();
        assert_eq!(names, ["adduser", "libc6", "conf"]);
        let (adduser, multi_arch) = &packages[0];
        assert_eq!(
            (adduser.status.as_str(), adduser.version.as_str(), *multi_arch),
            ("installed", "3.134", false)
        );
        assert_eq!(
            (adduser.size_bytes, adduser.source.as_deref()),
            (Some(686 * 1024), Some("adduser"))
        );
        assert_eq!(adduser.summary.as_deref(), Some("add: and remove"));
        let (libc, multi_arch) = &packages[1];
        assert_eq!(
            (libc.status.as_str(), libc.source.as_deref(), *multi_arch),
            ("half-installed", Some("glibc"), true)
        );
        assert_eq!(
            (packages[2].0.status.as_str(), packages[2].0.size_bytes),
            ("config-files", None)
        );
        assert_eq!(parse_all(STATUS, "'lib*'").len(), 1);
    }

    #[test]
    fn a_truncated_database_causes_no_panic() {
        for end in 0..STATUS.len() {
            let _ = parse_all(&STATUS[..end], "");
        }
    }
}
