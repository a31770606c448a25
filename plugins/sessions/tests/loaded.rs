//! `getinfo.sessions` as a host sees it, compared with who(1), last(1) and utmpdump(1).
#![expect(
    clippy::disallowed_methods,
    reason = "who and last are what the answers are compared with"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;

/// 2023-11-14T22:13:20Z.
const START: u32 = 1_700_000_000;

/// A file of the test's own.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path =
            std::env::temp_dir().join(format!("getinfo-sessions-{name}-{}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// struct utmp of x86: 384 bytes.
fn record(
    kind: u16,
    pid: u32,
    line: &str,
    user: &str,
    host: &str,
    time: u32,
    address: [u8; 4],
) -> Vec<u8> {
    let mut bytes = vec![0; 384];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &kind.to_ne_bytes());
    put(4, &pid.to_ne_bytes());
    put(8, line.as_bytes());
    put(40, &line.as_bytes()[line.len().saturating_sub(2)..]);
    put(44, user.as_bytes());
    put(76, host.as_bytes());
    put(340, &time.to_ne_bytes());
    put(348, &address);
    bytes
}

/// Returns a program's output in UTC. Prints that the test is skipped and returns `None` without
/// the program, or where its layout is another.
fn output(program: &str, args: &[&str], file: &Path) -> Option<String> {
    if !cfg!(target_arch = "x86_64") {
        println!("SKIPPED (needs x86: the file has its layout)");
        return None;
    }
    let Ok(output) =
        Command::new(program).args(args).arg(file).env("TZ", "UTC").env("LC_ALL", "C").output()
    else {
        println!("SKIPPED (needs {program})");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn sessions_match_those_of_who() {
    let Some(provider) = load("getinfo-sessions") else { return };
    let own = std::process::id();
    let bytes = [
        record(2, 0, "~", "reboot", "6.1.0", START, [0; 4]),
        record(6, 400, "tty1", "LOGIN", "", START + 1, [0; 4]),
        record(7, own, "tty2", "root", "", START + 60, [0; 4]),
        record(7, 4_000_000, "pts/0", "joe", "client.example.org", START + 120, [192, 0, 2, 9]),
        record(8, 77, "pts/1", "", "", START + 180, [0; 4]),
        record(7, 78, "pts/2", &"u".repeat(32), &"h".repeat(256), START + 240, [0; 4]),
    ]
    .concat();
    let file = Temporary::new("utmp", &bytes);
    let answer = call(&provider, &format!("-f {}", file.0.display())).unwrap();
    let sessions = answer["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &answer["boot"]), (3, &Value::from("2023-11-14T22:13:20Z")));
    assert_eq!(
        (&sessions[0]["alive"], &sessions[1]["alive"]),
        (&Value::Bool(true), &Value::Bool(false))
    );
    assert_eq!(
        (&sessions[0]["host"], &sessions[1]["address"]),
        (&Value::Null, &Value::from("192.0.2.9"))
    );
    let Some(who) = output("who", &["-u"], &file.0) else { return };
    let lines: Vec<&str> = who.lines().collect();
    assert_eq!(lines.len(), sessions.len(), "{who}");
    for (session, line) in sessions.iter().zip(lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            (&session["user"], &session["tty"]),
            (&Value::from(words[0]), &Value::from(words[1]))
        );
        let since = session["since"].as_str().unwrap();
        // `root tty2 Nov 14 22:14 IDLE PID (HOST)`.
        assert_eq!(format!("Nov {} {}", &since[8..10], &since[11..16]), words[2..5].join(" "));
        assert_eq!(session["pid"].to_string(), words[6]);
        let host = words.get(7).map(|host| host.trim_matches(['(', ')']));
        assert_eq!(session["host"].as_str(), host);
    }
    let Some(dump) = output("utmpdump", &[], &file.0) else { return };
    assert!(dump.contains("[192.0.2.9      ]") && dump.contains("2023-11-14T22:15:20"), "{dump}");
}

#[test]
fn logins_match_those_of_last() {
    let Some(provider) = load("getinfo-sessions") else { return };
    let bytes = [
        record(2, 0, "~", "reboot", "6.1.0", START, [0; 4]),
        record(7, 10, "pts/0", "joe", "a.example", START + 100, [192, 0, 2, 1]),
        record(7, 11, "pts/1", "amy", "b.example", START + 200, [192, 0, 2, 2]),
        record(8, 10, "pts/0", "", "", START + 300, [0; 4]),
        record(7, 12, "pts/0", "eve", "c.example", START + 400, [192, 0, 2, 3]),
        record(1, 0, "~", "shutdown", "6.1.0", START + 500, [0; 4]),
        record(2, 0, "~", "reboot", "6.1.0", START + 600, [0; 4]),
        record(7, 13, "tty1", "root", "", START + 700, [0; 4]),
        record(2, 0, "~", "reboot", "6.1.0", START + 800, [0; 4]),
        record(7, 14, "pts/3", "joe", "d.example", START + 900, [0; 4]),
        record(8, 14, "pts/3", "", "", START + 1000, [0; 4]),
    ]
    .concat();
    let file = Temporary::new("wtmp", &bytes);
    let answer = call(&provider, &format!("-l 100 -f {}", file.0.display())).unwrap();
    let logins = answer["logins"].as_array().unwrap();
    let Some(last) = output("last", &["-F", "-w", "-f"], &file.0) else { return };
    // `joe pts/3 d.example Tue Nov 14 22:28:20 2023 - Tue Nov 14 22:30:00 2023 (00:01)`, ends also
    // `down` and `crash`.
    let lines: Vec<&str> = last
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("reboot") && !line.contains("begins"))
        .collect();
    assert_eq!(lines.len(), logins.len(), "{last}");
    for (login, line) in logins.iter().zip(lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            (&login["user"], &login["tty"]),
            (&Value::from(words[0]), &Value::from(words[1])),
            "{line}"
        );
        let (begin, end) = line.split_once(" - ").unwrap();
        let time = |login: &Value| {
            let text = login.as_str().unwrap();
            format!("{} {}", &text[8..10], &text[11..19])
        };
        assert!(begin.contains(&time(&login["since"])), "{line} {login}");
        let by = login["ended_by"].as_str().unwrap();
        if by == "logout" {
            assert!(end.contains(&time(&login["until"])), "{line} {login}");
        } else {
            assert!(end.trim().starts_with(by), "{line} {login}");
        }
        if let Some(host) = login["host"].as_str() {
            assert_eq!(words[2], host);
        }
    }
    assert_eq!(
        call(&provider, &format!("-l 2 -f {}", file.0.display())).unwrap()["logins"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn any_file_or_no_file_is_accepted() {
    let Some(provider) = load("getinfo-sessions") else { return };
    for bytes in [&[][..], &[0xff; 1000], &[0; 384], &[7; 9600], b"text"] {
        let file = Temporary::new("odd", bytes);
        for args in ["", "-l 5 "] {
            assert!(call(&provider, &format!("{args}-f {}", file.0.display())).is_ok());
        }
    }
    assert!(call(&provider, "-l 3").unwrap()["sessions"].is_array());
    assert_eq!(call(&provider, "-f /dev/tty").unwrap_err().code(), "unreadable");
    assert_eq!(call(&provider, "-f /nowhere/utmp").unwrap_err().code(), "unreadable");
    for args in ["-l", "-l 0", "-l 1001", "-f utmp", "root"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
