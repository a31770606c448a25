//! `getinfo.cron` as a host sees it, compared with files that the test writes, and with this
//! machine's by hand.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

mod debian;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use plugin_api::testing::{call, load};
use serde_json::{Value, json};
use test_support::{DeadShare, Scratch, needs_root};

/// A root folder of the test's own.
struct Root(Scratch);

impl Root {
    fn new(name: &str) -> Self {
        Self(Scratch::new(&format!("cron-{name}")))
    }

    fn write(&self, path: &str, text: &str, mode: u32) {
        let path = self.0.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.0.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn args(&self) -> String {
        format!("-r {}", self.0.path().display())
    }
}

/// The paths below the root of a list's files, each once.
fn files(root: &Root, list: &Value) -> Vec<String> {
    let mut files: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let path = item["file"].as_str().unwrap();
            path.strip_prefix(root.0.path().to_str().unwrap()).unwrap().to_owned()
        })
        .collect();
    files.sort_unstable();
    files.dedup();
    files
}

#[test]
fn every_kind_of_entry_is_found() {
    let Some(provider) = load("getinfo-cron") else { return };
    if !needs_root("crontabs that belong to root") {
        return;
    }
    let root = Root::new("all");
    root.write("etc/debian_version", "12.5\n", 0o644);
    root.write(
        "etc/crontab",
        "SHELL=/bin/sh\n# comment\n17 *\t* * *\troot\tcd / && run-parts /etc/cron.hourly\nMAILTO=joe\n5-1 * * * * root never\n@reboot amy echo 100%\n",
        0o644,
    );
    root.write("etc/cron.d/php", "09,39 * * * * root [ -x /usr/lib/php ] && x\n", 0o644);
    root.write("etc/cron.d/old.disabled", "* * * * * root x\n", 0o644);
    root.write("etc/cron.d/.placeholder", "# nothing\n", 0o644);
    root.write(
        "var/spool/cron/crontabs/joe",
        "# DO NOT EDIT\nA='b c'\n*/5 * * * 1-5 /home/joe/work\n* * * * *\n",
        0o600,
    );
    root.write("var/spool/cron/crontabs/amy", "0 0 * * * x\n", 0o600);
    root.write("var/spool/cron/zoe", "0 0 * * * x\n", 0o600);
    root.write(
        "etc/anacrontab",
        "SHELL=/bin/sh\n1\t5\tcron.daily\tnice run-parts /etc/cron.daily\n@monthly 45 m x\nbad\n",
        0o644,
    );
    root.write("etc/cron.daily/logrotate", "#!/bin/sh\n", 0o755);
    root.write("etc/cron.daily/asleep", "#!/bin/sh\n", 0o644);
    root.write("etc/cron.weekly/man.db", "#!/bin/sh\n", 0o755);
    root.write(
        "usr/lib/systemd/system/apt-daily.timer",
        "[Timer]\nOnCalendar=*-*-* 6,18:00\nRandomizedDelaySec=12h\n[Install]\nWantedBy=timers.target\n",
        0o644,
    );
    root.write(
        "usr/lib/systemd/system/off.timer",
        "[Timer]\nOnBootSec=15min\nOnUnitActiveSec=1d\nUnit=clean.service\n",
        0o644,
    );
    root.write("usr/lib/systemd/system/template@.timer", "[Timer]\nOnCalendar=daily\n", 0o644);
    root.write("usr/lib/systemd/system/masked.timer", "[Timer]\nOnCalendar=daily\n", 0o644);
    root.link("etc/systemd/system/masked.timer", "/dev/null");
    root.link(
        "etc/systemd/system/timers.target.wants/apt-daily.timer",
        "/usr/lib/systemd/system/apt-daily.timer",
    );
    root.write("usr/lib/systemd/system/changed.timer", "[Timer]\nOnCalendar=daily\n", 0o644);
    root.write(
        "etc/systemd/system/changed.timer.d/a.conf",
        "[Timer]\nOnCalendar=\nOnCalendar=weekly\n",
        0o644,
    );

    let answer = call(&provider, &root.args()).unwrap();
    let short = |path: &Value| {
        path.as_str().unwrap().strip_prefix(root.0.path().to_str().unwrap()).unwrap().to_owned()
    };
    let entries: Vec<Value> = answer["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            json!([
                e["kind"],
                short(&e["file"]),
                e["line"],
                e["schedule"],
                e["user"],
                e["name"],
                e["environment"]
            ])
        })
        .collect();
    let want = [
        json!(["crontab", "/etc/crontab", 3, "17 * * * *", "root", null, ["SHELL=/bin/sh"]]),
        json!([
            "crontab",
            "/etc/crontab",
            6,
            "@reboot",
            "amy",
            null,
            ["SHELL=/bin/sh", "MAILTO=joe"]
        ]),
        json!(["crontab", "/etc/cron.d/php", 1, "09,39 * * * *", "root", null, []]),
        json!(["user_crontab", "/var/spool/cron/crontabs/amy", 1, "0 0 * * *", "amy", null, []]),
        json!([
            "user_crontab",
            "/var/spool/cron/crontabs/joe",
            3,
            "*/5 * * * 1-5",
            "joe",
            null,
            ["A=b c"]
        ]),
        json!(["anacron", "/etc/anacrontab", 2, "1 5", "root", "cron.daily", ["SHELL=/bin/sh"]]),
        json!(["anacron", "/etc/anacrontab", 3, "@monthly 45", "root", "m", ["SHELL=/bin/sh"]]),
        json!(["script", "/etc/cron.daily/logrotate", null, "daily", "root", "logrotate", []]),
        json!([
            "timer",
            "/usr/lib/systemd/system/apt-daily.timer",
            2,
            "OnCalendar=*-*-* 6,18:00",
            null,
            "apt-daily.timer",
            []
        ]),
        json!([
            "timer",
            "/usr/lib/systemd/system/changed.timer",
            6,
            "OnCalendar=weekly",
            null,
            "changed.timer",
            []
        ]),
        json!([
            "timer",
            "/usr/lib/systemd/system/off.timer",
            2,
            "OnBootSec=15min",
            null,
            "off.timer",
            []
        ]),
        json!([
            "timer",
            "/usr/lib/systemd/system/off.timer",
            3,
            "OnUnitActiveSec=1d",
            null,
            "off.timer",
            []
        ]),
    ];
    for (entry, want) in entries.iter().zip(&want) {
        assert_eq!(entry, want);
    }
    assert_eq!(entries.len(), want.len());
    let all = answer["entries"].as_array().unwrap();
    assert_eq!(all[0]["command"], "cd / && run-parts /etc/cron.hourly");
    assert_eq!(
        (&all[1]["command"], &all[4]["command"]),
        (&json!("echo 100%"), &json!("/home/joe/work"))
    );
    assert_eq!((&all[8]["enabled"], &all[8]["unit"]), (&json!(true), &json!("apt-daily.service")));
    assert_eq!(
        (&all[10]["enabled"], &all[10]["unit"], &all[0]["enabled"]),
        (&json!(false), &json!("clean.service"), &Value::Null)
    );

    let problems: Vec<Value> = answer["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| json!([short(&problem["file"]), problem["line"]]))
        .collect();
    let want = [
        json!(["/etc/crontab", 5]),
        json!(["/etc/cron.d/old.disabled", null]),
        json!(["/var/spool/cron/crontabs/joe", 4]),
        json!(["/var/spool/cron/zoe", null]),
        json!(["/etc/anacrontab", 4]),
        json!(["/etc/cron.daily/asleep", null]),
        json!(["/etc/cron.weekly/man.db", null]),
    ];
    assert_eq!(problems, want);
    assert_eq!(
        answer["problems"][0]["message"],
        "it never runs: a range of \"5-1 * * * *\" runs backward"
    );
}

