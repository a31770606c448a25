//! `getinfo.time` with files of an odd /etc, bound over the host's in a mount namespace, and with
//! processes that are named like daemons.

use std::process::{Command, Stdio};

use plugin_api::testing::{call, load};
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn a_comment_is_not_the_name_of_a_zone() {
    let scratch = Scratch::new("time-etc");
    scratch.write("timezone", "# set by the installer\n\nEurope/Berlin\n");
    scratch.write("adjtime", "0.0 0 0.0\n0\nLOCAL\n");
    let words = in_mount_namespace(&[(scratch.path(), "/etc")]);
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-time") else { return };
    if !is_inside("a_comment_is_not_the_name_of_a_zone", &words) {
        return;
    }
    let answer = call(&provider, "").unwrap();
    assert_eq!(answer["zone"]["name"], "Europe/Berlin");
    assert_eq!(answer["zone"]["utc_offset_seconds"], 0, "there is no /etc/localtime");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a process of any name is needed")]
fn a_process_whose_name_begins_as_a_daemons_is_none() {
    let Some(provider) = load("getinfo-time") else { return };
    // The kernel names a process after its program's file.
    let scratch = Scratch::new("time-names");
    let program = scratch.file("phc2sys\nx");
    test_support::copy_program("/bin/bash", &program);
    let mut child = Command::new(program)
        .args(["-c", "echo; read x; exit"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = [0; 1];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    let daemons = call(&provider, "").unwrap()["synchronization"]["daemons"].clone();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert!(!daemons.as_array().unwrap().contains(&"phc2sys".into()), "{daemons}");
}
