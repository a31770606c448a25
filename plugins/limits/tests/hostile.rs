//! `getinfo.limits` with a limits.conf as administrators write it, bound over the host's in a mount
//! namespace.

use std::path::Path;

use plugin_api::testing::{call, load};
use serde_json::Value;
use test_support::{Scratch, in_mount_namespace, is_inside};

#[test]
fn limits_in_capital_letters_are_those_that_pam_sets() {
    let scratch = Scratch::new("limits-letters");
    scratch.write(
        "limits.conf",
        "*  HARD  NOFILE  Unlimited\n@Staff Soft nproc 5 and more words\n* firm core 0\n\
         Alice - Core 0 # none\n",
    );
    if !Path::new("/etc/security").exists() {
        return;
    }
    let test = "limits_in_capital_letters_are_those_that_pam_sets";
    // Builds it here: a build inside may lack what it needs.
    let Some(provider) = load("getinfo-limits") else { return };
    if !is_inside(test, &in_mount_namespace(&[(scratch.path(), "/etc/security")])) {
        return;
    }
    let answer = call(&provider, "").unwrap();
    let found: Vec<[&str; 4]> = answer["configured"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            ["domain", "type", "item", "value"].map(|field| Value::as_str(&entry[field]).unwrap())
        })
        .collect();
    assert_eq!(
        found,
        [
            ["*", "hard", "nofile", "unlimited"],
            ["@Staff", "soft", "nproc", "5"],
            ["Alice", "-", "core", "0"],
        ]
    );
}