/// systemd.unit(5) and systemd.timer(5).
#[test]
fn timers_are_as_systemd_reads_them() {
    let Some(provider) = load("getinfo-cron") else { return };
    let root = Root::new("timers");
    let (vendor, admin) = ("usr/lib/systemd/system", "etc/systemd/system");
    let write = |path: &str, text: &str| root.write(path, text, 0o644);
    let timer = |path: &str, time: &str| write(path, &format!("[Timer]\nOnCalendar={time}\n"));
    timer(&format!("{vendor}/backup@.timer"), "*-*-* 0%i:00");
    for instance in ["1", "2"] {
        root.link(
            &format!("{admin}/timers.target.wants/backup@{instance}.timer"),
            "/usr/lib/systemd/system/backup@.timer",
        );
    }
    write(&format!("{admin}/backup@2.timer.d/x.conf"), "[Timer]\nUnit=other@%i.service\n");
    // Applied by file name, wherever the folder is.
    timer(&format!("{vendor}/order.timer"), "first");
    write(&format!("{admin}/order.timer.d/10-a.conf"), "[Timer]\nOnCalendar=\nOnCalendar=etc\n");
    write(&format!("{vendor}/order.timer.d/20-b.conf"), "[Timer]\nOnCalendar=\nOnCalendar=usr\n");
    timer(&format!("{vendor}/a-b.timer"), "all \\\n  in one");
    write(&format!("{vendor}/timer.d/all.conf"), "[Timer]\nOnBootSec=1h\n");
    write(&format!("{vendor}/a-.timer.d/b.conf"), "[Timer]\nOnBootSec=2h\n");
    timer(&format!("{vendor}/masked.timer"), "daily");
    write(&format!("{admin}/masked.timer"), "");
    timer(&format!("{vendor}/null.timer"), "daily");
    root.link("run/systemd/system/null.timer", "../../../dev/null");
    root.link(&format!("{admin}/alias.timer"), "/usr/lib/systemd/system/order.timer");
    root.link(&format!("{admin}/timers.target.wants/alias.timer"), "../alias.timer");
    root.link("dev/null", "/dev/null");
    fs::remove_file(root.0.file("dev/null")).unwrap();

    let answer = call(&provider, &root.args()).unwrap();
    let rows: Vec<Value> = answer["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!([entry["name"], entry["schedule"], entry["unit"], entry["enabled"]]))
        .collect();
    assert_eq!(
        rows,
        [
            json!(["a-b.timer", "OnCalendar=all in one", "a-b.service", false]),
            json!(["a-b.timer", "OnBootSec=1h", "a-b.service", false]),
            json!(["a-b.timer", "OnBootSec=2h", "a-b.service", false]),
            json!(["backup@1.timer", "OnCalendar=*-*-* 01:00", "backup@1.service", true]),
            json!(["backup@1.timer", "OnBootSec=1h", "backup@1.service", true]),
            json!(["backup@2.timer", "OnCalendar=*-*-* 02:00", "other@2.service", true]),
            json!(["backup@2.timer", "OnBootSec=1h", "other@2.service", true]),
            json!(["order.timer", "OnCalendar=usr", "order.service", true]),
            json!(["order.timer", "OnBootSec=1h", "order.service", true]),
        ]
    );
}

#[test]
fn links_of_an_image_stay_within_it() {
    let Some(provider) = load("getinfo-cron") else { return };
    let outside = Root::new("outside");
    outside.write("cron.d/hosts", "* * * * * root true\n", 0o644);
    let root = Root::new("image");
    root.link("etc/cron.d", outside.0.file("cron.d").to_str().unwrap());
    root.link("etc/crontab", outside.0.file("cron.d/hosts").to_str().unwrap());
    root.write("opt/weekly/own", "#!/bin/sh\n", 0o755);
    root.link("etc/cron.weekly", "/opt/weekly");
    let answer = call(&provider, &root.args()).unwrap();
    assert_eq!(files(&root, &answer["entries"]), ["/etc/cron.weekly/own"]);
}

#[test]
fn folders_and_files_on_a_dead_share_are_reported_and_the_rest_is_answered() {
    let Some(provider) = load("getinfo-cron") else { return };
    let root = Root::new("dead");
    root.write("etc/cron.d/alive", "* * * * * root true\n", 0o644);
    root.write("etc/cron.hourly/alive", "#!/bin/sh\n", 0o755);
    root.write("srv/daily/never", "#!/bin/sh\n", 0o755);
    root.link("etc/cron.daily", "/srv/daily");
    root.link("etc/cron.weekly/never", "/srv/daily/never");
    root.write("etc/cron.weekly/alive", "#!/bin/sh\n", 0o755);
    let Some(share) = DeadShare::mount(&root.0.file("srv/daily")) else { return };
    for _ in 0..2 {
        let answer = call(&provider, &root.args()).unwrap();
        let path = |path: &str| root.0.file(path).to_str().unwrap().to_owned();
        let want = [path("etc/cron.daily"), path("etc/cron.weekly/never")];
        assert_eq!(answer["unreadable"], json!(want));
        assert_eq!(answer["entries"].as_array().unwrap().len(), 3, "{answer}");
    }
    drop(share);
}

#[test]
fn this_machines_crontabs_are_read() {
    let Some(provider) = load("getinfo-cron") else { return };
    let answer = call(&provider, "").unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir("/etc/cron.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.push(PathBuf::from("/etc/crontab"));
    for file in files {
        let name = file.file_name().unwrap().to_str().unwrap();
        let Ok(text) = fs::read_to_string(&file) else { continue };
        // Lines that begin as those of a schedule do, by hand.
        let want = text
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_digit() || "*@".contains(c)))
            .count();
        let found = answer["entries"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["file"] == file.to_str().unwrap());
        if !name.starts_with('.') && !name.contains('.') {
            assert_eq!(found.count(), want, "{}", file.display());
        }
    }
    // Users' crontabs are root's.
    if fs::read_dir("/var/spool/cron/crontabs").is_ok() {
        assert_eq!(answer["unreadable"], json!([]));
    } else {
        println!("SKIPPED (needs root, and a spool): users' crontabs");
    }
}

#[test]
fn mistakes_are_answered_with_codes() {
    let Some(provider) = load("getinfo-cron") else { return };
    for args in ["-r", "-r relative", "-x", "-r / x"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
    let root = Root::new("empty");
    assert_eq!(
        call(&provider, &root.args()).unwrap(),
        json!({"entries": [], "problems": [], "unreadable": [], "truncated": false})
    );
}
