//! The committed pages and completions are those that the programs' flags give.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders that hold nothing else.
const FOLDERS: [&str; 4] =
    ["docs/man", "ctl/completions/bash", "ctl/completions/zsh", "ctl/completions/fish"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

#[test]
fn the_committed_pages_and_completions_are_what_the_programs_say() {
    let files = manual::files();
    let update = std::env::var_os("UPDATE_MANUAL").is_some();
    let mut stale = Vec::new();
    for (path, text) in &files {
        let file = root().join(path);
        if fs::read_to_string(&file).is_ok_and(|committed| committed == *text) {
            continue;
        }
        stale.push(path.clone());
        if update {
            fs::create_dir_all(file.parent().expect("a path has a folder")).unwrap();
            fs::write(&file, text).unwrap();
        }
    }
    let mut present = BTreeSet::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            present.insert(format!("{folder}/{}", entry.unwrap().file_name().display()));
        }
    }
    for path in present.iter().filter(|path| !files.contains_key(*path)) {
        stale.push(path.clone());
        if update {
            fs::remove_file(root().join(path)).unwrap();
        }
    }
    assert!(update || stale.is_empty(), "run make manual and commit: {stale:?}");
}
