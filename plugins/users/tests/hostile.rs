//! `getinfo.users` with account files that an administrator, a NIS client or another tool may
//! leave, beside getent(1) and id(1). The files are bound over /etc in a mount namespace.
#![expect(clippy::print_stdout, reason = "tests print the parts that they skip")]

use std::path::Path;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{Scratch, in_mount_namespace, is_inside, output};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    alice:x:3001:50:A:/home/alice:/bin/sh\n\
    bob:x:2999:51::/home/bob:\n\
    +::::::\n\
    +@admins::::::\n\
    -mallory::::::\n\
    +eve::0:0:::\n";
const GROUP: &str = "root:x:0:\n\
    staff:x:50:alice\n\
    wheel:x:60:alice,alice,bob\n\
    admins:x:60:alice\n\
    ops:x:61:bob,alice,bob\n\
    bobs:x:51:bob\n\
    +:::\n\
    -nogroup:::alice\n";
const SHADOW: &str = "root:*:20000:0:99999:7:::\nalice:!:20000:0:99999:7:::\n+::::::::\n";
const LOGIN_DEFS: &str = "# defaults\nUID_MIN \"3000\"\nUID_MAX 0XEA60\n";

#[test]
fn account_files_of_nis_and_aliases_are_read_as_libc_reads_them() {
    let name = "account_files_of_nis_and_aliases_are_read_as_libc_reads_them";
    if !Path::new("/etc/login.defs").exists() {
        println!("SKIPPED (needs /etc/login.defs, to bind over)");
        return;
    }
    let scratch = Scratch::new("users-accounts");
    let files = [
        (scratch.write("passwd", PASSWD), "/etc/passwd"),
        (scratch.write("group", GROUP), "/etc/group"),
        (scratch.write("shadow", SHADOW), "/etc/shadow"),
        (scratch.write("login.defs", LOGIN_DEFS), "/etc/login.defs"),
    ];
    let binds: Vec<(&Path, &str)> =
        files.iter().map(|(from, over)| (from.as_path(), *over)).collect();
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-users") else { return };
    if !is_inside(name, &in_mount_namespace(&binds)) {
        return;
    }
    let all = call(&provider, "-A").unwrap();
    let names = |list: &Value| -> Vec<String> {
        let rows = list.as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&all), ["root", "alice", "bob"]);
    assert_eq!(names(&call(&provider, "-u").unwrap()), ["alice"]);
    assert_eq!(names(&call(&provider, "-S").unwrap()), ["root", "bob"]);
    for row in all.as_array().unwrap() {
        let user = row["name"].as_str().unwrap();
        assert_eq!(call(&provider, &format!("-U {user}")).unwrap(), *row, "{user}");
        // id(1) has the groups of a login in the order of getgrouplist(3).
        let Some(groups) = output("id", &["-Gn", user]) else { continue };
        let ours: Vec<&str> =
            row["groups"].as_array().unwrap().iter().map(|group| group.as_str().unwrap()).collect();
        let mut theirs: Vec<&str> = groups.split_ascii_whitespace().collect();
        // It repeats a gid that two lines name.
        theirs.dedup();
        assert_eq!(ours, theirs, "{user}");
    }
    assert_eq!(all[1]["groups"], serde_json::json!(["staff", "wheel", "ops", "root"]));
    assert_eq!(call(&provider, "-U 3001").unwrap()["name"], "alice");
    for absent in ["+", "+eve", "-U", "-mallory", "+0", "nosuch"] {
        let error = call(&provider, &format!("-U '{absent}'")).unwrap_err();
        assert!(["no_such_user", "usage"].contains(&error.code()), "{absent}: {error:?}");
    }
}
