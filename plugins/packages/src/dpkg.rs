//! Packages of dpkg: /var/lib/dpkg/status (deb-control(5), dpkg(1)).

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use readers::regular;
use readers::utc::iso_utc;

use crate::database::{MAX_TEXT_BYTES, Read};
use crate::package::Package;
use crate::selection::Selection;

const STATUS: &str = "var/lib/dpkg/status";
/// One file per package, in images without a package manager.
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";

/// Reads the database; `None` if it is missing.
pub(crate) fn read(selection: &Selection) -> Option<Read> {
    let mut path = selection.root.join(STATUS);
    let mut text = regular::text(&path, MAX_TEXT_BYTES);
    if !path.exists() {
        path = selection.root.join(STATUS_FOLDER);
        text = Ok(read_folder(&path)?);
    }
    let error = text.as_ref().err().map(ToString::to_string);
    let mut packages = parse(&text.unwrap_or_default(), selection);
    if !selection.count_only {
        let info = selection.root.join("var/lib/dpkg/info");
        packages
            .iter_mut()
            .for_each(|(package, multi_arch)| installed(package, *multi_arch, &info));
    }
    let packages = packages.into_iter().map(|(package, _)| package).collect();
    Some(Read { manager: "dpkg", path, error, packages })
}

fn read_folder(path: &Path) -> Option<String> {
    let mut text = String::new();
    for entry in fs::read_dir(path).ok()?.flatten() {
        // Checksums of files are there too.
        if entry.path().extension().is_none_or(|extension| extension != "md5sums") {
            text += &regular::text(&entry.path(), MAX_TEXT_BYTES).unwrap_or_default();
            text += "\n\n";
        }
    }
    Some(text)
}

/// Adds when a package was installed. dpkg writes the list of a package's files when it unpacks it,
/// and keeps no other date.
fn installed(package: &mut Package, multi_arch: bool, info: &Path) {
    let suffix = if multi_arch { package.architecture.as_deref() } else { None };
    let file = match suffix {
        Some(architecture) => format!("{}:{architecture}.list", package.name),
        None => format!("{}.list", package.name),
    };
    let Ok(list) = fs::metadata(info.join(file)) else { return };
    package.installed_epoch = u64::try_from(list.mtime()).ok();
    package.installed = package.installed_epoch.and_then(iso_utc);
}

/// Reads paragraphs of `Key: value`. Each package comes with whether its files are kept by
/// architecture (`Multi-Arch: same`).
fn parse(text: &str, selection: &Selection) -> Vec<(Package, bool)> {
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
