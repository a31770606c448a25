//! `check` and `new` with the real binary, on good and bad plugins in C that the tests compile.
#![expect(clippy::disallowed_methods, reason = "compiles plugins, and runs the real binary")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up fails")]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use test_support::Scratch;

struct Folder(Scratch);

impl Folder {
    fn new() -> Self {
        Self(Scratch::new("kit"))
    }

    /// Compiles `getinfo.NAME` from these parts.
    fn plugin(
        &self,
        name: &str,
        more: &str,
        describe: &str,
        call: &str,
        flags: &[&str],
    ) -> PathBuf {
        let source = self.0.file(&format!("{name}.c"));
        let code = format!(
            r#"#include "getinfo_provider.h"
               #include <pthread.h>
               #include <signal.h>
               #include <stdio.h>
               #include <stdlib.h>
               #include <string.h>
               #include <unistd.h>
               #define SAY(text) emit(sink, text, strlen(text))
               #define FIT "{{\"api\":1,\"method\":\"getinfo.{name}\",\"version\":\"1\",\"summary\":\"x\",\"examples\":[{{\"args\":\"\",\"help\":\"x\"}}],\"output_schema\":{{\"type\":\"integer\"}}}}"
               #define USAGE if (!memmem(request, len, "\"args\":\"\"", 9)) {{ SAY("{{\"code\":\"usage\",\"message\":\"no argument\"}}"); return 1; }}
               void *memmem();
               {more}
               static int describe(getinfo_emit emit, void *sink) {{ {describe} return 0; }}
               static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{ USAGE {call} return 0; }}
               #ifndef NONE
               GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
                   {{ sizeof(struct getinfo_provider_v1), ABI, 0, 0, describe, call }};
               #endif"#
        );
        fs::write(&source, code).unwrap();
        let library = self.0.file(&format!("libgetinfo_{name}.so"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-w", "-I"])
            .arg(include)
            .arg("-o")
            .arg(&library)
            .arg(&source)
            .args(flags);
        if !flags.iter().any(|flag| flag.starts_with("-DABI")) {
            cc.arg("-DABI=1");
        }
        assert!(cc.status().unwrap().success());
        library
    }
}

fn ctl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_BasicAgentCtl")).args(args).output().unwrap()
}

