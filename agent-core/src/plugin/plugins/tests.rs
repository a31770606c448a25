//! The daemon's side against real workers and plugins in C, the bad ones above all.
#![expect(clippy::print_stdout, reason = "says what it skips and measures")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use plugin_api::host::Trust;

use super::*;
use crate::plugin::worker_main;

const IDLE: Duration = Duration::from_secs(30);
/// How long a test waits for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// No test: what a worker of the tests below runs, in a process of its own.
#[test]
#[ignore = "the other tests run it as their worker"]
fn worker_process() {
    // Run by hand, standard input is no channel.
    if std::env::vars_os().next().is_none() {
        let _ = worker_main();
        std::process::exit(0);
    }
}

fn program() -> Program {
    let args =
        ["plugin::plugins::tests::worker_process", "--exact", "--ignored", "--nocapture", "--test-threads=1"];
    Program { path: PathBuf::from("/proc/self/exe"), args: args.map(Into::into).into() }
}

/// A folder the loader trusts, with plugins compiled into it; removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let target = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").canonicalize().ok();
        for place in [Some(target), home, checkout].into_iter().flatten() {
            let dir = place.join(format!(".plugin-test-{}-{count}", std::process::id()));
            if fs::create_dir_all(&dir).is_ok() {
                fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
                if host::check_folder(&dir).is_ok() {
                    return Some(Self(dir));
                }
                fs::remove_dir(&dir).unwrap();
            }
        }
        println!("SKIPPED (needs a folder that only root or this user can write)");
        None
    }

    /// Compiles `getinfo.NAME`; `call` is the body of its call function, `more` stands before it.
    fn plugin(&self, name: &str, more: &str, call: &str) {
        let source = self.0.join(format!("{name}.c"));
        let code = format!(
            r#"#include "getinfo_provider.h"
               #include <fcntl.h>
               #include <signal.h>
               #include <stdio.h>
               #include <stdlib.h>
               #include <string.h>
               #include <unistd.h>
               #define SAY(text) emit(sink, text, strlen(text))
               {more}
               static int describe(getinfo_emit emit, void *sink) {{
                   SAY("{{\"method\":\"getinfo.{name}\",\"summary\":\"{name} it is\",\"needs_root\":true}}"); return 0; }}
               static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{
                   (void)request; (void)len; {call} return 0; }}
               GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
                   {{ sizeof(struct getinfo_provider_v1), 1, 0, 0, describe, call }};"#
        );
        fs::write(&source, code).unwrap();
        let built = self.0.join(format!("{name}.new"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
        #[expect(clippy::disallowed_methods, reason = "compiles a plugin")]
        let mut cc = std::process::Command::new("cc");
        cc.args(["-shared", "-fPIC", "-w", "-I"]).arg(include).arg("-o").arg(&built).arg(&source);
        assert!(cc.status().unwrap().success());
        fs::set_permissions(&built, Permissions::from_mode(0o755)).unwrap();
        fs::rename(&built, self.0.join(format!("libgetinfo_{name}.so"))).unwrap();
    }

    fn plugins(&self, roots: &[&str], idle: Duration) -> Plugins {
        let roots = roots.iter().map(ToString::to_string).collect();
        let settings = PluginSettings { roots, idle, trust: Trust::default() };
        Plugins::with_program(self.dirs(), settings, program())
    }

    fn dirs(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }
}

