//! `getinfo.mounts` as a host sees it, beside findmnt(8) and df(1).
#![expect(clippy::disallowed_methods, reason = "the answers are compared with what commands print")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test helpers, outside of test functions"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{HangingMount, Scratch, needs_root, output, run};

/// Returns findmnt's table as a flat list.
fn findmnt(args: &[&str]) -> Option<Vec<Value>> {
    let columns =
        "ID,PARENT,TARGET,SOURCE,FSTYPE,VFS-OPTIONS,FS-OPTIONS,PROPAGATION,FSROOT,MAJ:MIN";
    let text = output("findmnt", &[&["-J", "-b", "-l", "-v", "-o", columns], args].concat())?;
    let json: Value = serde_json::from_str(&text).unwrap();
    Some(json["filesystems"].as_array().unwrap().clone())
}

fn by_id(mounts: &Value, id: &Value) -> Value {
    mounts
        .as_array()
        .unwrap()
        .iter()
        .find(|mount| mount["id"] == *id)
        .unwrap_or_else(|| panic!("no mount {id}"))
        .clone()
}

#[test]
fn mounts_match_those_of_findmnt() {
    let Some(provider) = load("getinfo-mounts") else { return };
    let answer = call(&provider, "").unwrap();
    let Some(theirs) = findmnt(&[]) else { return };
    assert_eq!(answer["count"], theirs.len());
    for their in theirs {
        let our = by_id(&answer["mounts"], &their["id"]);
        let joined = |name: &str| {
            let options: Vec<&str> =
                our[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
            options.join(",")
        };
        assert_eq!(our["parent_id"], their["parent"]);
        assert_eq!(our["target"], their["target"]);
        assert_eq!(our["source"], their["source"]);
        assert_eq!(our["type"], their["fstype"]);
        assert_eq!(our["root"], their["fsroot"]);
        assert_eq!(our["device"], their["maj:min"]);
        assert_eq!(joined("options"), their["vfs-options"].as_str().unwrap());
        assert_eq!(joined("super_options"), their["fs-options"].as_str().unwrap());
        assert_eq!(
            our["propagation"],
            their["propagation"].as_str().unwrap().replace("private,slave", "slave")
        );
        let has_ro =
            |name: &str| their[name].as_str().unwrap().split(',').any(|option| option == "ro");
        assert_eq!(our["readonly"], has_ro("vfs-options") || has_ro("fs-options"));
    }
}

#[test]
fn usage_equals_df() {
    let Some(provider) = load("getinfo-mounts") else { return };
    let columns = "--output=target,size,used,avail,pcent,itotal,iused,iavail";
    let mut compared = 0;
    // Other processes write to the disks meanwhile: one of these looks must match.
    let answer = call(&provider, "").unwrap();
    for mount in
        answer["mounts"].as_array().unwrap().iter().filter(|mount| !mount["usage"].is_null())
    {
        let target = mount["target"].as_str().unwrap();
        let is_same = |_| {
            let answer = call(&provider, &format!("-p '{target}'")).unwrap();
            let Some(df) = output("df", &["-B1", columns, target]) else { return true };
            let row = df.lines().nth(1).unwrap_or_default();
            // Split from the end: a path may contain blanks.
            let words: Vec<&str> = row.rsplitn(8, char::is_whitespace).collect();
            let words: Vec<&str> =
                words.iter().flat_map(|word| word.split_ascii_whitespace().rev()).take(7).collect();
            let usage = &answer["mounts"][0]["usage"];
            let number = |at: usize| {
                words[at].trim_end_matches('%').parse::<u64>().ok().filter(|number| *number > 0)
            };
            let ours = |name: &str| usage[name].as_u64().filter(|number| *number > 0);
            let names = [
                "inodes_free",
                "inodes_used",
                "inodes",
                "used_percent",
                "available_bytes",
                "used_bytes",
                "size_bytes",
            ];
            names.iter().enumerate().all(|(at, name)| ours(name) == number(at))
        };
        assert!((0..50).any(is_same), "{target}: {mount}");
        compared += 1;
    }
    assert!(compared > 0, "nothing has a use");
}

#[test]
fn a_path_has_the_mount_that_findmnt_finds() {
    let Some(provider) = load("getinfo-mounts") else { return };
    for path in ["/", "/proc/self", "/dev/pts", "/etc", "/sys/kernel"] {
        let Some(target) = output("findmnt", &["-n", "-o", "ID", "-T", path]) else { return };
        let answer = call(&provider, &format!("-p {path}")).unwrap();
        assert_eq!(answer["count"], 1, "{path}");
        // Of stacked mounts findmnt shows the first or the last, depending on its version.
        let targets: Vec<&str> = target.split_whitespace().collect();
        let ours = answer["mounts"][0]["id"].to_string();
        let is_stacked = call(&provider, "").unwrap()["mounts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|mount| mount["target"] == answer["mounts"][0]["target"])
            .count()
            > 1;
        assert!(is_stacked || targets.contains(&ours.as_str()), "{path}: {ours} {target}");
    }
}

#[test]
fn types_select() {
    let Some(provider) = load("getinfo-mounts") else { return };
    let Some(theirs) = findmnt(&["-t", "tmpfs,proc"]) else { return };
    let answer = call(&provider, "-t tmpfs,proc").unwrap();
    assert_eq!(answer["count"], theirs.len());
    assert_eq!(call(&provider, "-t nosuchfs").unwrap()["mounts"], serde_json::json!([]));
    for bad in ["-x", "-p relative", "-t"] {
        assert_eq!(call(&provider, bad).unwrap_err().code(), "usage", "{bad}");
    }
}

/// Runs in its own mount namespace: a FUSE server that hangs, and an overlay of it.
#[test]
fn a_mount_that_hangs_is_null_and_the_others_are_answered() {
    let inside = "GETINFO_MOUNTS_HANGING";
    if std::env::var_os(inside).is_none() {
        if !needs_root("a_mount_that_hangs_is_null_and_the_others_are_answered") {
            return;
        }
        let output = Command::new("unshare")
            .args(["-m", "--propagation", "private"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "a_mount_that_hangs_is_null_and_the_others_are_answered"])
            .arg("--nocapture")
            .env(inside, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let Some(provider) = load("getinfo-mounts") else { return };
    let scratch = Scratch::new("mounts-hanging");
    let tmpfs = |path: &Path, name: &str| {
        fs::create_dir_all(path).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", "size=64k", name, path.to_str().unwrap()]);
    };
    let folder = scratch.path().join("all");
    tmpfs(&folder, "all");
    let mut hanging = Vec::new();
    for number in 0..5 {
        let (lower, merged) =
            (folder.join(format!("lower{number}")), folder.join(format!("merged{number}")));
        let other = folder.join("other");
        for path in [&lower, &merged, &other] {
            fs::create_dir_all(path).unwrap();
        }
        let Some(mount) = HangingMount::new(&lower) else {
            return println!("SKIPPED (needs FUSE)");
        };
        hanging.push(mount);
        let layers = format!("lowerdir={}:{}", lower.display(), other.display());
        run(&["mount", "-t", "overlay", "-o", &layers, "over", merged.to_str().unwrap()]);
        tmpfs(&folder.join(format!("after{number}")), "after");
    }
    let usage = |answer: &Value, name: &str| -> Vec<bool> {
        let mounts = answer["mounts"].as_array().unwrap().iter();
        let ours = mounts.filter(|mount| {
            Path::new(mount["target"].as_str().unwrap())
                .strip_prefix(&folder)
                .is_ok_and(|rest| rest.to_str().unwrap().starts_with(name))
        });
        ours.map(|mount| mount["usage"].is_object()).collect()
    };
    let healthy = call(&provider, "-n").unwrap();
    assert_eq!(usage(&healthy, "merged"), [true; 5], "{healthy}");
    assert_eq!(usage(&healthy, "lower"), [true; 5]);
    hanging.iter().for_each(HangingMount::hang);
    for args in ["", "-n", "", "-n"] {
        let answer = call(&provider, args).unwrap();
        assert_eq!(usage(&answer, "merged"), [false; 5], "{args}");
        assert_eq!(usage(&answer, "lower"), [false; 5], "{args}");
        assert_eq!(usage(&answer, "after"), [true; 5], "{args}");
    }
    // Otherwise the scratch folder could not be removed.
    drop(hanging);
    run(&["umount", "-R", "-l", folder.to_str().unwrap()]);
}

/// Runs in its own mount namespace: odd names, a mount over another, propagation.
#[test]
fn odd_mounts_are_reported_exactly() {
    let inside = "GETINFO_MOUNTS_INSIDE";
    if std::env::var_os(inside).is_none() {
        let test = std::env::current_exe().unwrap();
        let script = "set -e; d=$(mktemp -d); mount -t tmpfs -o size=1m none $d; mkdir \"$d/a b\\\\c\" $d/é; \
                      mount -t tmpfs -o size=64k,ro 'odd source' \"$d/a b\\\\c\"; \
                      mount -t tmpfs -o size=64k one $d/é; mount -t tmpfs -o size=128k two $d/é; \
                      mount --make-shared $d/é; export GETINFO_MOUNTS_INSIDE=$d; \
                      \"$0\" --exact odd_mounts_are_reported_exactly --nocapture; s=$?; \
                      umount -R $d; rmdir $d; exit $s";
        let made = Command::new("unshare")
            .args(["-m", "--propagation", "private", "true"])
            .output()
            .is_ok_and(|output| output.status.success());
        if !made {
            return println!("SKIPPED (needs root and unshare(1))");
        }
        let output = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", script])
            .arg(test)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let Some(provider) = load("getinfo-mounts") else { return };
    let folder = std::env::var(inside).unwrap();
    let answer = call(&provider, "").unwrap();
    let below: Vec<&Value> = answer["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|mount| mount["target"].as_str().unwrap().starts_with(&format!("{folder}/")))
        .collect();
    assert_eq!(below.len(), 3);
    let odd = below.iter().find(|mount| mount["source"] == "odd source").unwrap();
    assert_eq!(odd["target"], format!("{folder}/a b\\c"));
    assert_eq!(
        (odd["readonly"].as_bool(), odd["usage"]["size_bytes"].as_u64()),
        (Some(true), Some(65_536))
    );
    let one = below.iter().find(|mount| mount["source"] == "one").unwrap();
    let two = below.iter().find(|mount| mount["source"] == "two").unwrap();
    assert_eq!((one["visible"].as_bool(), one["usage"].is_null()), (Some(false), true));
    assert_eq!(
        (two["visible"].as_bool(), two["usage"]["size_bytes"].as_u64()),
        (Some(true), Some(131_072))
    );
    assert_eq!((two["propagation"].as_str(), two["peer_group"].is_u64()), (Some("shared"), true));
    assert_eq!(call(&provider, &format!("-p {folder}/é/x")).unwrap()["mounts"][0]["source"], "two");
}
