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
mod rpm;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{DeadShare, Scratch};

use database::{TABLES, header, insert, sqlite};

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
