//! `getinfo.groups` with group files that an administrator or a NIS client may leave. The files are
//! bound over /etc in a mount namespace.

use std::path::Path;

use plugin_api::testing::{call, load};
use serde_json::json;
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn group_files_of_nis_and_repeated_members_are_read_as_libc_reads_them() {
    let name = "group_files_of_nis_and_repeated_members_are_read_as_libc_reads_them";
    let scratch = Scratch::new("groups-accounts");
    // One line of more than 1 MiB, which larger buffers must read, and more behind it.
    let members: Vec<String> = (0..150_000).map(|number| format!("user{number}")).collect();
    let text = format!(
        "root:x:0:\nwheel:x:60:alice,alice,bob,,alice\n+:::\n+@net:::\n-no:x:0:eve\n\
         admins:x:60:bob\nlarge:x:70:{}\nlast:x:71:zoe\n",
        members.join(",")
    );
    let group = scratch.write("group", text);
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-groups") else { return };
    if !is_inside(name, &in_mount_namespace(&[(&group, "/etc/group")])) {
        return;
    }
    assert!(Path::new("/etc/group").metadata().is_ok_and(|group| group.len() > 1 << 20));
    let answer = call(&provider, "").unwrap();
    let groups = answer["groups"].as_array().unwrap();
    let names: Vec<&str> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["root", "wheel", "admins", "large", "last"]);
    assert_eq!(groups[1]["members"], json!(["alice", "bob"]));
    assert_eq!(groups[3]["members"].as_array().unwrap().len(), 150_000);
    for (asked, place) in [("wheel", 1), ("60", 1), ("large", 3), ("70", 3), ("last", 4), ("71", 4)]
    {
        let one = call(&provider, &format!("-G {asked}")).unwrap();
        assert_eq!(one["groups"][0], groups[place], "{asked}");
    }
    for absent in ["+", "+@net", "+60", "nosuch", "4294967296"] {
        let error = call(&provider, &format!("-G '{absent}'")).unwrap_err();
        assert_eq!(error.code(), "no_such_group", "{absent}");
    }
}
