//! Workers that are replaced or end.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::{alive, eventually};

use super::*;

#[tokio::test]
async fn a_replaced_file_is_loaded_by_the_next_call() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("new", "", "SAY(\"1\");");
    let plugins = folder.plugins(&[], IDLE);
    assert_eq!(plugins.call("getinfo.new", "").await.unwrap().get(), "1");
    folder.plugin("new", "", "SAY(\"2\");");
    assert_eq!(plugins.call("getinfo.new", "").await.unwrap().get(), "2");
    fs::remove_file(folder.0.file("libgetinfo_new.so")).unwrap();
    assert!(matches!(plugins.call("getinfo.new", "").await, Err(Error::Refused(_))));
    plugins.shutdown().await;
}

/// Overwritten, not replaced: the mapped file changes under the worker, which may cost its call
/// only.
#[tokio::test]
async fn an_overwritten_file_is_reloaded() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("over", "", "SAY(\"1\");");
    let plugins = folder.plugins(&[], IDLE);
    assert_eq!(plugins.call("getinfo.over", "").await.unwrap().get(), "1");
    let library = folder.0.file("libgetinfo_over.so");
    let kept = folder.0.file("kept");
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
async fn an_idle_worker_ends_and_the_next_call_starts_another() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], Duration::from_millis(50));
    let first = pid(&plugins, "getinfo.pid").await;
    eventually("the worker has ended", || !alive(first)).await;
    assert_ne!(pid(&plugins, "getinfo.pid").await, first);
    plugins.shutdown().await;
}

#[tokio::test]
async fn a_killed_worker_is_replaced() {
    let Some(folder) = PluginFolder::new() else { return };
    folder.plugin("pid", "", PID);
    let plugins = folder.plugins(&[], IDLE);
    let first = pid(&plugins, "getinfo.pid").await;
    kill(Pid::from_raw(first.try_into().unwrap()), Signal::SIGKILL).unwrap();
    // The call that finds it dead may fail.
    let _ = plugins.call("getinfo.pid", "").await;
    assert_ne!(pid(&plugins, "getinfo.pid").await, first);
    plugins.shutdown().await;
}
