//! `getinfo.services` as a host sees it, compared with `systemctl --root=… list-unit-files`.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with systemctl")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{DeadShare, Scratch};

/// A root folder of the test's own.
struct Root(Scratch);

impl Root {
    fn new(name: &str) -> Self {
        Self(Scratch::new(&format!("services-{name}")))
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.0.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();
    }

    fn args(&self, rest: &str) -> String {
        format!("-r {} {rest}", self.0.path().display())
    }
}

/// A root with units of every state.
fn units() -> Root {
    let root = Root::new("units");
    let unit = |name: &str, install: &str| {
        let text =
            format!("[Unit]\nDescription=The {name}\n[Service]\nExecStart=/bin/true %n\n{install}");
        root.write(&format!("usr/lib/systemd/system/{name}"), &text);
    };
    let wanted = "[Install]\nWantedBy=multi-user.target\n";
    for name in [
        "on.service",
        "off.service",
        "run.service",
        "hidden.service",
        "over.service",
        "a.socket",
        "b.timer",
        "required.service",
    ] {
        unit(name, wanted);
    }
    unit("required.service", "[Install]\nRequiredBy=multi-user.target\n");
    unit("plain.service", "");
    unit("pulled.service", "");
    unit("also.service", "[Install]\nAlso=off.service\n");
    unit("named.service", "[Install]\nAlias=nick.service\n");
    unit("unnamed.service", "[Install]\nAlias=never.service\n");
    unit("odd.service", wanted);
    unit("getty@.service", "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n");
    unit("serial@.service", "[Install]\nWantedBy=getty.target\nDefaultInstance=ttyS9\n");
    unit("none@.service", "[Install]\nWantedBy=getty.target\n");
    unit("vendor.service", "");
    let wants = "etc/systemd/system/multi-user.target.wants";
    for name in ["on.service", "pulled.service"] {
        root.link(&format!("{wants}/{name}"), &format!("/usr/lib/systemd/system/{name}"));
    }
    root.link(
        "etc/systemd/system/multi-user.target.requires/required.service",
        "/usr/lib/systemd/system/required.service",
    );
    root.link(
        "run/systemd/system/multi-user.target.wants/run.service",
        "/usr/lib/systemd/system/run.service",
    );
    root.link("usr/lib/systemd/system/multi-user.target.wants/vendor.service", "../vendor.service");
    root.link(
        "etc/systemd/system/getty.target.wants/getty@tty1.service",
        "/usr/lib/systemd/system/getty@.service",
    );
    root.link(
        "etc/systemd/system/getty.target.wants/serial@ttyS0.service",
        "/usr/lib/systemd/system/serial@.service",
    );
    root.link("etc/systemd/system/nick.service", "/usr/lib/systemd/system/named.service");
    root.link("etc/systemd/system/strange.service", "/usr/lib/systemd/system/odd.service");
    root.link("usr/lib/systemd/system/vendoralias.service", "off.service");
    root.link("etc/systemd/system/hidden.service", "/dev/null");
    root.write("etc/systemd/system/empty.service", "");
    root.link("run/systemd/system/hidden2.service", "/dev/null");
    root.write(
        "etc/systemd/system/over.service",
        "[Service]\nExecStart=/bin/over\nUser=nobody\nType=notify\n",
    );
    root.write(
        "etc/systemd/system/own.service",
        &format!("[Service]\nExecStart=/bin/own\n{wanted}"),
    );
    root.write("opt/away/away.service", &format!("[Service]\nExecStart=/bin/away\n{wanted}"));
    root.link("etc/systemd/system/away.service", "/opt/away/away.service");
    root.write(
        "usr/lib/systemd/system/on.service.d/10-a.conf",
        "[Unit]\nDescription=vendor's\n[Service]\nUser=first\n",
    );
    root.write(
        "etc/systemd/system/on.service.d/20-b.conf",
        "[Service]\nExecStart=\nExecStart=/bin/changed\n",
    );
    root.write("etc/systemd/system/on.service.d/note.txt", "[Service]\nUser=wrong\n");
    root.link("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target");
    root
}

fn services(answer: &Value) -> &Vec<Value> {
    answer["services"].as_array().unwrap()
}

fn find<'a>(answer: &'a Value, name: &str) -> &'a Value {
    services(answer)
        .iter()
        .find(|service| service["name"] == name)
        .unwrap_or_else(|| panic!("{name} in {answer}"))
}

/// Names and states, aliases among them.
fn listed(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for service in services(answer).iter().filter(|service| service["manager"] == "systemd") {
        all.push((text(&service["name"]), text(&service["state"])));
        all.extend(
            service["aliases"]
                .as_array()
                .unwrap()
                .iter()
                .map(|alias| (text(alias), "alias".to_owned())),
        );
    }
    all.sort_unstable();
    all
}

fn systemctl(root: &str) -> Option<Vec<(String, String)>> {
    let output = Command::new("systemctl")
        .args([&format!("--root={root}"), "--no-legend", "--no-pager", "--full", "list-unit-files"])
        .output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        println!("SKIPPED (needs systemctl)");
        return None;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let mut rows: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect();
    rows.sort_unstable();
    Some(rows)
}

