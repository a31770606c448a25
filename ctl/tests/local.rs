//! The real binary with plugins in its own process: data, errors and exit statuses.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests start the real binary and a compiler"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use test_support::Scratch;

/// A folder that plugins may be loaded from, removed at the end.
struct Plugins(Scratch);

impl Plugins {
    fn new(name: &str) -> Option<Self> {
        Scratch::where_accepted(name, |dir| plugin_api::host::check_folder(dir).is_ok()).map(Self)
    }

    /// Compiles a C plugin for `method`; `call` is the body of its call function.
    fn add(&self, method: &str, call: &str) {
        let source = self.0.file("plugin.c");
        let text = format!(
            r#"#include <string.h>
            #include "getinfo_provider.h"
            static int say(getinfo_emit emit, void *sink, const char *text) {{ return emit(sink, text, strlen(text)); }}
            static int describe(getinfo_emit emit, void *sink) {{
                say(emit, sink, "{{\"api\":1,\"method\":\"{method}\",\"version\":\"1\",\"summary\":\"a test\"}}");
                return 0;
            }}
            static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{
                (void)request; (void)len; {call}
            }}
            GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 = {{
                sizeof(struct getinfo_provider_v1), GETINFO_ABI_MAJOR, GETINFO_ABI_MINOR, 0, describe, call
            }};"#
        );
        fs::write(&source, text).unwrap();
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
        let file = self.file(method);
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-I"])
            .args([&include, Path::new("-o"), &file, &source])
            .status()
            .unwrap();
        assert!(built.success());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn file(&self, method: &str) -> PathBuf {
        self.0.file(&format!("lib{}.so", method.replace('.', "_")))
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        outcome(&self.command(args).output().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = ctl();
        command.arg("--plugin-dir").arg(self.0.path()).args(args);
        command
    }
}

fn ctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_BasicAgentCtl"));
    command.env_remove("BASICAGENT_TOKEN").stdin(Stdio::null());
    command
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Replies with the text of `args`, as JSON. Copies the request, which is not NUL-terminated.
const ECHO: &str = r#"
    char copy[1024];
    if (len >= sizeof copy) return 1;
    memcpy(copy, request, len);
    copy[len] = 0;
    const char *at = strstr(copy, "\"args\":") + 7, *end = strstr(copy, ",\"ctx\"");
    emit(sink, at, (size_t)(end - at));
    return 0;"#;

#[test]
fn data_is_one_json_document_on_one_line_in_a_pipe() {
    let Some(plugins) = Plugins::new("data") else { return };
    plugins.add("getinfo.echo", ECHO);
    for (args, wanted) in [
        (&["-c", "getinfo.echo", "-a", "-U root"][..], "\"-U root\"\n"),
        (&["-c", "getinfo.echo", "-a", "-h"], "\"-h\"\n"),
        (&["-c", "getinfo.echo", "-a=-A"], "\"-A\"\n"),
        (&["-c", "getinfo.echo"], "\"\"\n"),
    ] {
        assert_eq!(plugins.run(args), (0, wanted.to_owned(), String::new()), "{args:?}");
    }
}

#[test]
fn a_plugins_own_error_is_one_line_and_exits_with_1_or_2_for_its_arguments() {
    let Some(plugins) = Plugins::new("error") else { return };
    plugins.add(
        "getinfo.bad",
        r#"say(emit, sink, "{\"code\":\"usage\",\"message\":\"no\\nsuch \\u001b[31moption\"}"); return 1;"#,
    );
    let (status, out, err) = plugins.run(&["-c", "getinfo.bad"]);
    let wanted = "BasicAgentCtl: getinfo.bad: usage: no\\nsuch \\u{1b}[31moption\n";
    assert_eq!((status, out.as_str(), err.as_str()), (2, "", wanted));
    plugins.add(
        "getinfo.own",
        r#"say(emit, sink, "{\"code\":\"no_disk\",\"message\":\"why\"}"); return 1;"#,
    );
    let (status, out, err) = plugins.run(&["-c", "getinfo.own"]);
    let wanted = "BasicAgentCtl: getinfo.own: no_disk: why\n";
    assert_eq!((status, out.as_str(), err.as_str()), (1, "", wanted));
    let (status, _, err) = plugins.run(&["-c", "getinfo.own", "-a", "'unclosed"]);
    assert!(status == 2 && err.contains("unclosed quote"), "{err}");
    plugins.add("getinfo.mess", r#"say(emit, sink, "no json"); return 0;"#);
    let (status, out, err) = plugins.run(&["-c", "getinfo.mess"]);
    assert!(status == 1 && out.is_empty() && err.contains("not JSON"), "{status} {err}");
}

#[test]
fn a_missing_or_refused_plugin_exits_with_3_and_a_reason() {
    let nowhere =
        ctl().args(["--plugin-dir", "/nonexistent", "-c", "getinfo.kernel"]).output().unwrap();
    let (status, out, err) = outcome(&nowhere);
    assert_eq!((status, out.as_str()), (3, ""));
    assert!(err.contains("libgetinfo_kernel.so") && err.contains("/nonexistent"), "{err}");
    for (method, wanted) in [
        ("../../x", 2),
        ("getinfo", 2),
        ("getinfo.A", 2),
        ("getinfo.users -U root", 2),
        ("", 2),
        ("agent.ping", 3),
        ("a.b", 3),
    ] {
        let (status, out, _) = outcome(&ctl().args(["-c", method]).output().unwrap());
        assert_eq!((status, out.as_str()), (wanted, ""), "{method:?}");
    }
    let Some(plugins) = Plugins::new("refused") else { return };
    plugins.add("getinfo.open", "say(emit, sink, \"1\"); return 0;");
    fs::set_permissions(plugins.file("getinfo.open"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::write(plugins.file("getinfo.text"), "no library").unwrap();
    for (method, wanted) in [("getinfo.open", "0666"), ("getinfo.text", "libgetinfo_text.so")] {
        let (status, out, err) = plugins.run(&["-c", method]);
        assert!(status == 3 && out.is_empty() && err.contains(wanted), "{method}: {status} {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
}

#[test]
fn list_shows_the_good_plugins_and_names_the_bad_ones() {
    let Some(plugins) = Plugins::new("list") else { return };
    let (status, out, err) = plugins.run(&["list"]);
    assert!(status == 0 && out.is_empty() && err.contains("no plugins in"), "{status} {err}");
    plugins.add("getinfo.one", "say(emit, sink, \"1\"); return 0;");
    assert_eq!(plugins.run(&["list"]), (0, "getinfo.one  a test\n".to_owned(), String::new()));
    fs::write(plugins.file("getinfo.two"), "no library").unwrap();
    let (status, out, err) = plugins.run(&["list"]);
    assert_eq!((status, out.as_str()), (1, "getinfo.one  a test\n"));
    assert!(err.contains("getinfo.two") && err.lines().count() == 1, "{err}");
    let (status, out, _) = plugins.run(&["list", "--json"]);
    let listing: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, 1);
    assert_eq!(listing["methods"][0]["about"]["summary"], "a test");
    assert_eq!(listing["refused"][0]["method"], "getinfo.two");
}

/// Each of these would end or hang a process that loads it.
#[test]
fn one_bad_plugin_harms_neither_the_list_nor_the_other_parts_of_getinfo_all() {
    let Some(plugins) = Plugins::new("bad") else { return };
    plugins.add("getinfo.good", "say(emit, sink, \"1\"); return 0;");
    plugins.add("getinfo.twice", r#"say(emit, sink, "{\"a\":1,\"a\":2}"); return 0;"#);
    plugins.add("getinfo.segv", "*(volatile int *)0 = 1; return 0;");
    plugins.add("getinfo.exit", "_Exit(7);");
    plugins.add("getinfo.early", "return 0; } __attribute__((constructor)) static void early(void) { *(volatile int *)0 = 1;");
    plugins.add("getinfo.hang", "return 0; } int pause(void); __attribute__((constructor)) static void early(void) { for (;;) pause();");
    let (status, out, err) = plugins.run(&["list"]);
    assert_eq!((status, out.lines().count()), (1, 4), "{out}{err}");
    let line = |method: &str| err.lines().find(|line| line.contains(method)).unwrap_or_default();
    assert!(line("getinfo.early").contains("SIGSEGV"), "{err}");
    assert!(line("getinfo.hang").contains("more than 2 s"), "{err}");
    let (status, out, _) =
        plugins.run(&["-c", "getinfo.all", "-a", "good segv exit early twice none"]);
    let parts: serde_json::Value = serde_json::from_str(&out).unwrap();
    let retcodes: Vec<_> =
        parts.as_array().unwrap().iter().map(|part| part["retcode"].as_u64().unwrap()).collect();
    assert_eq!((status, retcodes), (1, vec![0, 3053, 3053, 3053, 3052, 3051]), "{out}");
    assert_eq!(parts[0]["data"], 1);
}

#[test]
fn getinfo_all_without_names_succeeds_although_a_provider_needs_an_argument() {
    let Some(plugins) = Plugins::new("all") else { return };
    plugins.add("getinfo.one", "say(emit, sink, \"1\"); return 0;");
    let usage = r#"say(emit, sink, "{\"code\":\"usage\",\"message\":\"needs -U\"}"); return 1;"#;
    plugins.add("getinfo.two", usage);
    let (status, out, err) = plugins.run(&["-c", "getinfo.all"]);
    assert!(status == 0 && err.is_empty() && out.contains("needs -U"), "{out}{err}");
    assert_eq!(plugins.run(&["-c", "getinfo.all", "-a", "two"]).0, 1);
}

#[test]
fn a_c_plugin_gets_its_arguments_as_words_and_help_from_its_description() {
    let Some(plugins) = Plugins::new("words") else { return };
    plugins.add(
        "getinfo.words",
        r#"
        char copy[1024];
        if (len >= sizeof copy) return 1;
        memcpy(copy, request, len);
        copy[len] = 0;
        const char *at = strstr(copy, "\"words\":") + 8, *end = strchr(at, ']') + 1;
        if (strncmp(at, "[\"-h\"]", 6) == 0) {
            say(emit, sink, "{\"code\":\"usage\",\"message\":\"no\"}"); return 1; }
        emit(sink, at, (size_t)(end - at));
        return 0;"#,
    );
    let run = |args: &str| plugins.run(&["-c", "getinfo.words", "-a", args]);
    assert_eq!(run("\"-l\"  'a b' c\\ d").1, "[\"-l\",\"a b\",\"c d\"]\n");
    assert_eq!(run("").1, "[]\n");
    let (status, out, _) = run("-h");
    assert!(status == 0 && out.contains("usage: getinfo.words"), "{out}");
}

#[test]
fn typos_get_a_suggestion() {
    let Some(plugins) = Plugins::new("typo") else { return };
    plugins.add("getinfo.kernel", "say(emit, sink, \"1\"); return 0;");
    for (args, wanted) in [
        (&["-c", "getinfo.kernal"][..], "did you mean getinfo.kernel?"),
        (&["describe", "kernle"], "did you mean getinfo.kernel?"),
        (&["lsit"], "'list'"),
        (&["list", "--jsn"], "'--json'"),
    ] {
        let (status, _, err) = plugins.run(args);
        assert!(status >= 2 && err.contains(wanted), "{args:?}: {status} {err}");
    }
}

#[test]
fn the_help_of_a_subcommand_shows_the_global_flags_that_it_uses() {
    for (args, shown, hidden) in [
        (&["list"][..], "--plugin-dir", "--controller"),
        (&["check"], "--as-root", "--controller"),
        (&["new"], "--language", "--plugin-dir"),
        (&["hosts"], "--token-file", "--host "),
        (&["exec"], "--host", "--plugin-dir"),
        (&["task", "status"], "--socket", "--plugin-dir"),
        (&["cron", "next"], "--tz", "--controller"),
        (&["cron", "list"], "--controller", "--plugin-dir"),
    ] {
        let (_, out, _) = outcome(&ctl().args(args).arg("--help").output().unwrap());
        assert!(out.contains(shown) && !out.contains(hidden), "{args:?}: {out}");
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let Some(plugins) = Plugins::new("pipe") else { return };
    let call = r#"static char big[1 << 20]; memset(big, '1', sizeof big);
        emit(sink, "\"", 1); emit(sink, big, sizeof big); emit(sink, "\"", 1); return 0;"#;
    plugins.add("getinfo.big", call);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = plugins
        .command(&["-c", "getinfo.big"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (status, _, err) = outcome(&child.wait_with_output().unwrap());
    assert_eq!((status, err.as_str()), (0, ""));
    // A full disk is an error.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let child = plugins
        .command(&["-c", "getinfo.big"])
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (status, _, err) = outcome(&child.wait_with_output().unwrap());
    assert!(status == 1 && err.contains("standard output"), "{status} {err}");
}

#[test]
fn wrong_flags_exit_with_2_and_the_help_lists_the_statuses() {
    for args in [&[][..], &["--nope"], &["-a", "x"], &["hosts"], &["exec", "--", "ls"]] {
        assert_eq!(outcome(&ctl().args(args).output().unwrap()).0, 2, "{args:?}");
    }
    for args in [&["--help"][..], &["exec", "--help"]] {
        let (status, out, _) = outcome(&ctl().args(args).output().unwrap());
        assert!(status == 0 && out.contains("Exit status, ") && out.contains("255"), "{out}");
    }
}
