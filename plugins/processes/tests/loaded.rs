//! `getinfo.processes` as a host sees it, compared with ps(1) and with children of known arguments.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with ps")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{Scratch, copy_program};

/// A child that is ended with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell that has begun its work: it says so, then waits for its input to end.
fn running(command: &mut Command) -> Running {
    let mut child = Running(
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap(),
    );
    let mut said = [0; 1];
    child.0.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    child
}

/// One column set of ps for one process, none if there is no ps.
fn ps(pid: u64, columns: &str) -> Option<String> {
    let output = Command::new("ps").args(["-ww", "-o", columns, "-p", &pid.to_string()]).output();
    let Ok(output) = output else {
        println!("SKIPPED (needs ps, of procps)");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn children_are_as_they_were_started() {
    let Some(provider) = load("getinfo-processes") else { return };
    let child = running(Command::new("bash").arg0("quite a name").args([
        "-c",
        "echo; read x; exit",
        "two words",
        "",
        "é\u{1}",
    ]));
    let pid = child.0.id();
    let answer = call(&provider, &format!("-p {pid}")).unwrap();
    assert_eq!(
        (answer["matched"].as_u64(), answer["processes"].as_array().unwrap().len()),
        (Some(1), 1)
    );
    let process = &answer["processes"][0];
    assert_eq!(process["pid"], pid);
    assert_eq!(process["ppid"], std::process::id());
    assert_eq!(process["name"], "bash");
    let words = ["quite a name", "-c", "echo; read x; exit", "two words", "", "é\u{1}"];
    assert_eq!(process["cmdline"], Value::from(words.to_vec()));
    assert_eq!(
        (process["cmdline_truncated"].as_bool(), process["kernel_thread"].as_bool()),
        (Some(false), Some(false))
    );
    let exe = std::fs::canonicalize("/bin/bash").unwrap();
    assert_eq!(process["exe"], exe.to_str().unwrap());
    assert_eq!(process["uid"], nix_uid());
    for found in ["-n bash -c 'two words'", "-c 'quite a name -c'"] {
        let pids: Vec<u64> = pids(&call(&provider, found).unwrap());
        assert!(pids.contains(&pid.into()), "{found}");
    }
    assert!(!pids(&call(&provider, "-n ash").unwrap()).contains(&pid.into()));
    assert_eq!(
        pids(&call(&provider, &format!("-p {pid} -u {}", nix_uid())).unwrap()),
        [u64::from(pid)]
    );
    assert!(pids(&call(&provider, &format!("-p {pid} -u 4000000001")).unwrap()).is_empty());
}

#[test]
fn a_program_may_be_named_as_a_deleted_one() {
    let Some(provider) = load("getinfo-processes") else { return };
    let scratch = Scratch::new("processes-deleted");
    let start = |name: &str| {
        let path = scratch.file(name);
        copy_program("/bin/bash", &path);
        (running(Command::new(&path).args(["-c", "echo; read x; exit"])), path)
    };
    let (named, gone, replaced) = (start("tool (deleted)"), start("gone"), start("replaced"));
    std::fs::remove_file(&gone.1).unwrap();
    std::fs::remove_file(&replaced.1).unwrap();
    std::fs::write(&replaced.1, "another").unwrap();
    std::fs::write(scratch.file("replaced (deleted)"), "a third").unwrap();
    for ((child, path), is_deleted) in [(named, false), (gone, true), (replaced, true)] {
        let answer = call(&provider, &format!("-p {}", child.0.id())).unwrap();
        let process = &answer["processes"][0];
        assert_eq!(process["exe"], path.to_str().unwrap());
        assert_eq!(process["exe_deleted"], is_deleted, "{path:?}");
    }
}

#[test]
fn names_with_line_ends_and_brackets_are_whole_and_add_no_process() {
    let Some(provider) = load("getinfo-processes") else { return };
    let scratch = Scratch::new("processes-names");
    for name in ["a) R 1 (b", "x\ny", " 1 (init) S", "\\n", "é\u{1}"] {
        // The kernel names a process after its program's file.
        let program = scratch.file(name);
        copy_program("/bin/bash", &program);
        let child = running(Command::new(program).args(["-c", "echo; read x; exit", "name", name]));
        let answer = call(&provider, &format!("-p {}", child.0.id())).unwrap();
        assert_eq!(
            (&answer["matched"], &answer["processes"][0]["name"]),
            (&1.into(), &name.into())
        );
        assert_eq!(answer["processes"][0]["ppid"], std::process::id());
        assert_eq!(answer["processes"][0]["cmdline"][4], name);
    }
}

/// This test's own effective uid, as /proc tells.
fn nix_uid() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn pids(answer: &Value) -> Vec<u64> {
    answer["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["pid"].as_u64().unwrap())
        .collect()
}

#[test]
fn each_field_is_as_ps_shows_it() {
    let Some(provider) = load("getinfo-processes") else { return };
    let child = running(Command::new("nice").args([
        "-n",
        "7",
        "bash",
        "-c",
        "for i in {1..20000}; do :; done; echo; read x",
    ]));
    let own = u64::from(std::process::id());
    let mut compared = 0;
    for pid in [1, own, u64::from(child.0.id())] {
        let answer = call(&provider, &format!("-p {pid}")).unwrap();
        let process = &answer["processes"][0];
        let columns =
            "pid=,ppid=,pgid=,sess=,euid=,egid=,euser:64=,nlwp=,ni=,vsz=,rss=,tty=,etimes=,comm=";
        let Some(line) = ps(pid, columns) else { return };
        let words: Vec<&str> = line.split_whitespace().collect();
        for (key, index) in [
            ("pid", 0),
            ("ppid", 1),
            ("process_group", 2),
            ("session", 3),
            ("uid", 4),
            ("gid", 5),
            ("threads", 7),
            ("nice", 8),
        ] {
            let want: i64 = words[index].parse().unwrap();
            // A test's own threads come and go.
            assert!(
                process[key].as_i64() == Some(want) || (pid == own && key == "threads"),
                "{key} of {pid}: {line}"
            );
        }
        assert_eq!(process["user"], words[6]);
        assert_eq!(process["name"], words[13..].join(" "));
        assert_eq!(process["tty"].as_str().unwrap_or("?"), words[11]);
        let close = |value: &Value, kib: &str, tolerance: u64| {
            let (value, want) = (value.as_u64().unwrap(), kib.parse::<u64>().unwrap() * 1024);
            assert!(value.abs_diff(want) <= tolerance, "{value} and {want} of {pid}");
        };
        close(&process["virtual_bytes"], words[9], 64 << 20);
        // The kernel counts in batches: 64 pages or so on each processor.
        close(&process["rss_bytes"], words[10], 8 << 20);
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let started = process["started_epoch"].as_u64().unwrap();
        assert!((now - words[12].parse::<u64>().unwrap()).abs_diff(started) <= 2, "{line}");
        let date = Command::new("date")
            .args(["-u", "+%Y-%m-%dT%H:%M:%SZ", "-d", &format!("@{started}")])
            .output();
        assert_eq!(process["started"], String::from_utf8_lossy(&date.unwrap().stdout).trim());
        compared += 1;
    }
    assert_eq!(compared, 3);
}

/// A process that gave up root without exec(2), as web servers' workers do, is not readable:
/// the files of its folder are root's. It is its new user's all the same.
#[test]
fn the_user_is_known_of_a_process_that_changed_it() {
    let Some(provider) = load("getinfo-processes") else { return };
    if nix_uid() != 0 || Command::new("perl").arg("-v").output().is_err() {
        println!("SKIPPED (needs root, and perl)");
        return;
    }
    let program = "$| = 1; $) = '65533 65533'; $> = 65534; print 'x'; <STDIN>";
    let child = running(Command::new("perl").args(["-e", program]));
    let file = std::fs::metadata(format!("/proc/{}/stat", child.0.id())).unwrap();
    assert_eq!(file.uid(), 0);
    let answer = call(&provider, &format!("-p {} -u 65534", child.0.id())).unwrap();
    let process = &answer["processes"][0];
    assert_eq!((process["uid"].as_u64(), process["gid"].as_u64()), (Some(65534), Some(65533)));
}

/// User, system time by hand: the 14th and 15th field of stat.
#[test]
fn processor_time_state_and_cgroup_match_those_of_proc() {
    let Some(provider) = load("getinfo-processes") else { return };
    let child = running(
        Command::new("bash").args(["-c", "for i in {1..100000}; do :; done; echo; read x"]),
    );
    let pid = child.0.id();
    // Asleep, once it waits for its input.
    let stat = loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.contains(") S ") {
            break stat;
        }
        std::thread::yield_now();
    };
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let seconds = |index: usize| fields[index].parse::<f64>().unwrap() / 100.0;
    let process = call(&provider, &format!("-p {pid}")).unwrap()["processes"][0].clone();
    assert!(
        (process["cpu_user_seconds"].as_f64().unwrap() - seconds(11)).abs() < 0.001,
        "{process}"
    );
    assert!(
        (process["cpu_system_seconds"].as_f64().unwrap() - seconds(12)).abs() < 0.001,
        "{process}"
    );
    assert!(seconds(11) > 0.0);
    assert_eq!(process["state"], "sleeping");
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(
        cgroup
            .lines()
            .any(|line| line.ends_with(&format!(":{}", process["cgroup"].as_str().unwrap())))
    );
}

#[test]
fn stopped_and_ended_ones_are_counted() {
    let Some(provider) = load("getinfo-processes") else { return };
    let stopped = running(Command::new("bash").args(["-c", "echo; kill -STOP $$"]));
    let zombie = Command::new("true").spawn().unwrap();
    let (stopped_pid, zombie_pid) = (stopped.0.id(), zombie.id());
    let _zombie = Running(zombie);
    let state = |pid: u32| loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        if stat.contains(") T ") || stat.contains(") Z ") {
            break;
        }
        std::thread::yield_now();
    };
    state(stopped_pid);
    state(zombie_pid);
    let answer = call(&provider, "").unwrap();
    let find = |pid: u32| {
        answer["processes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|process| process["pid"] == pid)
            .unwrap()
            .clone()
    };
    assert_eq!(find(stopped_pid)["state"], "stopped");
    let zombie = find(zombie_pid);
    assert_eq!((&zombie["state"], &zombie["exe"]), (&Value::from("zombie"), &Value::Null));
    assert!(zombie["cmdline"].as_array().unwrap().is_empty());
    assert!(
        answer["states"]["stopped"].as_u64() >= Some(1)
            && answer["states"]["zombie"].as_u64() >= Some(1)
    );
    let states: u64 =
        answer["states"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(Some(states), answer["total"].as_u64());
}

#[test]
fn the_list_is_that_of_ps() {
    let Some(provider) = load("getinfo-processes") else { return };
    let list = || -> Option<Vec<u64>> {
        let output = Command::new("ps").args(["-e", "-o", "pid="]).output().ok()?;
        Some(
            String::from_utf8_lossy(&output.stdout)
                .split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect(),
        )
    };
    let Some(before) = list() else {
        println!("SKIPPED (needs ps, of procps)");
        return;
    };
    let answer = call(&provider, "").unwrap();
    let after = list().unwrap();
    let found = pids(&answer);
    // What ps saw before and after was there meanwhile.
    for pid in before.iter().filter(|pid| after.contains(pid)) {
        assert!(found.contains(pid), "{pid}");
    }
    assert!(found.is_sorted());
    assert_eq!(answer["total"].as_u64(), Some(found.len() as u64));
}

#[test]
fn the_top_is_sorted() {
    let Some(provider) = load("getinfo-processes") else { return };
    let answer = call(&provider, "-t 3 -s rss").unwrap();
    let rss: Vec<u64> = answer["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| process["rss_bytes"].as_u64().unwrap())
        .collect();
    assert!(rss.len() == 3 && rss.is_sorted_by(|a, b| a >= b), "{rss:?}");
    assert!(answer["matched"].as_u64().unwrap() >= 3);
    let cpu = |process: &Value| {
        process["cpu_user_seconds"].as_f64().unwrap()
            + process["cpu_system_seconds"].as_f64().unwrap()
    };
    let answer = call(&provider, "-t 3").unwrap();
    let times: Vec<f64> = answer["processes"].as_array().unwrap().iter().map(cpu).collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn mistakes_are_answered_with_codes() {
    let Some(provider) = load("getinfo-processes") else { return };
    for args in ["-p", "-p one", "-s size", "-t", "all", "-x"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
    assert_eq!(call(&provider, "-u 'no such'").unwrap_err().code(), "no_such_user");
    assert_eq!(call(&provider, "-p 4000000001").unwrap()["matched"], 0);
}