#[test]
fn states_match_those_of_systemctl() {
    let Some(provider) = load("getinfo-services") else { return };
    let root = units();
    let Some(want) = systemctl(root.0.path().to_str().unwrap()) else { return };
    let mut ours = listed(&call(&provider, &root.args("-a")).unwrap());
    ours.retain(|row| row.0 != "default.target");
    let want: Vec<_> = want.into_iter().filter(|row| row.0 != "default.target").collect();
    assert_eq!(ours, want);
}

/// Generated units are none of what systemctl --root looks at.
#[test]
fn this_machines_units_match_those_of_systemctl() {
    let Some(provider) = load("getinfo-services") else { return };
    let Some(want) = systemctl("/") else { return };
    let answer = call(&provider, "-a").unwrap();
    let ours = listed(&answer);
    let differ: Vec<_> =
        want.iter().filter(|row| !ours.contains(row) && row.1 != "generated").collect();
    assert!(differ.is_empty(), "{differ:?}");
    assert_eq!(
        answer["manager"] == "systemd",
        std::path::Path::new("/run/systemd/system").exists()
    );
    let comm = fs::read_to_string("/proc/1/comm").unwrap();
    assert_eq!(answer["init"], comm.trim_end());
}

#[test]
fn the_command_of_a_unit_is_shown() {
    let Some(provider) = load("getinfo-services") else { return };
    let root = units();
    let answer = call(&provider, &root.args("")).unwrap();
    assert!(
        services(&answer)
            .iter()
            .all(|service| service["name"].as_str().unwrap().ends_with(".service"))
    );
    assert_eq!(
        (&answer["manager"], &answer["default_target"]),
        (&Value::Null, &Value::from("multi-user.target"))
    );
    let off = find(&answer, "off.service");
    assert_eq!(
        (&off["description"], &off["exec_start"][0]),
        (&Value::from("The off.service"), &Value::from("/bin/true %n"))
    );
    assert_eq!((&off["enabled"], &off["running"]), (&Value::Bool(false), &Value::Null));
    let on = find(&answer, "on.service");
    assert_eq!(
        (&on["description"], &on["user"]),
        (&Value::from("vendor's"), &Value::from("first"))
    );
    assert_eq!(on["exec_start"], Value::from(vec!["/bin/changed"]));
    assert_eq!((on["drop_ins"].as_array().unwrap().len(), &on["enabled"]), (2, &Value::Bool(true)));
    let over = find(&answer, "over.service");
    assert_eq!(
        (&over["user"], &over["service_type"]),
        (&Value::from("nobody"), &Value::from("notify"))
    );
    assert_eq!(over["path"], root.0.file("etc/systemd/system/over.service").to_str().unwrap());
    assert_eq!(
        find(&answer, "getty@.service")["instances"],
        Value::from(vec!["getty@tty1.service"])
    );
    for (name, found) in [
        ("on", "on.service"),
        ("nick.service", "named.service"),
        ("getty@tty1", "getty@.service"),
        ("a.socket", "a.socket"),
    ] {
        let one = call(&provider, &root.args(&format!("-n {name}"))).unwrap();
        assert_eq!(
            (services(&one).len(), &one["services"][0]["name"]),
            (1, &Value::from(found)),
            "{name}"
        );
    }
    assert!(services(&call(&provider, &root.args("-n nothing")).unwrap()).is_empty());
}