/// Settings without roots.
fn settings(trust: Trust) -> PluginSettings {
    PluginSettings { roots: Vec::new(), idle: IDLE, trust }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PID: &str = r#"char b[32]; snprintf(b, sizeof b, "%d", getpid()); SAY(b);"#;

async fn pid(plugins: &Plugins, method: &str) -> i32 {
    plugins.call(method, "").await.unwrap().get().parse().unwrap()
}

fn alive(pid: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

async fn gone(pid: i32) {
    let deadline = Instant::now() + PATIENCE;
    while alive(pid) {
        assert!(Instant::now() < deadline, "worker {pid} is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_worker_makes_all_calls_of_a_plugin() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], IDLE);
    let first = pid(&plugins, "getinfo.pid").await;
    assert_ne!(first, i32::try_from(std::process::id()).unwrap());
    let (a, b) = tokio::join!(pid(&plugins, "getinfo.pid"), pid(&plugins, "getinfo.pid"));
    assert_eq!((a, b), (first, first));
    plugins.shutdown().await;
    gone(first).await;
    assert!(matches!(plugins.call("getinfo.pid", "").await, Err(Error::ShuttingDown)));
}

const MORE: &str =
    "void *memmem(); int deep(int n) { volatile char a[65536]; a[0] = n; return deep(n + 1) + a[0]; }";

#[tokio::test]
async fn a_bad_plugin_costs_its_call_and_the_next_one_is_answered() {
    let Some(folder) = Folder::new() else { return };
    let when_told = |bad: &str| format!(r#"if (memmem(request, len, "bad", 3)) {{ {bad} }} SAY("true");"#);
    for (name, bad) in [
        ("segv", "*(volatile int *)0 = 1;"),
        ("abort", "abort();"),
        ("forked", "if (fork()) abort(); sleep(60);"),
        ("exit", "exit(0);"),
        ("deep", "deep(1);"),
        ("text", "SAY(\"hello\"); return 0;"),
        ("latin", "SAY(\"\\\"\\xe9\\\"\"); return 0;"),
        ("flood", "while (!SAY(\"[]\")) {} return 0;"),
        ("memory", "while (calloc(1, 1 << 20)) {} abort();"),
        ("status", "return 9;"),
        ("noise", "for (int i = 0; i < 100000; i++) puts(\"noise\"); fflush(stdout); return 9;"),
        ("stdin", "char c; if (read(0, &c, 1) == 0) abort();"),
        ("error", "SAY(\"{\\\"code\\\":\\\"own\\\",\\\"message\\\":\\\"mine\\\"}\"); return 1;"),
        ("usage", "SAY(\"{\\\"code\\\":\\\"usage\\\",\\\"message\\\":\\\"-x\\\"}\"); return 1;"),
    ] {
        folder.plugin(name, MORE, &when_told(bad));
        let plugins = folder.plugins(&[], IDLE);
        let method = format!("getinfo.{name}");
        let error = plugins.call(&method, "bad").await.unwrap_err();
        match (name, &error) {
            (
                "segv" | "abort" | "forked" | "exit" | "deep" | "memory" | "stdin",
                Error::PluginCrashed { .. },
            ) => {}
            ("text" | "latin" | "status" | "noise", Error::PluginFailed { code, .. }) if code == "broken" => {
            }
            ("flood", Error::PluginFailed { code, .. }) if code == "reply_too_large" => {}
            ("error", Error::PluginFailed { code, message, .. }) if code == "own" && message == "mine" => {}
            ("usage", Error::PluginArgs { why, .. }) if why == "-x" => {}
            _ => panic!("{name}: {error:?}"),
        }
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(plugins.call(&method, "").await.unwrap().get(), "true", "{name}");
        plugins.shutdown().await;
    }
}

#[tokio::test]
async fn a_hanging_call_is_killed_at_its_deadline_with_its_children() {
    let Some(folder) = Folder::new() else { return };
    let note = std::env::temp_dir().join(format!("plugin-child-{}", std::process::id()));
    let hang = format!(
        r#"if (memmem(request, len, "bad", 3)) {{
               int child = fork(); if (!child) for (;;) pause();
               dprintf(open("{}", O_WRONLY), "%d", child);
               signal(SIGTERM, SIG_IGN); for (;;) {{}} }} SAY("true");"#,
        note.display()
    );
    folder.plugin("hang", "void *memmem();", &hang);
    fs::write(&note, "").unwrap();
    fs::set_permissions(&note, Permissions::from_mode(0o666)).unwrap();
    let plugins = folder.plugins(&[], IDLE);
    let began = Instant::now();
    assert!(matches!(plugins.call("getinfo.hang", "bad").await, Err(Error::PluginTimedOut { .. })));
    assert!(began.elapsed() >= CALL_TIMEOUT);
    assert_eq!(plugins.call("getinfo.hang", "").await.unwrap().get(), "true");
    let child = fs::read_to_string(&note).unwrap().parse().unwrap();
    // An orphan now: whether it is a zombie is up to whoever adopted it.
    let deadline = Instant::now() + PATIENCE;
    while alive(child)
        && !fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| stat.contains(") Z"))
    {
        assert!(Instant::now() < deadline, "the plugin's child {child} is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    plugins.shutdown().await;
    fs::remove_file(note).unwrap();
}

#[tokio::test]
async fn bad_constructors_are_refused_with_the_reason() {
    let Some(folder) = Folder::new() else { return };
    for (name, body) in [
        ("ctorsegv", "*(volatile int *)0 = 1;"),
        ("ctorexit", "_exit(3);"),
        ("ctorhang", "for (;;) pause();"),
    ] {
        folder.plugin(
            name,
            &format!("__attribute__((constructor)) static void early(void) {{ {body} }}"),
            "SAY(\"1\");",
        );
        let plugins = folder.plugins(&[], IDLE);
        let error = plugins.call(&format!("getinfo.{name}"), "").await.unwrap_err();
        match name {
            "ctorhang" => assert!(matches!(error, Error::PluginTimedOut { .. }), "{error:?}"),
            _ => assert!(matches!(error, Error::PluginCrashed { .. }), "{error:?}"),
        }
        plugins.shutdown().await;
    }
}

#[tokio::test]
async fn root_is_dropped_before_the_plugin_is_mapped_unless_allowed_and_needed() {
    if !geteuid().is_root() {
        return println!("SKIPPED (needs root): dropping root");
    }
    let Some(folder) = Folder::new() else { return };
    let more =
        "static int early; __attribute__((constructor)) static void at_load(void) { early = getuid(); }";
    let call = r#"char b[96]; snprintf(b, sizeof b, "[%d,%d,%d,%d]", early, geteuid(), getegid(), getgroups(0, 0)); SAY(b);"#;
    folder.plugin("ids", more, call);
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    for (roots, uid, gid) in
        [(&[][..], nobody.uid.as_raw(), nobody.gid.as_raw()), (&["getinfo.ids"][..], 0, 0)]
    {
        let plugins = folder.plugins(roots, IDLE);
        let ids = plugins.call("getinfo.ids", "").await.unwrap();
        let ids: Vec<u32> = serde_json::from_str(ids.get()).unwrap();
        assert_eq!(ids[..3], [uid, uid, gid]);
        assert!(uid == 0 || ids[3] == 0, "supplementary groups: {ids:?}");
        plugins.shutdown().await;
    }
}

#[tokio::test]
async fn a_replaced_file_is_loaded_by_the_next_call() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("new", "", "SAY(\"1\");");
    let plugins = folder.plugins(&[], IDLE);
    assert_eq!(plugins.call("getinfo.new", "").await.unwrap().get(), "1");
    folder.plugin("new", "", "SAY(\"2\");");
    assert_eq!(plugins.call("getinfo.new", "").await.unwrap().get(), "2");
    fs::remove_file(folder.0.join("libgetinfo_new.so")).unwrap();
    assert!(matches!(plugins.call("getinfo.new", "").await, Err(Error::PluginRefused { .. })));
    plugins.shutdown().await;
}

/// Written over, not replaced: what is mapped changes under the worker, which may cost its call and nothing else.
#[tokio::test]
async fn a_file_that_is_written_over_is_loaded_anew() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("over", "", "SAY(\"1\");");
    let plugins = folder.plugins(&[], IDLE);
    assert_eq!(plugins.call("getinfo.over", "").await.unwrap().get(), "1");
    let library = folder.0.join("libgetinfo_over.so");
    let kept = folder.0.join("kept");
    fs::rename(&library, &kept).unwrap();
    folder.plugin("over", "", "SAY(\"[2]\");");
    let new = fs::read(&library).unwrap();
    fs::rename(&kept, &library).unwrap();
    fs::write(&library, new).unwrap();
    let mut replies = Vec::new();
    for _ in 0..2 {
        replies.push(plugins.call("getinfo.over", "").await);
    }
    assert_eq!(replies.pop().unwrap().unwrap().get(), "[2]");
    plugins.shutdown().await;
}

#[tokio::test]
async fn what_crashes_three_times_is_quarantined_until_its_file_or_the_settings_change() {
    let Some(folder) = Folder::new() else { return };
    let bad = r#"if (memmem(request, len, "bad", 3)) abort(); SAY("true");"#;
    folder.plugin("crash", MORE, bad);
    folder.plugin("fine", "", "SAY(\"true\");");
    let plugins = folder.plugins(&[], IDLE);
    for _ in 0..3 {
        assert!(matches!(plugins.call("getinfo.crash", "bad").await, Err(Error::PluginCrashed { .. })));
    }
    let quarantined = |reply: Reply| {
        let error = reply.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, Error::PluginRefused { .. }), "{error:?}");
        assert!(told.starts_with("getinfo.crash: quarantined for") && told.contains("SIGABRT"), "{told}");
    };
    quarantined(plugins.call("getinfo.crash", "").await);
    assert_eq!(plugins.call("getinfo.fine", "").await.unwrap().get(), "true", "others go on");
    let told = plugins.methods().await;
    let of = |method: &str| told.iter().find(|(name, _)| name == method).unwrap().1.clone();
    assert!(of("getinfo.crash").contains("quarantined"), "{told:?}");
    assert_eq!(of("getinfo.fine"), "fine it is");
    // Another file in its place.
    folder.plugin("crash", MORE, bad);
    assert_eq!(plugins.call("getinfo.crash", "").await.unwrap().get(), "true");
    for _ in 0..3 {
        assert!(matches!(plugins.call("getinfo.crash", "bad").await, Err(Error::PluginCrashed { .. })));
    }
    quarantined(plugins.call("getinfo.crash", "").await);
    // A reload: somebody has looked at it.
    plugins.reload(folder.dirs(), settings(Trust::default())).await;
    assert_eq!(plugins.call("getinfo.crash", "").await.unwrap().get(), "true");
    plugins.shutdown().await;
}

