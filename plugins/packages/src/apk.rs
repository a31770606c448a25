//! Packages of apk: /lib/apk/db/installed (apk's installed database, version 2 of its package index
//! format).

use readers::root::Root;

use crate::database::{MAX_TEXT_BYTES, Read, find};
use crate::package::Package;
use crate::selection::Selection;

/// Where apk keeps it; newer versions last.
const FILES: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Reads the database; `None` if it is missing.
pub(crate) fn read(root: &Root, selection: &Selection) -> Option<Read> {
    let path = find(root, &FILES)?;
    let text = root.text(&path, MAX_TEXT_BYTES);
    let error = text.as_ref().err().map(ToString::to_string);
    Some(Read {
        manager: "apk",
        path: root.shown(&path),
        error,
        packages: parse(&text.unwrap_or_default(), selection),
    })
}

/// Reads records separated by empty lines. Each line is a letter, `:` and a value.
pub(crate) fn parse(text: &str, selection: &Selection) -> Vec<Package> {
    let mut packages = Vec::new();
    for record in text.split("\n\n") {
        let mut package =
            Package { manager: "apk", status: "installed".to_owned(), ..Package::default() };
        for line in record.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            match key {
                "P" => value.clone_into(&mut package.name),
                "V" => value.clone_into(&mut package.version),
                "A" => package.architecture = Some(value.to_owned()),
                "I" => package.size_bytes = value.parse().ok(),
                "o" => package.source = Some(value.to_owned()),
                "m" => package.maintainer = Some(value.to_owned()),
                "T" => package.summary = Some(value.to_owned()),
                // The package's files follow.
                "F" => break,
                _ => {}
            }
        }
        if !package.name.is_empty() && selection.wants(&package.name) {
            packages.push(package);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTALLED: &str = "C:Q1qKcZ+j23xssAXmgQhkOO8dHnbWw=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:407278\nI:667648\nT:the musl c library: implementation\n\
        U:https://musl.libc.org/\nL:MIT\no:musl\nm:Timo <t@example.org>\nt:1710000000\nc:ab\nF:lib\nR:ld-musl-x86_64.so.1\na:0:0:755\nZ:Q1=\nP:not this\n\n\
        P:busybox\nV:1.36.1-r29\nA:x86_64\nI:a lot\n\n\nP:\nV:1\n";

    #[test]
    fn records_are_read() {
        let all = Selection::default();
        let packages = parse(INSTALLED, &all);
        assert_eq!(packages.len(), 2);
        let musl = &packages[0];
        assert_eq!(
            (musl.name.as_str(), musl.version.as_str(), musl.size_bytes),
            ("musl", "1.2.5-r0", Some(667_648))
        );
        assert_eq!(musl.summary.as_deref(), Some("the musl c library: implementation"));
        assert_eq!((packages[1].name.as_str(), packages[1].size_bytes), ("busybox", None));
        for end in 0..INSTALLED.len() {
            let _ = parse(&INSTALLED[..end], &all);
        }
    }
}
