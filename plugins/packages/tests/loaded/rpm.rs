//! Databases of rpm.

use super::database::{TABLES, content, header, insert, sqlite};
use super::{args, list};
use plugin_api::testing::{call, load};
use serde_json::Value;
use std::fs;
use test_support::Scratch;

#[test]
fn an_rpm_database_of_sqlite_is_read() {
    let Some(provider) = load("getinfo-packages") else { return };
    for page_size in [4096, 512, 65_536] {
        let root = Scratch::new(&format!("packages-sqlite-{page_size}"));
        let path = root.write("usr/lib/sysimage/rpm/rpmdb.sqlite", "");
        fs::remove_file(&path).unwrap();
        let mut sql = format!("PRAGMA page_size={page_size}; BEGIN; {TABLES}");
        // Of every length around a page's, and far beyond: chains of overflow pages.
        let lengths: Vec<usize> =
            (0..600).map(|index| index * 37).chain([100_000, 1_000_000]).collect();
        for (index, padding) in lengths.iter().enumerate() {
            let index = u32::try_from(index).unwrap();
            let epoch = (index.is_multiple_of(3)).then_some(index);
            sql += &insert(&header(
                &format!("name-{index}"),
                "1.2",
                "3.el9",
                epoch,
                1_700_000_000 + index,
                index,
                *padding,
            ));
        }
        // Freed and used again, so that chains don't follow the order of pages.
        sql += "DELETE FROM Packages WHERE hnum % 7 = 3; COMMIT; BEGIN;";
        for index in 0..80 {
            sql += &insert(&header(&format!("late-{index}"), "1", "1", None, 5, 6, index * 997));
        }
        sql += "COMMIT;";
        if !sqlite(&path, &sql) {
            return;
        }
        let answer = call(&provider, &args(&root, "")).unwrap();
        assert_eq!(
            (answer["databases"][0]["manager"].as_str(), &answer["databases"][0]["error"]),
            (Some("rpm"), &Value::Null)
        );
        let names: Vec<&str> =
            list(&answer).iter().map(|package| package["name"].as_str().unwrap()).collect();
        let mut want: Vec<String> = (0..lengths.len())
            .filter(|index| (index + 1) % 7 != 3)
            .map(|index| format!("name-{index}"))
            .collect();
        want.extend((0..80).map(|index| format!("late-{index}")));
        assert_eq!(names, want, "{page_size}");
        for package in list(&answer) {
            let Some(index) = package["name"].as_str().unwrap().strip_prefix("name-") else {
                continue;
            };
            let number: u64 = index.parse().unwrap();
            let epoch = if number.is_multiple_of(3) { format!("{number}:") } else { String::new() };
            assert_eq!(package["version"], format!("{epoch}1.2-3.el9"));
            assert_eq!(
                (package["installed_epoch"].as_u64(), package["size_bytes"].as_u64()),
                (Some(1_700_000_000 + number), Some(number))
            );
            assert_eq!(package["source"], format!("name-{number}-1.2-3.el9.src.rpm"));
            assert_eq!(
                (package["architecture"].as_str(), package["maintainer"].as_str()),
                (Some("x86_64"), Some("A Vendor"))
            );
            assert_eq!(
                (package["summary"].as_str(), package["status"].as_str()),
                (Some("What it is"), Some("installed"))
            );
        }
        let one = call(&provider, &args(&root, "name-601")).unwrap();
        assert_eq!(
            (one["count"].as_u64(), one["packages"][0]["installed"].as_str()),
            (Some(1), Some("2023-11-14T22:23:21Z"))
        );
    }
}