/// systemd.unit(5), and unit_file_find_dropin_paths in systemd's src/shared/dropin.c.
#[test]
fn drop_ins_of_a_type_and_of_shortened_names_apply_in_the_order_of_file_names() {
    let Some(provider) = load("getinfo-services") else { return };
    let root = Root::new("drop-ins");
    let (vendor, admin) = ("usr/lib/systemd/system", "etc/systemd/system");
    root.write(&format!("{vendor}/foo-bar.service"), "[Service]\nExecStart=/bin/a\n");
    root.write(&format!("{vendor}/plain.service"), "[Service]\nExecStart=/bin/b\n");
    root.write(&format!("{vendor}/late.service"), "[Service]\nUser=own\n");
    root.write(&format!("{vendor}/work@.service"), "[Service]\nUser=\n");
    let user = |path: &str, user: &str| root.write(path, &format!("[Service]\nUser={user}\n"));
    user(&format!("{vendor}/service.d/10-all.conf"), "everyone");
    user(&format!("{vendor}/foo-.service.d/50-foo.conf"), "foo");
    user(&format!("{admin}/foo-.service.d/20-early.conf"), "early");
    // The same name: /etc before /usr, and a unit's own folder before the shortened one.
    root.write(
        &format!("{admin}/foo-.service.d/30-same.conf"),
        "[Service]\nExecStart=\nExecStart=/bin/etc\n",
    );
    root.write(
        &format!("{vendor}/foo-bar.service.d/30-same.conf"),
        "[Service]\nExecStart=\nExecStart=/bin/usr\n",
    );
    // Hidden by a link to /dev/null; left out because of its name.
    user(&format!("{vendor}/late.service.d/90-off.conf"), "off");
    root.link(&format!("{admin}/late.service.d/90-off.conf"), "/dev/null");
    user(&format!("{admin}/late.service.d/.hidden.conf"), "hidden");
    user(&format!("{admin}/late.service.d/95-\\x2d.conf"), "last");
    // An alias has drop-ins too.
    root.link(&format!("{admin}/nick.service"), "/usr/lib/systemd/system/plain.service");
    user(&format!("{admin}/nick.service.d/a.conf"), "nick");
    root.write(&format!("{admin}/work@.service.d/x.conf"), "[Service]\nDynamicUser=yes\n");
    root.write(&format!("{vendor}/mask.service"), "[Service]\nUser=x\n");
    root.link(&format!("{admin}/mask.service"), "/dev/null");

    let answer = call(&provider, &root.args("")).unwrap();
    let names = |name: &str| -> Vec<String> {
        let paths = find(&answer, name)["drop_ins"].as_array().unwrap();
        let short = |path: &Value| {
            let path =
                path.as_str().unwrap().strip_prefix(root.0.path().to_str().unwrap()).unwrap();
            path.replace("/systemd/system", "")
        };
        paths.iter().map(short).collect()
    };
    assert_eq!(
        names("foo-bar.service"),
        [
            "/usr/lib/service.d/10-all.conf",
            "/etc/foo-.service.d/20-early.conf",
            "/etc/foo-.service.d/30-same.conf",
            "/usr/lib/foo-.service.d/50-foo.conf",
        ]
    );
    let foo = find(&answer, "foo-bar.service");
    assert_eq!((&foo["user"], &foo["exec_start"][0]), (&"foo".into(), &"/bin/etc".into()));
    assert_eq!(find(&answer, "plain.service")["user"], "nick");
    assert_eq!(names("late.service").len(), 2, "{:?}", names("late.service"));
    assert_eq!(find(&answer, "late.service")["user"], "last");
    assert_eq!(find(&answer, "work@.service")["user"], "everyone");
    assert_eq!(find(&answer, "mask.service")["state"], "masked");
}

#[test]
fn links_of_an_image_stay_within_it() {
    let Some(provider) = load("getinfo-services") else { return };
    let outside = Root::new("outside");
    outside.write("a.service", "[Service]\nUser=hosts\n");
    outside.write("units/b.service", "[Service]\nUser=hosts\n");
    let root = Root::new("image");
    root.write("opt/a.service", "[Service]\nUser=images\n");
    root.link("usr/lib/systemd/system/a.service", "/opt/a.service");
    root.link("etc/systemd/system", outside.0.file("units").to_str().unwrap());
    root.link("etc/init.d", outside.0.path().to_str().unwrap());
    let answer = call(&provider, &root.args("")).unwrap();
    assert_eq!(services(&answer).len(), 1, "{answer}");
    assert_eq!(answer["services"][0]["user"], "images");
}

#[test]
fn a_folder_on_a_dead_share_is_reported_and_the_rest_is_answered() {
    let Some(provider) = load("getinfo-services") else { return };
    let root = units();
    root.write("usr/local/lib/systemd/system/never.service", "");
    let dead = root.0.file("usr/local/lib/systemd/system");
    let Some(share) = DeadShare::mount(&dead) else { return };
    let answer = call(&provider, &root.args("")).unwrap();
    assert_eq!(answer["unreadable"], Value::from(vec![dead.to_str().unwrap()]));
    assert_eq!(find(&answer, "on.service")["enabled"], true);
    drop(share);
}

#[test]
fn services_of_other_managers_are_found() {
    let Some(provider) = load("getinfo-services") else { return };
    let root = Root::new("scripts");
    for (name, text) in [
        ("ssh", "#!/bin/sh\n# Short-Description: OpenBSD server\n"),
        ("cron", "#!/bin/sh\n"),
        ("net", "#!/sbin/openrc-run\ndescription=\"The network\"\n"),
        ("README", "read"),
    ] {
        let path = format!("etc/init.d/{name}");
        root.write(&path, text);
        fs::set_permissions(root.0.file(&path), fs::Permissions::from_mode(0o755)).unwrap();
    }
    root.write("etc/init.d/notes", "not to be run");
    root.link("etc/rc2.d/S01ssh", "../init.d/ssh");
    root.link("etc/rc2.d/K01cron", "../init.d/cron");
    root.link("etc/runlevels/default/net", "../../init.d/net");
    root.write("etc/sv/web/run", "#!/bin/sh\n");
    root.link("etc/service/web", "../sv/web");
    let answer = call(&provider, &root.args("")).unwrap();
    let rows: Vec<(&str, &str, bool)> = services(&answer)
        .iter()
        .map(|service| {
            (
                service["name"].as_str().unwrap(),
                service["manager"].as_str().unwrap(),
                service["enabled"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("cron", "sysv", false),
            ("net", "openrc", true),
            ("ssh", "sysv", true),
            ("web", "runit", true)
        ]
    );
    assert_eq!(find(&answer, "net")["description"], "The network");
    for args in ["-n", "-r relative", "-x", "ssh"] {
        assert_eq!(call(&provider, args).unwrap_err().code(), "usage", "{args}");
    }
}
