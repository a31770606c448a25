//! `getinfo.users` as a host sees them: the built library, loaded and called.
#![expect(clippy::disallowed_methods, reason = "the tests compare the answers with getent")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, outside of test functions"
)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plugin_api::host::{self, HostError, LoadedProvider};
use plugin_api::{Context, MethodName};
use serde_json::Value;

/// The library as cargo builds it. Cargo does not build it for tests: they can't link a cdylib.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(3).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "getinfo-users", "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(cargo.unwrap().success());
    target.join("debug/libgetinfo_users.so")
}

/// The library, copied to where the loader trusts it, and loaded.
fn users(name: &str) -> Option<LoadedProvider> {
    let built = built();
    let places = [
        Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
        std::env::var_os("HOME").map(PathBuf::from),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").canonicalize().ok(),
    ];
    for place in places.into_iter().flatten() {
        let dir = place.join(format!(".getinfo-users-{name}-{}", std::process::id()));
        let made = fs::create_dir_all(&dir)
            .and_then(|()| fs::set_permissions(&dir, Permissions::from_mode(0o755)));
        let provider = (made.is_ok() && host::check_folder(&dir).is_ok()).then(|| {
            let copy = dir.join("libgetinfo_users.so");
            fs::copy(&built, &copy).unwrap();
            fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
            host::open(std::slice::from_ref(&dir), &MethodName::parse("getinfo.users").unwrap())
                .unwrap()
        });
        let _ = fs::remove_dir_all(&dir);
        if provider.is_some() {
            return provider;
        }
    }
    println!("SKIPPED (needs a folder that only root or this user can write)");
    None
}

fn call(users: &LoadedProvider, args: &str) -> Result<Value, (String, String)> {
    let context = Context::new(nix::unistd::geteuid().as_raw(), Duration::from_secs(60), 1 << 30);
    match users.call(args, &context) {
        Ok(text) => Ok(serde_json::from_str(&text).unwrap()),
        Err(HostError::Provider(err)) => Err((err.code().to_owned(), err.message().to_owned())),
        Err(other) => panic!("{other}"),
    }
}

fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("SKIPPED (needs root): reading /etc/shadow");
    }
    root
}

fn output(program: &str, args: &[&str]) -> String {
    String::from_utf8_lossy(&Command::new(program).args(args).output().unwrap().stdout).into_owned()
}

#[test]
fn root_is_as_getent_and_id_show_it() {
    let Some(users) = users("root") else { return };
    if !is_root() {
        return;
    }
    let entry = output("getent", &["passwd", "root"]);
    let fields: Vec<&str> = entry.trim_end().split(':').collect();
    let by_name = call(&users, "-U root").unwrap();
    for (key, field) in [("name", 0), ("gecos", 4), ("home", 5), ("shell", 6)] {
        assert_eq!(by_name[key], fields[field], "{key}");
    }
    assert_eq!((by_name["uid"].as_u64(), by_name["gid"].as_u64()), (Some(0), Some(0)));
    assert_eq!(by_name["group"], output("id", &["-gn", "root"]).trim_end());
    let mut groups: Vec<&str> =
        by_name["groups"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
    let listed = output("id", &["-Gn", "root"]);
    let mut want: Vec<&str> = listed.split_whitespace().collect();
    groups.sort_unstable();
    want.sort_unstable();
    assert_eq!(groups, want);
    assert_eq!(call(&users, "-U 0").unwrap(), by_name);
}

#[test]
fn the_lists_are_getents_and_split_it() {
    let Some(users) = users("lists") else { return };
    if !is_root() {
        return;
    }
    let names = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|user| user["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = call(&users, "-A").unwrap();
    let getent = output("getent", &["passwd"]);
    let want: Vec<&str> = getent.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names(&all), want);
    let (ordinary, system) = (call(&users, "-u").unwrap(), call(&users, "-S").unwrap());
    assert_eq!(names(&ordinary).len() + names(&system).len(), want.len());
    assert!(
        names(&system).contains(&"root".to_owned())
            && !names(&ordinary).contains(&"root".to_owned())
    );
    for user in all.as_array().unwrap() {
        let one = call(&users, &format!("-U {}", user["name"])).unwrap();
        assert_eq!(one["uid"], user["uid"]);
        assert_eq!(one["password"], user["password"]);
        assert_eq!(one["expires"], user["expires"]);
    }
}

#[test]
fn no_hash_is_ever_in_an_answer() {
    let Some(users) = users("hash") else { return };
    if !is_root() {
        return;
    }
    let answer = call(&users, "-A").unwrap().to_string();
    for line in fs::read_to_string("/etc/shadow").unwrap().lines() {
        let hash = line.split(':').nth(1).unwrap_or_default().trim_start_matches('!');
        assert!(hash.len() < 13 || !answer.contains(hash));
    }
    assert!(!answer.contains("$6$") && !answer.contains("$y$"));
}

#[test]
fn mistakes_are_answered_with_codes() {
    let Some(users) = users("codes") else { return };
    for args in ["", "-x", "-U", "-A -u", "-A all", "root"] {
        assert_eq!(call(&users, args).unwrap_err().0, "usage", "{args:?}");
    }
    assert!(call(&users, "-h").unwrap()["usage"].as_str().unwrap().contains("-U NAME"));
    if nix::unistd::geteuid().is_root() {
        let (code, message) = call(&users, "-U 'no such'").unwrap_err();
        assert_eq!((code.as_str(), message.as_str()), ("no_such_user", "no such user: no such"));
        assert_eq!(call(&users, "-U 4000000001").unwrap_err().0, "no_such_user");
    } else {
        let (code, message) = call(&users, "-A").unwrap_err();
        assert!(code == "needs_root" && message.contains("root"), "{message}");
    }
}
