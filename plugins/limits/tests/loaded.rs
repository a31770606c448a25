//! `getinfo.limits` as a host sees it, beside prlimit(1), sysctl(8) and the files read by hand.
#![expect(clippy::disallowed_methods, reason = "the answers are compared with what commands print")]
#![expect(clippy::unwrap_used, reason = "test helpers, outside of test functions")]

use std::fs;
use std::process::{Child, Command, Stdio};

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{output, wait_until};

/// Compares the `process` object with what prlimit prints of the same process.
fn is_as_prlimit_says(answer: &Value, pid: u32) {
    let columns =
        ["--raw", "--noheadings", "-o", "RESOURCE,SOFT,HARD,UNITS", "--pid", &pid.to_string()]
            .map(str::to_owned);
    let Some(table) = output("prlimit", &columns.each_ref().map(String::as_str)) else { return };
    let limits = answer["process"]["limits"].as_array().unwrap();
    assert_eq!(answer["process"]["pid"], pid);
    assert_eq!(limits.len(), table.lines().count());
    for line in table.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let limit = limits.iter().find(|limit| limit["name"] == words[0].to_lowercase()).unwrap();
        for (key, word) in [("soft", words[1]), ("hard", words[2])] {
            match word {
                "unlimited" => assert!(limit[key].is_null(), "{line}"),
                number => assert_eq!(limit[key].to_string(), number, "{line}"),
            }
        }
        let unit = words[3].replace("microsecs", "microseconds");
        assert_eq!(limit["unit"].as_str().unwrap_or_default(), unit, "{line}");
    }
}

/// A process that waits until its input ends.
fn waiting(script: &str) -> Child {
    Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn own_limits_match_those_of_prlimit() {
    let Some(provider) = load("getinfo-limits") else { return };
    is_as_prlimit_says(&call(&provider, "").unwrap(), std::process::id());
}

#[test]
fn another_process_has_its_own() {
    let Some(provider) = load("getinfo-limits") else { return };
    let mut child = waiting(
        "ulimit -n 123; ulimit -c 0; ulimit -t 7777; ulimit -S -s 1024; echo set; exec cat",
    );
    // Waits for that word.
    let mut word = [0; 4];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut word).unwrap();
    let answer = call(&provider, &format!("-p {}", child.id())).unwrap();
    is_as_prlimit_says(&answer, child.id());
    let limit = |name: &str| {
        let limits = answer["process"]["limits"].as_array().unwrap();
        limits.iter().find(|limit| limit["name"] == name).unwrap()["soft"].as_u64()
    };
    assert_eq!(
        (limit("nofile"), limit("cpu"), limit("stack")),
        (Some(123), Some(7777), Some(1 << 20))
    );
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    assert_eq!(answer["process"]["open_files"], open);
    drop(child.stdin.take());
    let id = child.id();
    child.wait().unwrap();
    assert_eq!(call(&provider, &format!("-p {id}")).unwrap_err().code(), "no_such_process");
}

#[test]
fn the_systems_limits_match_those_of_sysctl() {
    let Some(provider) = load("getinfo-limits") else { return };
    let answer = call(&provider, "").unwrap();
    for (field, key) in [
        ("open_files_max", "fs.file-max"),
        ("process_open_files_max", "fs.nr_open"),
        ("threads_max", "kernel.threads-max"),
        ("pid_max", "kernel.pid_max"),
        ("entropy_pool_bits", "kernel.random.poolsize"),
        ("process_maps_max", "vm.max_map_count"),
        ("aio_requests_max", "fs.aio-max-nr"),
        ("user_inotify_instances_max", "fs.inotify.max_user_instances"),
        ("user_inotify_watches_max", "fs.inotify.max_user_watches"),
        ("user_epoll_watches_max", "fs.epoll.max_user_watches"),
        ("pipe_size_max_bytes", "fs.pipe-max-size"),
        ("ptys_max", "kernel.pty.max"),
        ("conntrack_max", "net.netfilter.nf_conntrack_max"),
        ("listen_backlog_max", "net.core.somaxconn"),
        ("shared_segment_max_bytes", "kernel.shmmax"),
    ] {
        let Some(value) = output("sysctl", &["-n", key]) else { return };
        assert_eq!(answer["system"][field].as_u64(), value.trim().parse().ok(), "{key}");
    }
    let semaphores = output("sysctl", &["-n", "kernel.sem"]).unwrap();
    let total = semaphores.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok());
    assert_eq!(answer["system"]["semaphores_max"].as_u64(), total);
}

#[test]
fn usage_is_close_to_the_kernels_own_figures() {
    let Some(provider) = load("getinfo-limits") else { return };
    let number = |path: &str, at: usize| -> Option<u64> {
        fs::read_to_string(path)
            .ok()?
            .split(|c: char| c.is_whitespace() || c == '/')
            .nth(at)?
            .parse()
            .ok()
    };
    for (field, path, at, tolerance) in [
        ("open_files", "/proc/sys/fs/file-nr", 0, 200),
        ("inodes", "/proc/sys/fs/inode-nr", 0, 20_000),
        ("threads", "/proc/loadavg", 4, 50),
        ("ptys", "/proc/sys/kernel/pty/nr", 0, 10),
        ("aio_requests", "/proc/sys/fs/aio-nr", 0, 1000),
        ("entropy_bits", "/proc/sys/kernel/random/entropy_avail", 0, 256),
    ] {
        // The host's other processes go on between the two looks.
        wait_until(&format!("{field} is close"), || {
            let answer = call(&provider, "").unwrap();
            match (answer["system"][field].as_u64(), number(path, at)) {
                (Some(ours), Some(theirs)) => ours.abs_diff(theirs) <= tolerance,
                (ours, theirs) => ours == theirs,
            }
        });
    }
}

#[test]
fn configured_limits_are_the_lines_of_the_files() {
    let Some(provider) = load("getinfo-limits") else { return };
    let answer = call(&provider, "").unwrap();
    let script = "cat /etc/security/limits.conf /etc/security/limits.d/*.conf 2>/dev/null | \
                  sed 's/#.*//' | grep -c '[^[:space:]]'";
    let Some(count) = output("sh", &["-c", script]) else { return };
    assert_eq!(answer["configured"].as_array().unwrap().len().to_string(), count.trim());
}

#[test]
fn wrong_calls_have_error_codes() {
    let Some(provider) = load("getinfo-limits") else { return };
    for args in ["-x", "-p", "-p x", "-p 0"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
    assert_eq!(call(&provider, "-p 4294967295").unwrap_err().code(), "no_such_process");
}
