//! `getinfo.packages` as a host sees it, compared with dpkg-query, and with databases that sqlite3
//! and the test write.
#![expect(
    clippy::disallowed_methods,
    reason = "dpkg-query and sqlite3 are what the answers are compared with"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

mod database;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{DeadShare, Scratch};

use database::{TABLES, content, header, insert, sqlite};

fn args(root: &Scratch, rest: &str) -> String {
    format!("-r {} {rest}", root.path().display())
}

fn list(answer: &Value) -> &Vec<Value> {
    answer["packages"].as_array().unwrap()
}

#[test]
fn dpkgs_packages_match_those_of_dpkg_query() {
    let Some(provider) = load("getinfo-packages") else { return };
    let format = "${Package}\t${Version}\t${Architecture}\t${Installed-Size}\t${source:Package}\t${db:Status-Status}\t\
                  ${Maintainer}\t${binary:Summary}\n";
    let Ok(output) = Command::new("dpkg-query").args(["-W", "-f", format]).output() else {
        println!("SKIPPED (needs dpkg-query)");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut want: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let answer = call(&provider, "-m dpkg").unwrap();
    let mut ours: Vec<&Value> = list(&answer).iter().collect();
    assert_eq!((ours.len(), answer["count"].as_u64()), (want.len(), Some(want.len() as u64)));
    want.sort_unstable_by_key(|row| (row[0].to_owned(), row[2].to_owned()));
    ours.sort_unstable_by_key(|row| {
        (row["name"].as_str().unwrap(), row["architecture"].as_str().unwrap())
    });
    let mut dated = 0;
    for (our, row) in ours.iter().zip(&want) {
        for (key, index) in [
            ("name", 0),
            ("version", 1),
            ("architecture", 2),
            ("source", 4),
            ("status", 5),
            ("maintainer", 6),
            ("summary", 7),
        ] {
            assert_eq!(our[key], row[index].trim_end(), "{key}: {row:?}");
        }
        assert_eq!(
            our["size_bytes"].as_u64(),
            row[3].parse::<u64>().ok().map(|kib| kib * 1024),
            "{row:?}"
        );
        dated += usize::from(our["installed"].is_string());
    }
    assert!(dated > want.len() * 9 / 10, "{dated}");
    assert_eq!(call(&provider, "-c -m dpkg").unwrap()["count"], answer["count"]);
    assert!(list(&call(&provider, "-c").unwrap()).is_empty());
    let bash = call(&provider, "bash").unwrap();
    assert_eq!(
        (bash["count"].as_u64(), &bash["packages"][0]["name"]),
        (Some(1), &Value::from("bash"))
    );
    let info = fs::metadata("/var/lib/dpkg/info/bash.list").unwrap();
    let mtime = info.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(bash["packages"][0]["installed_epoch"], mtime);
}

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
fn a_damaged_database_is_reported_and_the_others_are_read() {
    let Some(provider) = load("getinfo-packages") else { return };
    let root = Scratch::new("packages-damaged");
    let path = root.write("var/lib/rpm/rpmdb.sqlite", "");
    fs::remove_file(&path).unwrap();
    let rows: String = (0..50)
        .map(|index| insert(&header(&format!("name-{index}"), "1", "1", None, 1, 1, index * 500)))
        .collect();
    if !sqlite(&path, &format!("PRAGMA page_size=1024; {TABLES} BEGIN; {rows} COMMIT;")) {
        return;
    }
    let whole = fs::read(&path).unwrap();
    assert_eq!(call(&provider, &args(&root, "-c")).unwrap()["count"], 50);
    let mut random: u64 = 42;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 1).unwrap()
    };
    for round in 0..400 {
        let mut bytes = whole.clone();
        if round % 2 == 0 {
            bytes.truncate(next() % whole.len());
        }
        for _ in 0..(next() % 200) {
            if !bytes.is_empty() {
                let at = next() % bytes.len();
                bytes[at] = u8::try_from(next() % 256).unwrap();
            }
        }
        fs::write(&path, &bytes).unwrap();
        assert!(call(&provider, &args(&root, "")).unwrap()["count"].as_u64() <= Some(50 * 60));
    }
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

