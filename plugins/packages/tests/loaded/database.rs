//! Makes rpm's databases: headers as rpm writes them, and tables by sqlite3.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// An rpm header by rpm's docs/manual/format_header.md: number of entries and length of the data,
/// entries of tag, type, offset and count, data. Numbers are aligned. `padding` is a binary value
/// between the other tags.
pub(crate) fn header(
    name: &str,
    version: &str,
    release: &str,
    epoch: Option<u32>,
    installed: u32,
    size: u32,
    padding: usize,
) -> Vec<u8> {
    let mut tags: Vec<(u32, u32, u32, Vec<u8>)> = Vec::new();
    let text = |value: &str| [value.as_bytes(), b"\0"].concat();
    tags.push((63, 7, 16, vec![0; 16]));
    tags.push((1000, 6, 1, text(name)));
    tags.push((1001, 6, 1, text(version)));
    tags.push((1002, 6, 1, text(release)));
    tags.extend(epoch.map(|epoch| (1003, 4, 1, epoch.to_be_bytes().to_vec())));
    tags.push((1004, 9, 1, text("What it is")));
    tags.push((1009, 4, 1, size.to_be_bytes().to_vec()));
    tags.push((1011, 6, 1, text("A Vendor")));
    tags.push((1022, 6, 1, text("x86_64")));
    tags.push((
        1035,
        7,
        u32::try_from(padding).unwrap(),
        (0..padding).map(|index| u8::try_from(index % 251).unwrap()).collect(),
    ));
    tags.push((1044, 6, 1, text(&format!("{name}-{version}-{release}.src.rpm"))));
    tags.push((1008, 4, 1, installed.to_be_bytes().to_vec()));
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, count, value) in &tags {
        while *kind == 4 && data.len() % 4 != 0 {
            data.push(0);
        }
        for word in [*tag, *kind, u32::try_from(data.len()).unwrap(), *count] {
            index.extend_from_slice(&word.to_be_bytes());
        }
        data.extend_from_slice(value);
    }
    let lengths = [u32::try_from(tags.len()).unwrap(), u32::try_from(data.len()).unwrap()];
    [lengths[0].to_be_bytes().to_vec(), lengths[1].to_be_bytes().to_vec(), index, data].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Has sqlite3 run `sql`. Without sqlite3, prints that the test is skipped and returns false.
pub(crate) fn sqlite(path: &Path, sql: &str) -> bool {
    let child =
        Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let Ok(mut child) = child else {
        println!("SKIPPED (needs sqlite3)");
        return false;
    };
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    true
}

/// As rpm's lib/backend/sqlite.cc makes it.
pub(crate) const TABLES: &str =
    "CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS 'Name' (key TEXT NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL);";

pub(crate) fn insert(blob: &[u8]) -> String {
    format!("INSERT INTO Packages(blob) VALUES (X'{}');", hex(blob))
}

/// The files of a folder and their bytes.
pub(crate) fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort_unstable();
    files
}
