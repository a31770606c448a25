//! `getinfo.time` as a host sees it, beside date(1), uptime(1) and the files of /sys and /proc.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answer with commands")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use plugin_api::testing::{call, load};

/// What date prints by libc, without TZ, as the plugin has none.
fn date(format: &str) -> String {
    let output =
        Command::new("date").arg(format).env_remove("TZ").env("LC_ALL", "C").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

#[test]
fn now_lies_between_two_looks_at_date() {
    let Some(provider) = load("getinfo-time") else { return };
    let nanoseconds = || date("+%s%N").parse::<i128>().unwrap();
    let before = nanoseconds();
    let answer = call(&provider, "").unwrap();
    let after = nanoseconds();
    let epoch = answer["epoch"].as_i64().unwrap();
    let ours =
        i128::from(epoch) * 1_000_000_000 + i128::from(answer["nanoseconds"].as_i64().unwrap());
    assert!((before..=after).contains(&ours), "{before} {ours} {after}");
    let text = |args: &[&str]| {
        let output = Command::new("date")
            .args(args)
            .args(["-d", &format!("@{epoch}")])
            .env_remove("TZ")
            .output();
        String::from_utf8_lossy(&output.unwrap().stdout).trim_end().to_owned()
    };
    let fraction = format!(".{:09}Z", answer["nanoseconds"].as_i64().unwrap());
    assert_eq!(answer["time"], text(&["-u", "+%Y-%m-%dT%H:%M:%S"]) + &fraction);
    assert_eq!(answer["local_time"], text(&["+%Y-%m-%dT%H:%M:%S%:z"]), "{answer}");
}

#[test]
fn the_zone_is_that_of_date() {
    let Some(provider) = load("getinfo-time") else { return };
    let answer = call(&provider, "").unwrap();
    assert_eq!(answer["zone"]["abbreviation"], date("+%Z"));
    let offset = answer["zone"]["utc_offset_seconds"].as_i64().unwrap();
    let sign = if offset < 0 { '-' } else { '+' };
    let size = offset.abs();
    assert_eq!(
        format!("{sign}{:02}:{:02}:{:02}", size / 3600, size / 60 % 60, size % 60),
        date("+%::z")
    );
    let link = fs::read_link("/etc/localtime").unwrap_or_default().to_string_lossy().into_owned();
    match link.split_once("zoneinfo/") {
        Some((_, name)) => assert_eq!(answer["zone"]["name"], name),
        None => {
            let name = fs::read_to_string("/etc/timezone").unwrap_or_default();
            assert_eq!(answer["zone"]["name"].as_str().unwrap_or_default(), name.trim());
        }
    }
}

#[test]
fn boot_and_clock_source_match_those_of_the_kernel() {
    let Some(provider) = load("getinfo-time") else { return };
    let uptime = || -> i64 {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        text.split('.').next().unwrap().parse().unwrap()
    };
    let before = uptime();
    let answer = call(&provider, "").unwrap();
    assert!((before..=uptime()).contains(&answer["uptime_seconds"].as_i64().unwrap()));
    let stat = fs::read_to_string("/proc/stat").unwrap();
    let btime: i64 =
        stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse().unwrap();
    // The kernel rounds in its own way.
    assert!(
        (btime - answer["boot_epoch"].as_i64().unwrap()).abs() <= 1,
        "{btime} {}",
        answer["boot_epoch"]
    );
    let clock = |file: &str| {
        fs::read_to_string(format!("/sys/devices/system/clocksource/clocksource0/{file}"))
            .unwrap_or_default()
    };
    assert_eq!(
        answer["clocksource"].as_str().unwrap_or_default(),
        clock("current_clocksource").trim()
    );
    let available: Vec<&str> = answer["clocksources_available"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert_eq!(available.join(" "), clock("available_clocksource").trim());
}

#[test]
fn the_rtc_is_the_one_of_sysfs() {
    let Some(provider) = load("getinfo-time") else { return };
    let look = || {
        fs::read_to_string("/sys/class/rtc/rtc0/since_epoch")
            .ok()
            .and_then(|text| text.trim().parse::<i64>().ok())
    };
    let before = look();
    let answer = call(&provider, "").unwrap();
    match (before, look()) {
        (Some(before), Some(after)) => {
            assert!((before..=after).contains(&answer["rtc"]["epoch"].as_i64().unwrap()))
        }
        _ => assert!(answer["rtc"].is_null() || answer["rtc"]["epoch"].is_null()),
    }
}

/// A process of a daemon's name, which is all that tells it.
#[test]
fn a_daemon_is_found_by_its_name() {
    let Some(provider) = load("getinfo-time") else { return };
    let folder = std::env::temp_dir().join(format!("getinfo-time-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("ptp4l");
    test_support::copy_program("/bin/cat", &program);
    let mut child =
        Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    // It has its name before it answers.
    child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let answer = call(&provider, "").unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let daemons = answer["synchronization"]["daemons"].as_array().unwrap();
    assert!(daemons.iter().any(|daemon| daemon == "ptp4l"), "{answer}");
}

#[test]
fn arguments_are_refused() {
    let Some(provider) = load("getinfo-time") else { return };
    assert_eq!(call(&provider, "-x").unwrap_err().code(), "usage");
}