fn check(file: &Path) -> (bool, String) {
    let output = ctl(&["check", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let fit = text.lines().last().is_some_and(|line| line.starts_with("verdict: fit"));
    assert_eq!(
        output.status.code(),
        Some(i32::from(!fit)),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (fit, text)
}

#[test]
fn a_good_plugin_passes() {
    let folder = Folder::new();
    let file = folder.plugin("good", "", "SAY(FIT);", "SAY(\"1\");", &[]);
    let (fit, text) = check(&file);
    assert!(fit && !text.contains("FAULT"), "{text}");
    for step in ["name", "file", "load", "schema", "example", "arguments", "bound", "memory"] {
        assert!(
            text.lines().any(|line| line.starts_with("ok") && line.contains(step)),
            "{step}: {text}"
        );
    }
    let output = ctl(&["check", "--json", file.to_str().unwrap()]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["fit"], true);
    assert!(
        json["findings"].as_array().unwrap().iter().all(|finding| finding["level"] != "fault"),
        "{json}"
    );
}

/// The name, the code before the functions, their bodies, the compiler's flags, and words of the
/// fault.
type Bad<'a> = (&'a str, String, String, &'a str, &'a [&'a str], &'a str);

/// The author of each bad plugin gets one line that names the fault.
#[test]
fn each_fault_gets_a_line() {
    const EARLY: &str = "__attribute__((constructor)) static void early(void)";
    let early = |body: &str| format!("{EARLY} {{ {body} }}");
    let fit = "SAY(FIT);";
    let one = "SAY(\"1\");";
    let described = |text: &str| format!("SAY(\"{}\");", text.replace('"', "\\\""));
    let table: &[Bad<'_>] = &[
        ("missing", String::new(), fit.into(), one, &["-DNONE"], "entry"),
        (
            "both",
            "__attribute__((visibility(\"default\"))) int _1as_0lib_1header_0root_bmodule_bloader;"
                .into(),
            fit.into(),
            one,
            &[],
            "both",
        ),
        ("abitwo", String::new(), fit.into(), one, &["-DABI=2"], "API 2"),
        ("undefined", "int nowhere(void);".into(), fit.into(), "nowhere();", &[], "nowhere"),
        ("rpath", String::new(), fit.into(), one, &["-Wl,-rpath,/tmp/x"], "RUNPATH"),
        ("ctorsegv", early("*(volatile int *)0 = 1;"), fit.into(), one, &[], "SIGSEGV"),
        ("ctorexit", early("_exit(3);"), fit.into(), one, &[], "status 3"),
        ("ctorhang", early("for (;;) pause();"), fit.into(), one, &[], "more than 2 s"),
        (
            "wrongname",
            String::new(),
            described(r#"{"method":"getinfo.other","summary":"x"}"#),
            one,
            &[],
            "getinfo.other",
        ),
        ("nojson", String::new(), described("hello"), one, &[], "invalid"),
        ("silent", String::new(), "return 0;".into(), one, &[], "0 bytes"),
        (
            "apitwo",
            String::new(),
            described(r#"{"api":2,"method":"getinfo.apitwo","summary":"x","version":"1"}"#),
            one,
            &[],
            "api is 2",
        ),
        (
            "nosummary",
            String::new(),
            described(r#"{"api":1,"method":"getinfo.nosummary","version":"1"}"#),
            one,
            &[],
            "summary is empty",
        ),
        (
            "badschema",
            String::new(),
            described(
                r#"{"api":1,"method":"getinfo.badschema","version":"1","summary":"x","output_schema":{"properties":3}}"#,
            ),
            one,
            &[],
            "not a JSON Schema",
        ),
        ("segv", String::new(), fit.into(), "*(volatile int *)0 = 1;", &[], "SIGSEGV"),
        ("abort", String::new(), fit.into(), "abort();", &[], "SIGABRT"),
        ("exit", String::new(), fit.into(), "exit(0);", &[], "status 0"),
        (
            "deep",
            "int deep(int n) { volatile char a[65536]; a[0] = n; return deep(n + 1) + a[0]; }"
                .into(),
            fit.into(),
            "deep(1);",
            &[],
            "SIGSEGV",
        ),
        ("hang", String::new(), fit.into(), "for (;;) pause();", &[], "no reply within 5 s"),
        ("spin", String::new(), fit.into(), "for (;;) {}", &[], "no reply within 5 s"),
        (
            "flood",
            String::new(),
            fit.into(),
            "for (;;) if (SAY(\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\")) return 0;",
            &[],
            "4194304",
        ),
        ("latin", String::new(), fit.into(), "SAY(\"\\\"\\xe9\\\"\");", &[], "UTF-8"),
        ("text", String::new(), fit.into(), "SAY(\"hello\");", &[], "not JSON"),
        ("status", String::new(), fit.into(), "return 9;", &[], "9"),
        (
            "twice",
            String::new(),
            fit.into(),
            "SAY(\"{\\\"a\\\":1,\\\"a\\\":2}\");",
            &[],
            "duplicate key",
        ),
        ("surrogate", String::new(), fit.into(), "SAY(\"\\\"\\\\ud800\\\"\");", &[], "hex escape"),
        ("huge", String::new(), fit.into(), "SAY(\"1e999\");", &[], "number out of range"),
        (
            "nested",
            String::new(),
            fit.into(),
            "for (int i = 0; i < 32; i++) SAY(\"[\"); for (int i = 0; i < 32; i++) SAY(\"]\");",
            &[],
            "31 levels",
        ),
        (
            "other",
            String::new(),
            fit.into(),
            "SAY(\"\\\"text\\\"\");",
            &[],
            "the reply: expected type integer, got string",
        ),
        (
            "leak",
            String::new(),
            fit.into(),
            "memset(malloc(500), 1, 500); SAY(\"1\");",
            &[],
            "memory leak",
        ),
        (
            "thread",
            "static void *run(void *x) { for (;;) pause(); }".into(),
            fit.into(),
            "pthread_t t; pthread_create(&t, 0, run, 0); SAY(\"1\");",
            &["-lpthread"],
            "threads behind",
        ),
    ];
    let folder = Folder::new();
    for (name, more, describe, call, flags, words) in table {
        let file = folder.plugin(name, more, describe, call, flags);
        let (fit, text) = check(&file);
        let faults: Vec<&str> = text.lines().filter(|line| line.starts_with("FAULT")).collect();
        assert!(
            !fit && faults.iter().any(|fault| fault.contains(words)),
            "{name}: no {words:?} in\n{text}"
        );
    }
}

#[test]
fn files_that_are_not_plugins_are_faults() {
    let folder = Folder::new();
    let good = folder.plugin("cut", "", "SAY(FIT);", "SAY(\"1\");", &[]);
    let bytes = fs::read(&good).unwrap();
    let mut other = bytes.clone();
    other[18..20].copy_from_slice(&[0xff, 0xff]);
    for (content, words) in [
        (&bytes[..bytes.len() / 2], "libgetinfo_cut.so"),
        (&[], "libgetinfo_cut.so"),
        (&other, "machine"),
        (b"#!/bin/sh\n", "ELF"),
    ] {
        fs::write(&good, content).unwrap();
        let (fit, text) = check(&good);
        assert!(!fit && text.contains("FAULT  file") && text.contains(words), "{text}");
    }
    let (fit, text) = check(Path::new("/bin/sh"));
    assert!(!fit && text.contains("not a plugin's file name"), "{text}");
    assert_eq!(ctl(&["check", "/no/such/file"]).status.code(), Some(3));
}

/// A daemon's own session and output make it survive the end of its group.
#[test]
fn a_process_that_a_call_leaves_behind_is_a_fault_and_is_killed() {
    let folder = Folder::new();
    // The test for memory repeats the call.
    let once = |call: &str| {
        format!("static int n; if (!n++) {{ int said[2]; char c; pipe(said); {call} }} SAY(\"1\");")
    };
    // The call goes on when its stray process has said who it is.
    let stray = "printf(\"stray %d\\n\", getpid()); fflush(stdout); write(said[1], \"\", 1); \
                 for (;;) pause();";
    let waits = "read(said[0], &c, 1);";
    let daemon = format!("if (!fork()) {{ setsid(); if (fork()) _exit(0); {stray} }}");
    for (name, call) in [
        ("daemon", format!("{daemon} while (wait(0) > 0); {waits}")),
        ("child", format!("if (!fork()) {{ {stray} }} {waits}")),
        ("zombie", "if (!fork()) _exit(0);".to_owned()),
    ] {
        let more = "#include <sys/wait.h>";
        let file = folder.plugin(name, more, "SAY(FIT);", &once(&call), &[]);
        let (fit, text) = check(&file);
        assert!(!fit && text.contains("FAULT  processes"), "{name}: {text}");
        let stray = text.split("stray ").nth(1).and_then(|rest| rest.split_whitespace().next());
        assert_eq!(stray.is_some(), name != "zombie", "{text}");
        if let Some(pid) = stray {
            let pid = pid.parse().unwrap();
            test_support::wait_until(&format!("{name}'s end"), || !test_support::alive(pid));
        }
    }
}

#[test]
fn a_plugin_that_does_not_split_words_or_has_the_agents_own_name_is_not_fit() {
    let folder = Folder::new();
    let fit = r#"SAY("{\"api\":1,\"method\":\"getinfo.raw\",\"version\":\"1\",\"summary\":\"x\",\"examples\":[{\"args\":\"-l\",\"help\":\"x\"}]}");"#;
    let raw = "#define USAGE if (!memmem(request, len, \"\\\"args\\\":\\\"-l\\\"\", 11)) { SAY(\"{\\\"code\\\":\\\"usage\\\",\\\"message\\\":\\\"-l\\\"}\"); return 1; }";
    let file = folder.plugin("raw", &format!("#undef USAGE\n{raw}"), fit, "SAY(\"1\");", &[]);
    let (fit, text) = check(&file);
    assert!(
        !fit && text.contains("FAULT  arguments") && text.contains("request's words"),
        "{text}"
    );
    let all = file.with_file_name("libgetinfo_all.so");
    fs::copy(&file, &all).unwrap();
    let (fit, text) = check(&all);
    assert!(!fit && text.contains("an agent answers getinfo.all itself"), "{text}");
}

#[test]
fn a_plugin_that_needs_musl_is_named_as_such() {
    let folder = Folder::new();
    let stub = folder.0.file("stub.so");
    for soname in ["libc.musl-x86_64.so.1", "libc.so"] {
        let flag = format!("-Wl,-soname,{soname}");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-xc", "/dev/null", &flag, "-o", stub.to_str().unwrap()])
            .status();
        assert!(built.unwrap().success());
        let flags = ["-Wl,--no-as-needed", stub.to_str().unwrap()];
        let file = folder.plugin("musl", "", "SAY(FIT);", "SAY(\"1\");", &flags);
        let (fit, text) = check(&file);
        assert!(!fit && text.contains("built for musl") && text.contains(soname), "{text}");
    }
}

#[test]
fn minor_shortcomings_are_warnings() {
    let folder = Folder::new();
    let plain = r#"SAY("{\"api\":1,\"method\":\"getinfo.warn\",\"version\":\"1\",\"summary\":\"x\",\"examples\":[{\"args\":\"\",\"help\":\"x\"}]}");"#;
    let file =
        folder.plugin("warn", "", plain, "puts(\"noise\"); fflush(stdout); SAY(\"1\");", &[]);
    let (fit, text) = check(&file);
    assert!(fit, "{text}");
    for words in ["no output_schema", "it prints", "noise"] {
        assert!(
            text.lines().any(|line| line.starts_with("warn") && line.contains(words)),
            "{words}: {text}"
        );
    }
}

#[test]
fn a_new_plugin_is_written_into_an_empty_folder_only() {
    let folder = Folder::new();
    let dir = folder.0.file("new");
    let dir = dir.to_str().unwrap();
    for (method, words) in [
        ("getinfo.Bad", "lower-case"),
        ("getinfo.a_b", "lower-case"),
        ("", "lower-case"),
        ("getinfo.", "lower-case"),
        ("getinfo.a b", "lower-case"),
        ("getinfo.all", "an agent answers it itself"),
        ("all", "an agent answers it itself"),
    ] {
        let output = ctl(&["new", method, dir]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && error.contains(words), "{method}: {error}");
    }
    let output = ctl(&["new", "disk.smart", dir, "--language", "c"]);
    assert!(output.status.success(), "{output:?}");
    let next = String::from_utf8(output.stdout).unwrap();
    assert!(next.contains("make") && next.contains("libgetinfo_disk_smart.so"), "{next}");
    let made = Command::new("make").arg("-C").arg(dir).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let (fit, text) = check(&Path::new(dir).join("libgetinfo_disk_smart.so"));
    assert!(fit && text.contains("the file name stands for getinfo.disk.smart"), "{text}");
    for words in ["splits words as a shell does", "-h prints the description"] {
        assert!(text.contains(words), "{text}");
    }
    let go = folder.0.file("go");
    let output = ctl(&["new", "disk.smart", go.to_str().unwrap(), "--language", "go"]);
    assert!(output.status.success(), "{output:?}");
    let makefile = fs::read_to_string(go.join("Makefile")).unwrap();
    assert!(
        makefile.contains("libgetinfo_disk_smart.so") && !makefile.contains("../.."),
        "{makefile}"
    );
    assert!(go.join("getinfo_provider.h").exists());
    let again = ctl(&["new", "getinfo.x", dir]);
    assert!(
        again.status.code() == Some(3)
            && String::from_utf8(again.stderr).unwrap().contains("not empty")
    );
}
