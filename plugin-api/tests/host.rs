//! The loader against real files: the example plugins, copies of them that break a rule, and
//! plugins in C.
#![expect(clippy::disallowed_methods, reason = "compiles plugins in C")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, outside of test functions")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use plugin_api::host::{self, HostError, LoadedProvider, Trust};
use plugin_api::{Context, MethodName};

/// A folder that the loader trusts, removed at the end.
struct Folder(PathBuf);

impl Folder {
    /// Below the first place whose every component is ours alone: a target folder below /tmp is not.
    fn new(name: &str) -> Option<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let places = [
            Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))),
            std::env::var_os("HOME").map(PathBuf::from),
            manifest.parent().map(|root| root.join("target")),
        ];
        for place in places.into_iter().flatten() {
            let dir = place.join(format!(".plugin-api-{name}-{}", std::process::id()));
            if fs::create_dir_all(&dir).is_ok() {
                set_mode(&dir, 0o755);
                if host::check_folder(&dir).is_ok() {
                    return Some(Self(dir));
                }
                fs::remove_dir(&dir).unwrap();
            }
        }
        println!("SKIPPED (needs a folder that only root or this user can write)");
        None
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Copies an example plugin here.
    fn example(&self, name: &str) -> PathBuf {
        let file = format!("libgetinfo_{name}.so");
        let examples = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples");
        let copy = self.path(&file);
        fs::copy(examples.join(&file), &copy)
            .expect("the example plugins are built: cargo test without --test");
        set_mode(&copy, 0o755);
        copy
    }

    /// Compiles a plugin in C from the bodies of its two functions.
    fn c_plugin(&self, name: &str, describe: &str, call: &str, version: &str) -> PathBuf {
        let source = self.path(&format!("{name}.c"));
        let code = format!(
            r#"#include "getinfo_provider.h"
               #include <string.h>
               __attribute__((unused)) static int say(getinfo_emit emit, void *sink, const char *text) {{ return emit(sink, text, strlen(text)); }}
               static int describe(getinfo_emit emit, void *sink) {{ {describe} }}
               static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{ (void)request; (void)len; {call} }}
               GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
                   {{ sizeof(struct getinfo_provider_v1), {version}, GETINFO_ABI_MINOR, 0, describe, call }};"#
        );
        fs::write(&source, code).unwrap();
        let library = self.path(&format!("libgetinfo_{name}.so"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
        let cc = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-I"])
            .arg(include)
            .arg("-o")
            .arg(&library)
            .arg(&source)
            .status();
        assert!(cc.unwrap().success());
        set_mode(&library, 0o755);
        library
    }

    fn open(&self, method: &str) -> Result<LoadedProvider, HostError> {
        host::open(std::slice::from_ref(&self.0), &MethodName::parse(method).unwrap())
    }

    fn refusal(&self, method: &str) -> String {
        self.open(method).unwrap_err().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn context() -> Context {
    Context::new(0, Duration::from_secs(5), 4096)
}

fn call(provider: &LoadedProvider, args: &str) -> Result<String, String> {
    provider.call(args, &context()).map(String::from).map_err(|err| err.to_string())
}

#[test]
fn two_plugins_in_one_process_are_two_providers() {
    let Some(folder) = Folder::new("two") else { return };
    folder.example("greeting");
    folder.example("panics");
    let greeting = folder.open("getinfo.greeting").unwrap();
    let panics = folder.open("getinfo.panics").unwrap();
    assert_eq!(call(&greeting, "'all of you'").unwrap(), r#""hello, all of you""#);
    assert_eq!(call(&panics, "").unwrap(), "true");
    assert_eq!(greeting.describe().summary, "says hello");
    assert_eq!(panics.describe().method, "getinfo.panics");
    assert_eq!(call(&greeting, "").unwrap_err(), "usage: a NAME is needed");
    assert!(call(&greeting, "'open").unwrap_err().starts_with("usage: "));
}

#[test]
fn a_panic_costs_its_own_call_only() {
    let Some(folder) = Folder::new("panic") else { return };
    folder.example("panics");
    let provider = folder.open("getinfo.panics").unwrap();
    for _ in 0..2 {
        assert_eq!(call(&provider, "now").unwrap_err(), "panic: the plugin panicked: as told");
        assert_eq!(call(&provider, "").unwrap(), "true");
    }
}

#[test]
fn help_is_answered_for_every_provider() {
    let Some(folder) = Folder::new("help") else { return };
    folder.example("greeting");
    let provider = folder.open("getinfo.greeting").unwrap();
    for args in ["-h", "--help", "x -h"] {
        let answer = call(&provider, args).unwrap();
        assert!(answer.starts_with(r#"{"usage":"usage: getinfo.greeting [NAME]\nsays hello\n"#), "{answer}");
    }
}

#[test]
fn a_reply_beyond_the_callers_bound_is_an_error() {
    let Some(folder) = Folder::new("bound") else { return };
    folder.example("greeting");
    folder.c_plugin("flood", METHOD_FLOOD, "while (!say(emit, sink, \"[]\")) {} return 0;", "1");
    let long = "x".repeat(5000);
    let rust = call(&folder.open("getinfo.greeting").unwrap(), &long).unwrap_err();
    assert!(rust.starts_with("reply_too_large: "), "{rust}");
    let c = call(&folder.open("getinfo.flood").unwrap(), "").unwrap_err();
    assert!(c.starts_with("reply_too_large: "), "{c}");
}

const METHOD_FLOOD: &str = r#"say(emit, sink, "{\"method\":\"getinfo.flood\"}"); return 0;"#;

fn method(name: &str) -> String {
    format!(r#"say(emit, sink, "{{\"method\":\"getinfo.{name}\"}}"); return 0;"#)
}

#[test]
fn plugins_in_c_answer_and_are_checked() {
    let Some(folder) = Folder::new("c") else { return };
    let table = [
        ("good", "say(emit, sink, \"{\\\"a\\\":\"); say(emit, sink, \"1}\"); return 0;", Ok(r#"{"a":1}"#)),
        (
            "error",
            "say(emit, sink, \"{\\\"code\\\":\\\"usage\\\",\\\"message\\\":\\\"no\\\"}\"); return 1;",
            Err("usage: no"),
        ),
        ("text", "say(emit, sink, \"hello\"); return 0;", Err("not JSON")),
        ("two", "say(emit, sink, \"1 2\"); return 0;", Err("not JSON")),
        ("empty", "return 0;", Err("not JSON")),
        ("latin", "say(emit, sink, \"\\\"\\xe9\\\"\"); return 0;", Err("not UTF-8")),
        ("status", "return 7;", Err("returned 7")),
        (
            "echo",
            "emit(sink, request, len); return 0;",
            Ok(r#"{"args":"-x","ctx":{"api":1,"deadline_ms":5000,"caller_uid":0,"max_reply":4096}}"#),
        ),
    ];
    for (name, body, want) in table {
        folder.c_plugin(name, &method(name), body, "GETINFO_ABI_MAJOR");
        let provider = folder.open(&format!("getinfo.{name}")).unwrap();
        match (call(&provider, "-x"), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{name}"),
            (Err(got), Err(want)) => assert!(got.contains(want), "{name}: {got}"),
            (got, _) => panic!("{name}: {got:?}"),
        }
    }
}

#[test]
fn plugins_in_c_that_do_not_fit_are_refused() {
    let Some(folder) = Folder::new("unfit") else { return };
    for (name, describe, version, want) in [
        ("newer", method("newer"), "2", "built for plugin API 2, this host speaks 1"),
        ("other", method("wrong"), "1", "says it answers \"getinfo.wrong\""),
        ("mute", "return 0;".to_owned(), "1", "description has 0 bytes"),
        ("failing", "return 3;".to_owned(), "1", "describe function returned 3"),
        (
            "wordy",
            format!("while (!say(emit, sink, \" \")) {{}} {}", method("wordy")),
            "1",
            "description has more than 65536 bytes",
        ),
        (
            "undefined",
            "extern int nowhere(void); return nowhere();".to_owned(),
            "1",
            "undefined symbol: nowhere",
        ),
    ] {
        folder.c_plugin(name, &describe, "return 0;", version);
        let refusal = folder.refusal(&format!("getinfo.{name}"));
        assert!(refusal.contains(want), "{name}: {refusal}");
        assert!(!refusal.contains('\n') && !refusal.contains("/proc/self"), "{refusal}");
    }
}

#[test]
fn files_that_others_could_have_written_are_refused() {
    let Some(folder) = Folder::new("owner") else { return };
    let file = folder.example("greeting");
    for (mode, want) in [
        (0o775, "written by others"),
        (0o757, "written by others"),
        (0o666, "written by others"),
        (0o4755, "set-uid"),
        (0o2755, "set-uid or set-gid"),
    ] {
        set_mode(&file, mode);
        let refusal = folder.refusal("getinfo.greeting");
        assert!(refusal.contains(want), "{mode:o}: {refusal}");
    }
    set_mode(&file, 0o644);
    folder.open("getinfo.greeting").unwrap();
    set_mode(&folder.0, 0o775);
    let refusal = folder.refusal("getinfo.greeting");
    assert!(refusal.contains(&format!("{} can be written by others", folder.0.display())), "{refusal}");
    set_mode(&folder.0, 0o755);
}

#[test]
fn a_sticky_folder_of_roots_is_passed_above_the_plugins_folder_and_refused_as_it() {
    let Some(folder) = Folder::new("sticky") else { return };
    if !nix::unistd::geteuid().is_root() {
        return eprintln!("SKIPPED (needs root): a sticky folder of root's");
    }
    let file = folder.example("greeting");
    fs::create_dir(folder.path("own")).unwrap();
    set_mode(&folder.path("own"), 0o755);
    let inner = folder.path("own/libgetinfo_greeting.so");
    fs::copy(&file, &inner).unwrap();
    set_mode(&folder.0, 0o1777);
    assert!(folder.refusal("getinfo.greeting").contains("can be written by others"));
    host::check(&inner).unwrap();
    set_mode(&folder.0, 0o777);
    assert!(host::check(&inner).is_err(), "without the sticky bit anybody can swap the folder");
    set_mode(&folder.0, 0o755);
}

#[test]
fn links_and_things_that_are_no_files_are_refused() {
    let Some(folder) = Folder::new("links") else { return };
    let file = folder.example("greeting");
    symlink(&file, folder.path("libgetinfo_linked.so")).unwrap();
    fs::create_dir(folder.path("libgetinfo_folder.so")).unwrap();
    nix::unistd::mkfifo(&folder.path("libgetinfo_fifo.so"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(folder.path("real")).unwrap();
    set_mode(&folder.path("real"), 0o755);
    fs::copy(&file, folder.path("real/libgetinfo_greeting.so")).unwrap();
    symlink(folder.path("real"), folder.path("link")).unwrap();
    for (method, want) in
        [("linked", "is a symbolic link"), ("folder", "not a regular file"), ("fifo", "not a regular file")]
    {
        let refusal = folder.refusal(&format!("getinfo.{method}"));
        assert!(refusal.contains(want), "{refusal}");
    }
    let through_link = host::check(&folder.path("link/libgetinfo_greeting.so")).unwrap_err().to_string();
    assert!(through_link.contains("link is a symbolic link"), "{through_link}");
    let dots = host::check(&folder.path("real/../libgetinfo_greeting.so")).unwrap_err().to_string();
    assert!(dots.contains("`..`"), "{dots}");
    host::check(&folder.path("real/libgetinfo_greeting.so")).unwrap();
}

#[test]
fn broken_libraries_are_refused_before_they_are_mapped() {
    let Some(folder) = Folder::new("elf") else { return };
    let whole = fs::read(folder.example("greeting")).unwrap();
    let file = folder.path("libgetinfo_broken.so");
    let write = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        set_mode(&file, 0o644);
        folder.refusal("getinfo.broken")
    };
    // Every length, coarsely: a truncated library that was mapped would end this process by SIGBUS.
    for len in (0..whole.len()).step_by(whole.len() / 97 + 1) {
        let refusal = write(&whole[..len]);
        assert!(refusal.contains("refused: it is"), "{len}: {refusal}");
    }
    let mut other = whole.clone();
    other[18] ^= 0x40;
    assert!(write(&other).contains("no shared library for this machine"));
    assert!(write(&vec![0; 4096]).contains("no sound shared library"));

    let run_path = folder.path("libgetinfo_broken.so");
    let source = folder.path("empty.c");
    fs::write(&source, "int getinfo_provider_v1;").unwrap();
    let cc = |args: &[&str]| {
        let _ = fs::remove_file(&run_path);
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .arg(&run_path)
            .arg(&source)
            .args(args)
            .status();
        assert!(status.unwrap().success());
        set_mode(&run_path, 0o755);
        folder.refusal("getinfo.broken")
    };
    assert!(cc(&["-Wl,-rpath,/tmp"]).contains("search path of its own"));
    // The same with its section of that kind (SHT_DYNAMIC, 6) renamed: the linker never looks at sections.
    let mut disguised = fs::read(&run_path).unwrap();
    let sections = usize::from_le_bytes(disguised[40..48].try_into().unwrap());
    let kind = (sections + 4..disguised.len()).step_by(64).find(|at| disguised[*at] == 6).unwrap();
    disguised[kind] = 1;
    assert!(write(&disguised).contains("search path of its own"));
    fs::write(&source, "int nothing;").unwrap();
    assert!(cc(&[]).contains("exports neither entry"));
    fs::write(&source, "int getinfo_provider_v1, _1as_0lib_1header_0root_bmodule_bloader;").unwrap();
    assert!(cc(&[]).contains("exports both entries"));
}

#[test]
fn a_replaced_file_has_another_identity() {
    let Some(folder) = Folder::new("identity") else { return };
    let file = folder.example("greeting");
    let before = host::FileIdentity::of(&file).unwrap();
    assert_eq!(host::check(&file).unwrap().identity(), before);
    fs::rename(folder.example("panics"), &file).unwrap();
    assert_ne!(host::FileIdentity::of(&file).unwrap(), before);
}

/// A key pair, and a signature of `file` beside it.
fn sign(file: &Path, keys: &minisign::KeyPair) {
    let data = fs::File::open(file).unwrap();
    let signed = minisign::sign(Some(&keys.pk), &keys.sk, data, None, None).unwrap();
    fs::write(host::signature_of(file), signed.into_string()).unwrap();
    set_mode(&host::signature_of(file), 0o644);
}

fn sum(file: &Path) -> String {
    let sum = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(sum.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[test]
fn only_what_is_listed_is_vouched_for_where_there_is_a_list() {
    let Some(folder) = Folder::new("listed") else { return };
    let greeting = folder.example("greeting");
    let checked = host::check(&greeting).unwrap();
    Trust::default().vouch(&checked).unwrap();
    let other = "0".repeat(64);
    Trust::new(&[other.clone(), sum(&greeting).to_uppercase()], &[]).unwrap().vouch(&checked).unwrap();
    let refused = Trust::new(&[other], &[]).unwrap().vouch(&checked).unwrap_err().to_string();
    assert!(refused.contains(&sum(&greeting)) && refused.contains("not among the trusted"), "{refused}");
    // The descriptor is as it was: what is vouched for can be loaded.
    host::load(checked, &MethodName::parse("getinfo.greeting").unwrap()).unwrap();
}

#[test]
fn only_what_a_trusted_key_has_signed_is_vouched_for_where_there_are_keys() {
    let Some(folder) = Folder::new("signed") else { return };
    let greeting = folder.example("greeting");
    let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let others = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
    let trust = |pairs: &[&minisign::KeyPair]| {
        let keys: Vec<String> = pairs.iter().map(|pair| pair.pk.to_base64()).collect();
        Trust::new(&[], &keys).unwrap()
    };
    let vouch = |trust: &Trust| trust.vouch(&host::check(&greeting).unwrap()).map_err(|err| err.to_string());
    let refused = vouch(&trust(&[&keys])).unwrap_err();
    assert!(
        refused.contains("libgetinfo_greeting.so.minisig") && refused.contains("No such file"),
        "{refused}"
    );
    sign(&greeting, &keys);
    vouch(&trust(&[&keys])).unwrap();
    vouch(&trust(&[&others, &keys])).unwrap();
    assert!(vouch(&trust(&[&others])).unwrap_err().contains("a key that is not trusted"));
    // Both are asked for where both are given.
    let both = |sum: String| Trust::new(&[sum], &[keys.pk.to_base64()]).unwrap();
    vouch(&both(sum(&greeting))).unwrap();
    assert!(vouch(&both("0".repeat(64))).is_err());
    // A signature is as good as its file's owner.
    set_mode(&host::signature_of(&greeting), 0o666);
    assert!(vouch(&trust(&[&keys])).unwrap_err().contains("can be written by others"));
    set_mode(&host::signature_of(&greeting), 0o644);
    // One bit of the file, and one of the signature.
    let mut bytes = fs::read(&greeting).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&greeting, &bytes).unwrap();
    assert!(vouch(&trust(&[&keys])).unwrap_err().contains("not of this file"));
    for text in ["", "untrusted comment: x\nAAAA\n", &"x".repeat(5000)] {
        fs::write(host::signature_of(&greeting), text).unwrap();
        assert!(vouch(&trust(&[&keys])).is_err(), "{text:.20}");
    }
}

#[test]
fn what_is_no_sum_and_no_key_is_told() {
    for (sums, keys, told) in [
        (vec!["00"], vec![], "64 hexadecimal"),
        (vec!["zz"], vec![], "64 hexadecimal"),
        (vec![], vec!["RWQ"], "no minisign public key"),
        (vec![], vec![""], "no minisign public key"),
    ] {
        let own = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
        let error = Trust::new(&own(sums), &own(keys)).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn a_plugin_that_was_built_for_the_first_version_still_loads() {
    if std::env::consts::ARCH != "x86_64" {
        return println!("SKIPPED (needs x86_64): the golden plugin");
    }
    let Some(folder) = Folder::new("golden") else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/libgetinfo_greeting.so");
    let copy = folder.path("libgetinfo_greeting.so");
    fs::copy(golden, &copy).unwrap();
    set_mode(&copy, 0o644);
    let provider = folder.open("getinfo.greeting").unwrap();
    assert_eq!((provider.describe().api, provider.describe().version.as_str()), (1, "1.0.0"));
    assert_eq!(call(&provider, "'old friend'").unwrap(), "\"hello, old friend\"");
    assert!(call(&provider, "").unwrap_err().contains("NAME"));
}