#[test]
fn links_of_an_image_stay_within_it() {
    let Some(provider) = load("getinfo-packages") else { return };
    let host = Scratch::new("packages-host");
    let status = host.write("status", "Package: hosts\nVersion: 1\n");
    let apk = host.write("apk/db/installed", "P:hosts\nV:1\n\n");
    let image = Scratch::new("packages-image");
    let link = |path: &str, target: &Path| {
        fs::create_dir_all(image.file(path).parent().unwrap()).unwrap();
        symlink(target, image.file(path)).unwrap();
    };
    link("var/lib/dpkg/status", &status);
    link("lib/apk", apk.ancestors().nth(2).unwrap());
    image.write("opt/db/installed", "P:own\nV:2\n\n");
    link("usr/lib/apk", Path::new("/opt"));
    let answer = call(&provider, &args(&image, "")).unwrap();
    assert_eq!((&answer["count"], &answer["packages"][0]["name"]), (&1.into(), &"own".into()));
    // SQLite opens files by their paths.
    let database = host.write("rpm/rpmdb.sqlite", "");
    fs::remove_file(&database).unwrap();
    let row = insert(&header("hosts", "1", "1", None, 1, 1, 10));
    if !sqlite(&database, &format!("{TABLES} {row}")) {
        return;
    }
    link("var/lib/rpm", database.parent().unwrap());
    assert_eq!(call(&provider, &args(&image, "-m rpm")).unwrap()["count"], 0);
    fs::create_dir_all(image.file("opt/rpm")).unwrap();
    fs::copy(&database, image.file("opt/rpm/rpmdb.sqlite")).unwrap();
    link("usr/lib/sysimage/rpm", Path::new("/opt/rpm"));
    let answer = call(&provider, &args(&image, "-m rpm")).unwrap();
    assert_eq!((&answer["count"], &answer["databases"][0]["error"]), (&1.into(), &Value::Null));
    link("opt/rpm/rpmdb.sqlite-wal", &status);
    let answer = call(&provider, &args(&image, "-m rpm")).unwrap();
    assert!(answer["databases"][0]["error"].as_str().unwrap().contains("symbolic link"));
    assert_eq!(call(&provider, "-r /nonexistent").unwrap_err().code(), "unreadable");
}

#[test]
fn a_database_on_a_dead_share_is_reported_and_the_others_are_read() {
    let Some(provider) = load("getinfo-packages") else { return };
    let root = Scratch::new("packages-dead");
    root.write("lib/apk/db/installed", "P:musl\nV:1\n\n");
    root.write("var/lib/dpkg/status", "");
    fs::create_dir_all(root.file("var/lib/rpm")).unwrap();
    let Some(share) = DeadShare::mount(&root.file("var/lib/dpkg")) else { return };
    let answer = call(&provider, &args(&root, "")).unwrap();
    let dpkg = &answer["databases"][0];
    assert_eq!((&dpkg["manager"], &answer["count"]), (&"dpkg".into(), &1.into()));
    assert!(dpkg["error"].as_str().unwrap().contains("does not answer"), "{dpkg}");
    drop(share);
}

#[test]
fn roots_and_managers_are_distinguished() {
    let Some(provider) = load("getinfo-packages") else { return };
    let root = Scratch::new("packages-other");
    assert_eq!(call(&provider, &args(&root, "")).unwrap()["databases"], Value::Array(Vec::new()));
    root.write(
        "lib/apk/db/installed",
        "P:musl\nV:1.2.5-r0\nA:x86_64\nI:667648\nT:the musl c library\no:musl\nF:lib\n\nP:zlib\nV:1.3\n\n",
    );
    root.write(
        "var/lib/dpkg/status.d/base",
        "Package: base-files\nVersion: 12\nArchitecture: amd64\nDescription: files\n a\n",
    );
    root.write("var/lib/rpm/Packages", [0; 100]);
    let answer = call(&provider, &args(&root, "")).unwrap();
    let names: Vec<&str> =
        list(&answer).iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["base-files", "musl", "zlib"]);
    let rpm = &answer["databases"][1];
    assert!(rpm["error"].as_str().unwrap().contains("Berkeley DB"), "{rpm}");
    assert_eq!(
        call(&provider, &args(&root, "-m apk 'z*'")).unwrap()["packages"][0]["name"],
        "zlib"
    );
    let pipes = Scratch::new("packages-pipes");
    for path in ["lib/apk/db/installed", "var/lib/dpkg/status", "var/lib/rpm/rpmdb.sqlite"] {
        pipes.write(path, "");
        fs::remove_file(pipes.file(path)).unwrap();
        assert!(Command::new("mkfifo").arg(pipes.file(path)).status().unwrap().success());
    }
    let answer = call(&provider, &args(&pipes, "")).unwrap();
    assert_eq!(
        answer["databases"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|found| found["error"] == "not a regular file")
            .count(),
        3
    );
    for args in ["-m yum", "-r relative", "-x"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
