//! The cgroups of tasks, and which of them are reused.

use crate::host::{Host, has_processes, hosts};
use crate::support::{Marker, eventually, needs_root, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Trees};

fn host() -> Host {
    hosts(&ExecSettings::default())
        .find(|host| host.trees == Trees::Cgroup)
        .expect("this host has cgroups")
}

#[tokio::test]
async fn a_leaf_whose_processes_all_ended_by_themselves_is_reused() {
    if !needs_root() {
        return;
    }
    let host = host();
    let (_, first) = host.run(spec("exit 3")).await;
    let (record, second) = host.run(spec("cat /proc/self/cgroup")).await;
    assert_eq!((record.end.unwrap(), &second.leaf), (CommandEnd::Exited(0), &first.leaf));
    let name = first
        .leaf
        .as_ref()
        .and_then(|leaf| leaf.file_name())
        .and_then(|name| name.to_str())
        .unwrap();
    assert!(second.stdout().contains(&format!("/{name}\n")), "{}: {}", name, second.stdout());
    // Two tasks at once need two leaves.
    let (third, fourth) =
        (host.begin(spec("sleep 0.1")).await, host.begin(spec("sleep 0.1")).await);
    assert_eq!(third.leaf, first.leaf);
    assert_ne!(fourth.leaf, first.leaf);
    third.record().await;
    fourth.record().await;
    host.executor.shutdown().await;
    assert!(!first.leaf.as_ref().unwrap().exists(), "no leaf is left");
}

#[tokio::test]
async fn a_leaf_that_was_killed_is_not_reused() {
    if !needs_root() {
        return;
    }
    let host = host();
    let task = host.begin(spec("sleep 1000")).await;
    task.begun().await;
    task.cancel();
    assert_eq!(task.record().await.end.unwrap(), CommandEnd::Cancelled);
    let (record, next) = host.run(spec("true")).await;
    assert_eq!(record.end.unwrap(), CommandEnd::Exited(0));
    assert_ne!(next.leaf, task.leaf);
    assert!(!task.leaf.as_ref().unwrap().exists());
    host.executor.shutdown().await;
}

#[tokio::test]
async fn a_leaf_with_a_background_process_is_reused_once_the_process_is_gone() {
    if !needs_root() {
        return;
    }
    let host = host();
    let marker = Marker::new();
    let (_, first) = host.run(spec(&marker.script("sleep MARK > /dev/null 2>&1 & exit 0"))).await;
    let (_, second) = host.run(spec("true")).await;
    assert_ne!(first.leaf, second.leaf);
    eventually("the background process lives on", || marker.sleepers().len() == 1).await;
    let cancelled = host.begin(spec("sleep 1000")).await;
    cancelled.begun().await;
    cancelled.cancel();
    assert_eq!(cancelled.record().await.end.unwrap(), CommandEnd::Cancelled);
    assert_eq!(marker.sleepers().len(), 1, "cancelling another task does not kill it");
    marker.kill();
    let leaf = first.leaf.clone().unwrap();
    eventually("it is gone", || !has_processes(&leaf)).await;
    let (_, third) = host.run(spec("true")).await;
    assert_eq!(third.leaf, first.leaf);
    host.executor.shutdown().await;
}
