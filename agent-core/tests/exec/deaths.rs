//! The death of the zygote and of the agent.

use crate::roles;
use crate::support::{BOTH, Marker, eventually, is_root, processes, state};
use agent_core::exec::Trees;
use std::fs;

fn ways() -> impl Iterator<Item = Trees> {
    BOTH.into_iter().filter(|trees| is_root() || *trees == Trees::Keeper)
}

#[test]
fn commands_continue_when_the_zygote_is_killed_and_later_ones_run() {
    for trees in ways() {
        assert_eq!(
            roles::play("zygote-killed", trees),
            "Exited(7)\nExited(0)\nExited(0)\nTimedOut\n",
            "{trees:?}"
        );
    }
}

#[test]
fn a_zygote_killed_amid_many_launches_loses_and_repeats_none() {
    for trees in ways() {
        let said = roles::play("zygote-killed-often", trees);
        assert_eq!(said, "each ran once\n", "{trees:?}");
    }
}

#[test]
fn a_zygote_that_hangs_is_replaced() {
    for trees in ways() {
        assert_eq!(roles::play("zygote-stopped", trees), "NotStarted\nExited(0)\n", "{trees:?}");
    }
}

#[tokio::test]
async fn an_agent_killed_with_kill_9_leaves_no_running_command_and_no_cgroup() {
    for trees in ways() {
        let marker = Marker::new();
        let kept = Marker::new();
        let mut agent = roles::begin("sleeper", trees, &[&marker.0, &kept.0]);
        eventually("both commands and the child of an ended command sleep", || {
            marker.sleepers().len() == 2 && kept.sleepers().len() == 1
        })
        .await;
        let pid = i32::try_from(agent.id()).unwrap();
        let of_agent = |pid: &i32| {
            state(*pid).is_some_and(|(_, parent)| parent == i32::try_from(agent.id()).unwrap())
        };
        let helpers: Vec<i32> = processes().into_iter().filter(of_agent).collect();
        agent.kill().unwrap();
        agent.wait().unwrap();
        eventually("the command is gone", || marker.sleepers().is_empty()).await;
        eventually("zygote and keepers are gone", || {
            helpers.iter().all(|pid| state(*pid).is_none_or(|(s, _)| s == 'Z'))
        })
        .await;
        assert_eq!(kept.sleepers().len(), 1, "{trees:?}: the child of an ended command lives on");
        kept.kill();
        if trees == Trees::Cgroup {
            let leaves = || leaves_of(pid);
            eventually("all leaves but one are gone", || leaves().is_none_or(|leaves| leaves <= 1))
                .await;
            // The next agent removes the directories that this one left.
            eventually("the sleeper is gone", || kept.sleepers().is_empty()).await;
            roles::play("zombies", trees);
            assert_eq!(leaves(), None);
        }
    }
}

/// Returns how many leaves an agent left; `None` without its directory.
fn leaves_of(pid: i32) -> Option<usize> {
    let own = roles::own_cgroup();
    let entries = fs::read_dir(own.join(format!("basicagent.{pid}.0"))).ok()?;
    Some(entries.flatten().filter(|entry| entry.path().is_dir()).count())
}
