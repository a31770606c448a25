//! Plugins that crash, hang or break the interface.

use std::time::Instant;

use test_support::{alive, eventually};

use super::*;

#[tokio::test]
async fn a_bad_plugin_costs_its_call_and_the_next_call_succeeds() {
    let Some(folder) = PluginFolder::new() else { return };
    let when_bad =
        |bad: &str| format!(r#"if (memmem(request, len, "bad", 3)) {{ {bad} }} SAY("true");"#);
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
        folder.plugin(name, MORE, &when_bad(bad));
        let plugins = folder.plugins(&[], IDLE);
        let method = format!("getinfo.{name}");
        let error = plugins.call(&method, "bad").await.unwrap_err();
        match (name, &error) {
            (
                "segv" | "abort" | "forked" | "exit" | "deep" | "memory" | "stdin",
                Error::Crashed { .. },
            ) => {}
            ("text" | "latin" | "status" | "noise", Error::Failed { code, .. })
                if code == "broken" => {}
            ("flood", Error::Failed { code, .. }) if code == "reply_too_large" => {}
            ("error", Error::Failed { code, message, .. })
                if code == "own" && message == "mine" => {}
            ("usage", Error::Args { why, .. }) if why == "-x" => {}
            _ => panic!("{name}: {error:?}"),
        }
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(plugins.call(&method, "").await.unwrap().get(), "true", "{name}");
        plugins.shutdown().await;
    }
}

#[tokio::test]
async fn a_hanging_call_is_killed_at_its_deadline_with_its_children() {
    let Some(folder) = PluginFolder::new() else { return };
    let scratch = Scratch::new("plugin-child");
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o711)).unwrap();
    let note = scratch.write("pid", "");
    let hang = format!(
        r#"if (memmem(request, len, "bad", 3)) {{
               int child = fork(); if (!child) for (;;) pause();
               dprintf(open("{}", O_WRONLY), "%d", child);
               signal(SIGTERM, SIG_IGN); for (;;) {{}} }} SAY("true");"#,
        note.display()
    );
    folder.plugin("hang", "void *memmem();", &hang);
    fs::set_permissions(&note, Permissions::from_mode(0o666)).unwrap();
    let plugins = folder.plugins(&[], IDLE);
    let began = Instant::now();
    assert!(matches!(plugins.call("getinfo.hang", "bad").await, Err(Error::TimedOut { .. })));
    assert!(began.elapsed() >= CALL_TIMEOUT);
    assert_eq!(plugins.call("getinfo.hang", "").await.unwrap().get(), "true");
    let child = fs::read_to_string(&note).unwrap().parse().unwrap();
    // Orphaned now: its new parent may leave it a zombie.
    eventually("the plugin's child has ended", || !alive(child)).await;
    plugins.shutdown().await;
}

#[tokio::test]
async fn bad_constructors_are_reported_with_the_reason() {
    let Some(folder) = PluginFolder::new() else { return };
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
            "ctorhang" => assert!(matches!(error, Error::TimedOut { .. }), "{error:?}"),
            _ => assert!(matches!(error, Error::Crashed { .. }), "{error:?}"),
        }
        plugins.shutdown().await;
    }
}

#[tokio::test]
async fn a_plugin_that_crashes_three_times_is_quarantined_until_its_file_or_the_settings_change() {
    let Some(folder) = PluginFolder::new() else { return };
    let bad = r#"if (memmem(request, len, "bad", 3)) abort(); SAY("true");"#;
    folder.plugin("crash", MORE, bad);
    folder.plugin("fine", "", "SAY(\"true\");");
    let plugins = folder.plugins(&[], IDLE);
    for _ in 0..3 {
        assert!(matches!(plugins.call("getinfo.crash", "bad").await, Err(Error::Crashed { .. })));
    }
    let quarantined = |result: CallResult| {
        let error = result.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert!(
            text.starts_with("getinfo.crash: quarantined for") && text.contains("SIGABRT"),
            "{text}"
        );
    };
    quarantined(plugins.call("getinfo.crash", "").await);
    assert_eq!(
        plugins.call("getinfo.fine", "").await.unwrap().get(),
        "true",
        "other plugins keep working"
    );
    let listed = plugins.methods().await;
    let of = |method: &str| listed.iter().find(|(name, _)| name == method).unwrap().1.clone();
    assert!(of("getinfo.crash").contains("quarantined"), "{listed:?}");
    assert_eq!(of("getinfo.fine"), "fine it is");
    // A new file replaces it.
    folder.plugin("crash", MORE, bad);
    assert_eq!(plugins.call("getinfo.crash", "").await.unwrap().get(), "true");
    for _ in 0..3 {
        assert!(matches!(plugins.call("getinfo.crash", "bad").await, Err(Error::Crashed { .. })));
    }
    quarantined(plugins.call("getinfo.crash", "").await);
    // A reload lifts the quarantine.
    plugins.reload(folder.dirs(), settings(Trust::default())).await;
    assert_eq!(plugins.call("getinfo.crash", "").await.unwrap().get(), "true");
    plugins.shutdown().await;
}
