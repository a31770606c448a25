//! Root, checksums, and the time at which a plugin is mapped.
#![expect(clippy::print_stdout, reason = "says why it skips a test")]

use nix::unistd::geteuid;

use super::*;

#[tokio::test]
async fn root_is_dropped_before_the_plugin_is_mapped_unless_allowed_and_needed() {
    if !geteuid().is_root() {
        return println!("SKIPPED (needs root): dropping root");
    }
    let Some(folder) = PluginFolder::new() else { return };
    let more = "static int early; __attribute__((constructor)) static void at_load(void) { early = getuid(); }";
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
async fn an_untrusted_plugin_is_not_mapped() {
    let Some(folder) = PluginFolder::new() else { return };
    let trace = folder.0.file("trace");
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
