//! `getinfo.os` with files that a careless image has, bound over the host's in a mount namespace.

use plugin_api::testing::{call, load};
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn an_os_release_of_another_image_is_read_as_a_shell_reads_it() {
    let scratch = Scratch::new("os-release");
    let file = scratch.write(
        "os-release",
        b"ID=odd\nNAME='a b'\\''c'\nSUPPORT_END=2099-13-45\nVERSION_ID=\"1\"\nID\nVERSION_ID=2\n\
          BUILD_ID=\xff\n# NAME=comment\n",
    );
    let test = "an_os_release_of_another_image_is_read_as_a_shell_reads_it";
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-os") else { return };
    if !is_inside(test, &in_mount_namespace(&[(&file, "/etc/os-release")])) {
        return;
    }
    let release = call(&provider, "").unwrap()["release"].clone();
    for (field, want) in
        [("id", "odd"), ("name", "a b'c"), ("version_id", "2"), ("build_id", "\u{fffd}")]
    {
        assert_eq!(release[field], want, "{field}");
    }
    assert!(release["support_end"].is_null(), "there is no such day");
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let scratch = Scratch::new("os-pipe");
    let pipe = scratch.file("pipe");
    test_support::run(&["mkfifo", pipe.to_str().unwrap()]);
    let binds = [(pipe.as_path(), "/etc/os-release"), (&pipe, "/etc/machine-id")];
    let binds = if std::path::Path::new(binds[1].1).exists() { &binds[..] } else { &binds[..1] };
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-os") else { return };
    if !is_inside("a_pipe_in_place_of_a_file_is_not_waited_for", &in_mount_namespace(binds)) {
        return;
    }
    let answer = call(&provider, "").unwrap();
    assert!(answer["uptime_seconds"].as_u64().is_some());
}