/// Committed rows count, whether they are in the database yet or only in its log. Reading never
/// changes a file or creates one.
#[test]
fn a_write_ahead_log_is_read() {
    let Some(provider) = load("getinfo-packages") else { return };
    let root = Scratch::new("packages-wal");
    let path = root.write("var/lib/rpm/rpmdb.sqlite", "");
    fs::remove_file(&path).unwrap();
    let first = insert(&header("first", "1", "1", None, 1, 1, 30_000));
    // A copy is made while the log still stands: sqlite3 moves it into the database when it ends.
    let copy = Scratch::new("packages-wal-copy");
    let target = copy.file("var/lib/rpm");
    fs::create_dir_all(&target).unwrap();
    let second: String = (0..40)
        .map(|index| {
            insert(&header(&format!("second-{index}"), "2", "2", None, 2, 2, index * 1000))
        })
        .collect();
    let sql = format!(
        "PRAGMA journal_mode=WAL; {TABLES} {first} PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint=0; {second}
         DELETE FROM Packages WHERE hnum = 1;
         BEGIN; {} \n.shell cp -r {}/. {}\n COMMIT;\n",
        insert(&header("never", "3", "3", None, 3, 3, 10)),
        path.parent().unwrap().display(),
        target.display(),
    );
    if !sqlite(&path, &sql) {
        return;
    }
    assert!(fs::metadata(target.join("rpmdb.sqlite-wal")).unwrap().len() > 100_000);
    let answer = call(&provider, &args(&copy, "")).unwrap();
    let names: Vec<&str> =
        list(&answer).iter().map(|package| package["name"].as_str().unwrap()).collect();
    let want: Vec<String> = (0..40).map(|index| format!("second-{index}")).collect();
    assert_eq!(names, want);
    // As a crash or a copied image leaves it: the log without its index.
    let index = target.join("rpmdb.sqlite-shm");
    let saved = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    let before = content(&target);
    assert_eq!(call(&provider, &args(&copy, "")).unwrap()["packages"], answer["packages"]);
    assert_eq!(content(&target), before);
    fs::write(&index, saved).unwrap();
    let before = content(&target);
    assert_eq!(call(&provider, &args(&copy, "")).unwrap()["packages"], answer["packages"]);
    assert_eq!(content(&target), before);
    // A database of the WAL mode without a log, as rpm leaves it when it ends.
    let closed = path.parent().unwrap();
    let before = content(closed);
    assert_eq!(before.len(), 1);
    assert_eq!(list(&call(&provider, &args(&root, "")).unwrap()).len(), 41);
    assert_eq!(content(closed), before);
    // A truncated log ends with its last whole transaction: here there may be none.
    let wal = fs::read(target.join("rpmdb.sqlite-wal")).unwrap();
    for length in [0, 10, 31, 32, 5000, wal.len() / 2] {
        fs::write(target.join("rpmdb.sqlite-wal"), &wal[..length]).unwrap();
        let answer = call(&provider, &args(&copy, "")).unwrap();
        assert!(answer["databases"][0]["error"].is_null(), "{answer}");
        assert!(list(&answer).len() <= 41 && !list(&answer).is_empty(), "{length}");
    }
    // A wrong checksum in its first frame: nothing of the log counts.
    let mut bad = wal;
    bad[32 + 24 + 100] ^= 1;
    fs::write(target.join("rpmdb.sqlite-wal"), bad).unwrap();
    let answer = call(&provider, &args(&copy, "")).unwrap();
    let names: Vec<&str> =
        list(&answer).iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["first"]);
}

#[test]
fn a_database_of_suse_is_read() {
    let Some(provider) = load("getinfo-packages") else { return };
    let root = Scratch::new("packages-ndb");
    // rpm's lib/backend/ndb/rpmpkg.c: a page of header and slots, then blobs in blocks of 16 bytes.
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let mut bytes = vec![0; 4096];
    bytes[..4].copy_from_slice(b"RpmP");
    bytes[12..16].copy_from_slice(&word(1));
    for index in 0..10 {
        let blob = header(
            &format!("name-{index}"),
            "1.0",
            "lp155.1",
            None,
            1_600_000_000,
            7,
            index * 1000,
        );
        let block = bytes.len() / 16;
        let slot = 32 + index * 16;
        bytes[slot..slot + 4].copy_from_slice(b"Slot");
        bytes[slot + 4..slot + 8].copy_from_slice(&word(index + 1));
        // One slot is free.
        bytes[slot + 8..slot + 12].copy_from_slice(&word(if index == 4 { 0 } else { block }));
        bytes.extend_from_slice(b"BlbS");
        bytes.extend_from_slice(&word(index + 1));
        bytes.extend_from_slice(&word(1));
        bytes.extend_from_slice(&word(blob.len()));
        bytes.extend_from_slice(&blob);
        bytes.resize((bytes.len() + 12).next_multiple_of(16), 0);
    }
    let path = root.write("usr/lib/sysimage/rpm/Packages.db", &bytes);
    let answer = call(&provider, &args(&root, "-m rpm")).unwrap();
    assert_eq!(
        (answer["count"].as_u64(), &answer["databases"][0]["error"]),
        (Some(9), &Value::Null)
    );
    assert_eq!(answer["packages"][0]["version"], "1.0-lp155.1");
    for end in (0..bytes.len()).step_by(509) {
        fs::write(&path, &bytes[..end]).unwrap();
        assert!(call(&provider, &args(&root, "")).unwrap()["count"].as_u64() <= Some(9));
    }
}
