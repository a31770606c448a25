//! The files that Debian's cron ignores.

use super::{Root, files};
use plugin_api::testing::{call, load};
use std::fs;
use std::os::unix::fs::{chown, lchown};
use test_support::needs_root;

/// process_crontab and load_user in Debian's cron 3.0pl1.
#[test]
fn files_that_debians_cron_ignores_are_problems() {
    let Some(provider) = load("getinfo-cron") else { return };
    if !needs_root("crontabs of other owners") {
        return;
    }
    const JOB: &str = "* * * * * root true\n";
    let root = Root::new("ignored");
    root.write("etc/debian_version", "12.5\n", 0o644);
    root.write(
        "etc/passwd",
        "root:x:0:0::/:/bin/sh\njoe:x:1000:1000::/:\namy:x:1001:1::/:\n",
        0o644,
    );
    root.write("etc/crontab", JOB, 0o644);
    for (name, mode) in [("good", 0o644), ("secret", 0o600), ("program", 0o755), ("group", 0o664)] {
        root.write(&format!("etc/cron.d/{name}"), JOB, mode);
    }
    root.write("etc/cron.d/world", JOB, 0o646);
    root.write("etc/cron.d/foreign", JOB, 0o644);
    chown(root.0.file("etc/cron.d/foreign"), Some(1000), None).unwrap();
    for (name, text) in [
        ("end-missing", "1 * * * * root a\n2 * * * * root b"),
        ("end-of-comment", "1 * * * * root a\n# no line end"),
        ("user-unknown", "1 * * * * root a\n2 * * * * nobody-here b\n"),
        ("line-bad", "1 * * * * root a\n61 * * * * root b\n"),
        ("user-missing", "1 * * * * root a\n* * * * * true\n"),
        ("value-missing", "MAILTO=\n1 * * * * root a\n"),
        ("value-quoted", "MAILTO=\"\"\n1 * * * * root a\n"),
        ("dos", "# a\r\n\r\n1 * * * * root a\r\n"),
        ("empty", ""),
    ] {
        root.write(&format!("etc/cron.d/{name}"), text, 0o644);
    }
    root.write("etc/cron.d/hard", JOB, 0o644);
    fs::hard_link(root.0.file("etc/cron.d/hard"), root.0.file("etc/cron.d/hard2")).unwrap();
    root.write("opt/linked", JOB, 0o644);
    root.link("etc/cron.d/link", "/opt/linked");
    root.link("etc/cron.d/dangling", "/opt/none");
    root.link("etc/cron.d/link-foreign", "/opt/linked");
    lchown(root.0.file("etc/cron.d/link-foreign"), Some(1000), None).unwrap();
    root.write("etc/cron.d/a.b", JOB, 0o644);
    let spool = "var/spool/cron/crontabs";
    let user = |name: &str, mode, owner| {
        root.write(&format!("{spool}/{name}"), "1 * * * * a\n", mode);
        chown(root.0.file(&format!("{spool}/{name}")), Some(owner), None).unwrap();
    };
    user("joe", 0o600, 1000);
    user("root", 0o644, 0);
    user("amy", 0o600, 1000);
    user("ghost", 0o600, 0);
    root.link(&format!("{spool}/tmp.x"), "joe");

    let answer = call(&provider, &root.args()).unwrap();
    assert_eq!(
        files(&root, &answer["entries"]),
        [
            "/etc/cron.d/end-of-comment",
            "/etc/cron.d/good",
            "/etc/cron.d/link",
            "/etc/cron.d/program",
            "/etc/cron.d/secret",
            "/etc/cron.d/value-quoted",
            "/etc/crontab",
            "/var/spool/cron/crontabs/joe",
        ]
    );
    assert_eq!(
        files(&root, &answer["problems"]),
        [
            "/etc/cron.d/a.b",
            "/etc/cron.d/dangling",
            "/etc/cron.d/dos",
            "/etc/cron.d/end-missing",
            "/etc/cron.d/foreign",
            "/etc/cron.d/group",
            "/etc/cron.d/hard",
            "/etc/cron.d/hard2",
            "/etc/cron.d/line-bad",
            "/etc/cron.d/link-foreign",
            "/etc/cron.d/user-missing",
            "/etc/cron.d/user-unknown",
            "/etc/cron.d/value-missing",
            "/etc/cron.d/world",
            "/var/spool/cron/crontabs/amy",
            "/var/spool/cron/crontabs/ghost",
            "/var/spool/cron/crontabs/root",
        ]
    );
}
