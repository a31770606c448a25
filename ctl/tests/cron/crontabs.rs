//! `cron check` on crontab files.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

use crate::run;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use test_support::Scratch;

/// Writes a file with a mode, and returns its path.
fn write(folder: &Scratch, name: &str, text: &str, mode: u32) -> String {
    let path = folder.write(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.display().to_string()
}

#[test]
fn a_crontab_is_checked_line_by_line() {
    let folder = Scratch::new("lines");
    let text = "\
        # a comment\n\
        CRON_TZ=Asia/Tokyo\n\
        0 30 9 * * MON-FRI root /usr/bin/true\n\
        30 9 * * 1-5 root echo five\n\
        0 61 9 * * * root echo broken\n\
        @reboot root echo up\n\
        @daily nosuchuser_ echo who\n\
        CRON_TZ=Mars/Base\n\
        @daily root echo where\n\
        0 0 0 */2 * MON root echo narrow\n";
    let good: String = text.lines().take(4).map(|line| format!("{line}\n")).collect();
    let good = write(&folder, "good", &good, 0o644);
    let (status, out, err) = run(&["check", &good], "");
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(
        out.contains("at 09:30, Monday to Friday") && out.contains(" 09:30:00 +09:00"),
        "{out}"
    );
    assert!(out.ends_with("\n1 file, 2 entries, 0 problems, 0 warnings\n"), "{out}");

    let bad = write(&folder, "bad", text, 0o644);
    let (status, out, err) = run(&["check", &bad], "");
    assert_eq!(status, 1);
    let places: Vec<&str> = err
        .lines()
        .map(|line| line.strip_prefix(&bad).unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(places, [":5:3:", ":7:1:", ":9:1:", ":10:1:", ":10:1:"], "{err}");
    assert!(
        err.contains("nosuchuser_") && err.contains("Mars/Base") && err.contains("minute"),
        "{err}"
    );
    assert!(out.contains("once after the host has started"), "{out}");
    assert!(out.ends_with("\n1 file, 3 entries, 4 problems, 1 warning\n"), "{out}");

    let (status, out, err) = run(&["check", "--json", &bad, &good], "");
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, err.as_str(), &value["problems"]), (1, "", &json!(4)));
    let entry = &value["files"][1]["entries"][0];
    assert_eq!(
        (&entry["line"], &entry["schedule"], &entry["user"], &entry["timezone"], &entry["command"]),
        (
            &json!(3),
            &json!("0 30 9 * * MON-FRI"),
            &json!("root"),
            &json!("Asia/Tokyo"),
            &json!("/usr/bin/true")
        )
    );
    assert_eq!(value["files"][0]["problems"][0]["line"], json!(5));
}

#[test]
fn a_file_that_the_agent_rejects_is_a_problem() {
    let folder = Scratch::new("files");
    write(&folder, "shared", "@daily root x\n", 0o664);
    write(&folder, "draft.bak", "@daily root x\n", 0o600);
    let (status, out, err) = run(&["check", folder.path().to_str().unwrap()], "");
    assert_eq!(status, 1, "{out}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0].contains("draft.bak: warning: ")
            && lines[1].contains("shared: is writable by others"),
        "{err}"
    );
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(folder.file("shared"), Some(1), None).unwrap();
        let (_, _, err) = run(&["check", folder.file("shared").to_str().unwrap()], "");
        assert!(err.contains("belongs to uid 1"), "{err}");
    }
    let (status, _, err) = run(&["check", "/no/such/file"], "");
    assert!(status == 1 && err.starts_with("/no/such/file: No such file"), "{err}");
    // A user's own crontab, from a pipe.
    let (status, out, _) = run(&["check", "--user", "root", "-"], "30 9 * * * backup --all\n");
    assert!(status == 0 && out.contains("backup --all") && out.contains("  root  "), "{out}");
}