#[tokio::test]
async fn a_plugin_that_nobody_vouches_for_is_not_mapped() {
    let Some(folder) = Folder::new() else { return };
    let trace = folder.0.join("trace");
    fs::write(&trace, "").unwrap();
    fs::set_permissions(&trace, Permissions::from_mode(0o666)).unwrap();
    let early = format!(
        r#"__attribute__((constructor)) static void early(void) {{ dprintf(open("{}", O_WRONLY), "mapped"); }}"#,
        trace.display()
    );
    folder.plugin("vouched", &early, "SAY(\"true\");");
    let trust = Trust::new(&["0".repeat(64)], &[]).unwrap();
    let plugins = Plugins::with_program(folder.dirs(), settings(trust), program());
    let error = plugins.call("getinfo.vouched", "").await.unwrap_err().to_string();
    let (_, sum) = error.split_once("SHA-256 sum, ").unwrap_or_else(|| panic!("{error}"));
    assert_eq!(fs::read_to_string(&trace).unwrap(), "");
    let trust = Trust::new(&[sum[..64].to_owned()], &[]).unwrap();
    plugins.reload(folder.dirs(), settings(trust)).await;
    assert_eq!(plugins.call("getinfo.vouched", "").await.unwrap().get(), "true");
    assert_eq!(fs::read_to_string(&trace).unwrap(), "mapped");
    plugins.shutdown().await;
}

