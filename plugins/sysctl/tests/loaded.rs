//! `getinfo.sysctl` as a host sees it, beside sysctl(8).
#![expect(clippy::disallowed_methods, reason = "the tests compare the answer with commands")]
#![expect(clippy::print_stdout, reason = "tests print the parts that they skip")]

use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::needs_root;

/// What sysctl prints on standard output; none where it is not installed.
fn sysctl(args: &[&str]) -> Option<String> {
    match Command::new("sysctl").args(args).env("LC_ALL", "C").output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            println!("SKIPPED (sysctl: {error})");
            None
        }
    }
}

/// Values that differ from one look to the next.
fn moves(name: &str) -> bool {
    [
        "fs.dentry-state",
        "fs.file-nr",
        "fs.inode-nr",
        "fs.inode-state",
        "kernel.ns_last_pid",
        "kernel.random.uuid",
    ]
    .contains(&name)
        || name.starts_with("kernel.random.entropy_avail")
        || name.starts_with("fs.quota.")
        || name.starts_with("fs.aio-nr")
        || name.starts_with("kernel.pty.nr")
        || name.contains("nf_conntrack_count")
}

#[test]
fn all_values_match_those_of_sysctl() {
    let Some(provider) = load("getinfo-sysctl") else { return };
    let Some(text) = sysctl(&["-a"]) else { return };
    let answer = call(&provider, "").unwrap();
    let values = answer["values"].as_object().unwrap();
    // sysctl writes a line for each line of a value.
    let mut theirs: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let Some((name, value)) =
            line.split_once(" = ").or(line.strip_suffix(" =").map(|name| (name, "")))
        else {
            continue;
        };
        match theirs.last_mut().filter(|(last, _)| last == name) {
            Some((_, known)) => *known = format!("{known}\n{value}"),
            None => theirs.push((name.to_owned(), value.to_owned())),
        }
    }
    assert!(theirs.len() > 100, "{}", theirs.len());
    let mut same = 0;
    for (name, value) in &theirs {
        let is_left_out = name.ends_with("stable_secret")
            || name.ends_with("tcp_fastopen_key")
            || name.starts_with("fs.binfmt_misc")
            || name == "vm.stat_refresh";
        if is_left_out {
            assert!(!values.contains_key(name), "{name}");
            continue;
        }
        let our = values.get(name).unwrap_or_else(|| panic!("no {name}")).as_str().unwrap();
        let plain = |text: &str| {
            text.lines()
                .map(str::trim_end)
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert!(plain(our) == plain(value) || moves(name), "{name}: {our:?} {value:?}");
        same += 1;
    }
    // sysctl -a omits deprecated keys, and keys without any text.
    let extra: Vec<&String> = values
        .iter()
        .filter(|(name, value)| *value != "" && !theirs.iter().any(|(known, _)| known == *name))
        .map(|(name, _)| name)
        .collect();
    assert!(
        extra
            .iter()
            .all(|name| name.ends_with("base_reachable_time") || name.ends_with("retrans_time")),
        "{extra:?}"
    );
    println!("{same} values are the same");
}

/// Runs in a network namespace of its own.
#[test]
fn keys_of_the_system_stay_where_there_are_more_than_an_answer_takes() {
    let name = "keys_of_the_system_stay_where_there_are_more_than_an_answer_takes";
    if std::env::var_os("GETINFO_SYSCTL_INSIDE").is_none() {
        if !needs_root(name) {
            return;
        }
        // A mounted /proc shows the namespace of the process that looks.
        let script = "seq 1 100 | sed 's/.*/link add x& type veth peer name y&/' | ip -batch - && \
                      exec \"$0\" --exact $1 --nocapture";
        let output = Command::new("unshare")
            .args(["-n", "sh", "-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg(name)
            .env("GETINFO_SYSCTL_INSIDE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let Some(provider) = load("getinfo-sysctl") else { return };
    let first = call(&provider, "").unwrap();
    assert_eq!(first["truncated"], true);
    // Keys that can't be read have a place, too.
    let keys = first["count"].as_u64().unwrap() + first["unreadable"].as_u64().unwrap();
    assert_eq!(keys, 10_000);
    let names = |answer: &Value| -> Vec<String> {
        answer["values"].as_object().unwrap().keys().cloned().collect()
    };
    for folder in ["kernel", "vm", "fs", "net.core", "net.ipv4.conf.all", "net.ipv6.conf.default"] {
        let whole = call(&provider, &format!("{folder}.")).unwrap();
        assert_eq!(whole["truncated"], false);
        for key in names(&whole).iter().filter(|key| !key.contains("sched_domain")) {
            assert!(!first["values"][key].is_null(), "{key}");
        }
    }
    let wanted = names(&first);
    for _ in 0..3 {
        assert_eq!(names(&call(&provider, "").unwrap()), wanted);
    }
    assert!(!first["values"]["net.ipv4.conf.x1.forwarding"].is_null());
}

#[test]
fn names_select() {
    let Some(provider) = load("getinfo-sysctl") else { return };
    let Some(pid_max) = sysctl(&["-n", "kernel.pid_max"]) else { return };
    let answer = call(&provider, "kernel.pid_max nosuch.key").unwrap();
    assert_eq!(answer["values"], serde_json::json!({"kernel.pid_max": pid_max.trim()}));
    assert_eq!(
        (&answer["count"], &answer["missing"]),
        (&serde_json::json!(1), &serde_json::json!(["nosuch.key"]))
    );
    let vm = call(&provider, "vm.").unwrap();
    let names = sysctl(&["-N", "vm"]).unwrap();
    let is_there = |name: &&str| *name != "vm.stat_refresh";
    let mut want: Vec<&str> =
        names.lines().filter(is_there).filter(|name| vm["values"].get(name).is_some()).collect();
    want.dedup();
    assert!(!want.is_empty() && vm["count"] == want.len(), "{vm}");
    assert_eq!(call(&provider, "vm vm.swappiness").unwrap()["count"], vm["count"]);
    assert_eq!(call(&provider, "-a").unwrap_err().code(), "usage");
    assert_eq!(call(&provider, "../../etc/passwd").unwrap_err().code(), "usage");
}

/// The files of this system, in the order of sysctl.d(5) as a shell finds them.
#[test]
fn configured_values_match_those_of_the_files() {
    let Some(provider) = load("getinfo-sysctl") else { return };
    let script = "for f in $(ls /usr/lib/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /run/sysctl.d/*.conf \
                  /etc/sysctl.d/*.conf 2>/dev/null | sed 's,.*/,,' | sort -u); do \
                  for d in /etc /run /usr/local/lib /usr/lib; do [ -e $d/sysctl.d/$f ] && { cat $d/sysctl.d/$f; \
                  break; }; done; done; [ -e /etc/sysctl.conf ] && cat /etc/sysctl.conf";
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut want: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim().trim_start_matches('-').replace('/', ".");
        want.retain(|(known, _)| *known != key);
        want.push((key, value.trim().to_owned()));
    }
    want.sort();
    let answer = call(&provider, "").unwrap();
    let mut ours = Vec::new();
    for entry in answer["configured"].as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        ours.push((name.to_owned(), entry["value"].as_str().unwrap().to_owned()));
        if let (Some(running), Some(theirs)) = (entry["running"].as_str(), sysctl(&["-n", name])) {
            assert_eq!(running.trim(), theirs.trim(), "{name}");
            let is_same =
                running.split_whitespace().eq(entry["value"].as_str().unwrap().split_whitespace());
            assert_eq!(entry["differs"], !is_same, "{name}");
        }
    }
    ours.sort();
    assert_eq!(ours, want);
}
