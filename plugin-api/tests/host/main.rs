//! The loader against real files: the example plugins, copies of them that break a rule, and
//! plugins in C.
#![expect(clippy::print_stdout, reason = "tests print that they are skipped")]

mod folder;
mod refusals;
mod trust;

use std::fs;
use std::path::Path;

use folder::{Folder, call, set_mode};

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
    assert_eq!(call(&greeting, "").unwrap_err(), "usage: NAME is required");
    assert!(call(&greeting, "'open").unwrap_err().starts_with("usage: "));
}

#[test]
fn a_panic_fails_only_its_own_call() {
    let Some(folder) = Folder::new("panic") else { return };
    folder.example("panics");
    let provider = folder.open("getinfo.panics").unwrap();
    for _ in 0..2 {
        assert_eq!(
            call(&provider, "now").unwrap_err(),
            "panic: the plugin panicked: got an argument"
        );
        assert_eq!(call(&provider, "").unwrap(), "true");
    }
}

#[test]
fn every_provider_replies_to_help() {
    let Some(folder) = Folder::new("help") else { return };
    folder.example("greeting");
    let provider = folder.open("getinfo.greeting").unwrap();
    for args in ["-h", "--help", "x -h"] {
        let answer = call(&provider, args).unwrap();
        assert!(
            answer.starts_with(r#"{"usage":"usage: getinfo.greeting [NAME]\nsays hello\n"#),
            "{answer}"
        );
    }
}

#[test]
fn every_provider_tells_the_schema_of_its_answer() {
    let Some(folder) = Folder::new("schema") else { return };
    folder.example("greeting");
    let rejects =
        "say(emit, sink, \"{\\\"code\\\":\\\"usage\\\",\\\"message\\\":\\\"no\\\"}\"); return 1;";
    let described = r#"say(emit, sink, "{\"method\":\"getinfo.rows\",\"output_schema\":{\"type\":\"array\"}}"); return 0;"#;
    folder.c_plugin("rows", described, rejects, "GETINFO_ABI_MAJOR");
    let greeting = folder.open("getinfo.greeting").unwrap();
    assert_eq!(call(&greeting, "--schema").unwrap(), r#"{"schema":null}"#);
    assert_eq!(call(&greeting, "x --schema").unwrap(), "\"hello, x\"");
    let rows = folder.open("getinfo.rows").unwrap();
    assert_eq!(call(&rows, "--schema").unwrap(), r#"{"schema":{"type":"array"}}"#);
    assert_eq!(call(&rows, "--other").unwrap_err(), "usage: no");
}

#[test]
fn a_reply_beyond_the_callers_limit_is_an_error() {
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
fn replies_of_plugins_in_c_are_checked() {
    let Some(folder) = Folder::new("c") else { return };
    let table = [
        (
            "good",
            "say(emit, sink, \"{\\\"a\\\":\"); say(emit, sink, \"1}\"); return 0;",
            Ok(r#"{"a":1}"#),
        ),
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
            Ok(
                r#"{"args":"-x","ctx":{"api":1,"deadline_ms":5000,"caller_uid":0,"max_reply":4096},"words":["-x"]}"#,
            ),
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
fn invalid_plugins_in_c_are_refused() {
    let Some(folder) = Folder::new("unfit") else { return };
    for (name, describe, version, want) in [
        ("newer", method("newer"), "2", "built for plugin API 2; this host supports 1"),
        ("other", method("wrong"), "1", "describes itself as \"getinfo.wrong\""),
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
fn a_plugin_built_for_the_first_version_still_loads() {
    if std::env::consts::ARCH != "x86_64" {
        return println!("SKIPPED (needs x86_64): the golden plugin");
    }
    let Some(folder) = Folder::new("golden") else { return };
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/libgetinfo_greeting.so");
    let copy = folder.file("libgetinfo_greeting.so");
    fs::copy(golden, &copy).unwrap();
    set_mode(&copy, 0o644);
    let provider = folder.open("getinfo.greeting").unwrap();
    assert_eq!((provider.describe().api, provider.describe().version.as_str()), (1, "1.0.0"));
    assert_eq!(call(&provider, "'old friend'").unwrap(), "\"hello, old friend\"");
    assert!(call(&provider, "").unwrap_err().contains("NAME"));
}