#[tokio::test]
async fn an_idle_worker_ends_and_the_next_call_starts_another() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], Duration::from_millis(50));
    let first = pid(&plugins, "getinfo.pid").await;
    gone(first).await;
    assert_ne!(pid(&plugins, "getinfo.pid").await, first);
    plugins.shutdown().await;
}

#[tokio::test]
async fn a_killed_worker_is_replaced() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], IDLE);
    let first = pid(&plugins, "getinfo.pid").await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGKILL).unwrap();
    // The call that finds it dead may be the one to say so.
    let _ = plugins.call("getinfo.pid", "").await;
    assert_ne!(pid(&plugins, "getinfo.pid").await, first);
    plugins.shutdown().await;
}

#[tokio::test]
async fn more_calls_than_the_queue_holds_are_refused() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("slow", "", "usleep(2000); SAY(\"1\");");
    let plugins = Arc::new(folder.plugins(&[], IDLE));
    let calls: Vec<_> = (0..lane::QUEUE + 8)
        .map(|_| {
            let plugins = plugins.clone();
            tokio::spawn(async move { plugins.call("getinfo.slow", "").await })
        })
        .collect();
    let (mut answered, mut busy) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => answered += 1,
            Err(Error::PluginBusy { .. }) => busy += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered >= lane::QUEUE && busy >= 1, "{answered} answered, {busy} refused");
    plugins.shutdown().await;
}

#[tokio::test]
async fn methods_are_listed_with_the_bad_ones_among_them() {
    let Some(folder) = Folder::new() else { return };
    folder.plugin("good", "", "");
    fs::write(folder.0.join("libgetinfo_bad.so"), "no library").unwrap();
    let plugins = folder.plugins(&[], IDLE);
    for _ in 0..2 {
        let methods = plugins.methods().await;
        assert_eq!(methods[1], ("getinfo.good".to_owned(), "good it is".to_owned()));
        assert!(methods[0].0 == "getinfo.bad" && methods[0].1.starts_with("unusable: "), "{methods:?}");
    }
    plugins.shutdown().await;
}

#[tokio::test]
async fn unfit_names_and_arguments_start_no_worker() {
    let plugins = Folder(PathBuf::from("/nonexistent")).plugins(&[], IDLE);
    for method in ["getinfo.none", "getinfo", "getinfo.../x", "getinfo.a_b", "agent.ping"] {
        assert!(matches!(plugins.call(method, "").await, Err(Error::PluginRefused { .. })), "{method}");
    }
    let long = "x".repeat(MAX_ARGS + 1);
    assert!(matches!(plugins.call("getinfo.none", &long).await, Err(Error::PluginArgs { .. })));
}

#[tokio::test]
#[ignore = "measures: prints what a warm call costs"]
async fn a_warm_call_takes_microseconds() {
    const CALLS: u32 = 20_000;
    let Some(folder) = Folder::new() else { return };
    folder.plugin("warm", "", "SAY(\"\\\"0123456789012345678901234567890123456789\\\"\");");
    let plugins = folder.plugins(&[], IDLE);
    let began = Instant::now();
    plugins.call("getinfo.warm", "").await.unwrap();
    println!("first call {:?}", began.elapsed());
    let began = Instant::now();
    for _ in 0..CALLS {
        plugins.call("getinfo.warm", "").await.unwrap();
    }
    println!("warm call {:?}", began.elapsed() / CALLS);
    plugins.shutdown().await;
}
