//! The death of the agent and of a supervisor.

use crate::host::{TaskFiles, hosts};
use crate::roles;
use crate::support::{BOTH, Marker, eventually, is_root, processes, spec, state};
use agent_core::exec::{CommandEnd, ExecSettings, Spec, Trees, kill_leaf};
use agent_sys::pidfd::PidFd;
use agent_sys::slot::SlotState;
use agent_sys::supervisor;
use nix::sys::signal::Signal;

#[tokio::test]
async fn a_task_outlives_an_agent_killed_with_kill_9_and_records_its_end() {
    for trees in BOTH.into_iter().filter(|trees| is_root() || *trees == Trees::Keeper) {
        let tasks = TaskFiles::new();
        let marker = Marker::new();
        let script = marker.script("echo before; exec 2>&-; sleep MARK; echo after; exit 42");
        let mut agent = roles::begin("tasks", trees, tasks.path(), &script);
        // The next agent cancels the second task.
        eventually("both run", || marker.sleepers().len() == 2).await;
        eventually("both have begun", || tasks.begun(1).is_some() && tasks.begun(2).is_some())
            .await;
        let pid = i32::try_from(agent.id()).unwrap();
        let of_agent = |child: &i32| state(*child).is_some_and(|(_, parent)| parent == pid);
        let helpers: Vec<i32> = processes().into_iter().filter(of_agent).collect();
        assert_eq!(helpers.len(), 3, "the zygote and two supervisors");
        agent.kill().unwrap();
        agent.wait().unwrap();
        let gone =
            |pid: &i32| name(*pid) != "basicagent-zyg" || state(*pid).is_none_or(|(s, _)| s == 'Z');
        eventually("the zygote is gone", || helpers.iter().all(gone)).await;

        let next = TaskFiles::open(tasks.path());
        let (first, second) = (next.begun(1).unwrap(), next.begun(2).unwrap());
        assert!(next.is_held(1) && next.is_held(2));
        assert_eq!(next.slots.take(1, 9).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
        assert_eq!(marker.sleepers().len(), 2, "{trees:?}: both continue");
        supervisor::find(&second).unwrap().unwrap().signal(Signal::SIGTERM).unwrap();
        assert_eq!(next.record(2).await.end.unwrap(), CommandEnd::Cancelled);
        assert_eq!(marker.sleepers().len(), 1);
        marker.kill();
        let record = next.record(1).await;
        assert_eq!(
            (record.end.unwrap(), record.totals.stdout.total),
            (CommandEnd::Exited(42), 13),
            "{trees:?}"
        );
        // It records the end before it ends itself.
        let ended = || supervisor::find(&first).unwrap().is_none();
        eventually("the first supervisor has ended", ended).await;
        if trees == Trees::Cgroup {
            let root = roles::own_cgroup().join(format!("basicagent.{pid}.0"));
            eventually("the last supervisor has removed the dead agent's directory", || {
                !root.exists()
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_supervisor_killed_with_kill_9_takes_its_command_with_it_and_leaves_no_record() {
    for host in hosts(&ExecSettings::default()) {
        let user = is_root().then(|| "nobody".into());
        let marker = Marker::new();
        let script = marker.script("echo begun; setsid sleep MARK >&- 2>&- & exec sleep MARK");
        let task = host.begin(Spec { user, ..spec(&script) }).await;
        eventually("both sleep", || marker.sleepers().len() == 2).await;
        let begun = task.begun().await;
        // What the supervisor has not read when it is killed is lost.
        eventually("its output is stored", || host.files.totals(task.n).stdout.total == 6).await;
        PidFd::open(begun.pid).unwrap().signal(Signal::SIGKILL).unwrap();
        task.reaped().await;
        assert!(!host.files.is_held(task.n));
        let SlotState::Lost { begun: recorded, totals } = host.files.slot(task.n) else {
            panic!("a record")
        };
        assert_eq!((recorded, totals.stdout.total), (Some(begun), 6));
        assert_eq!(task.read(agent_sys::spool::Stream::Stdout, 0).bytes, b"begun\n");
        eventually("the command itself is gone", || marker.sleepers().len() <= 1).await;
        if let Some(leaf) = &task.leaf {
            // The cgroup leads to the other processes that the task started.
            assert_eq!(marker.sleepers().len(), 1);
            kill_leaf(leaf).await.unwrap();
            assert!(marker.sleepers().is_empty() && !leaf.exists());
            kill_leaf(leaf).await.unwrap();
        }
        marker.kill();
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn tasks_survive_shutdown_and_the_death_of_the_zygote() {
    for host in hosts(&ExecSettings::default()) {
        let marker = Marker::new();
        let task = host.begin(spec(&marker.script("sleep MARK; exit 8"))).await;
        eventually("it sleeps", || marker.sleepers().len() == 1).await;
        host.executor.shutdown().await;
        assert!(host.files.is_held(task.n) && marker.sleepers().len() == 1);
        marker.kill();
        assert_eq!(task.record().await.end.unwrap(), CommandEnd::Exited(8), "{:?}", host.trees);
    }
}

#[tokio::test]
async fn a_task_runs_although_its_leaf_was_removed_before_the_launch() {
    if !is_root() {
        return;
    }
    let host = hosts(&ExecSettings::default()).find(|host| host.trees == Trees::Cgroup).unwrap();
    let prepared = host.executor.prepare(&spec("echo there"), 1).await.unwrap();
    let leaf = prepared.leaf().unwrap();
    std::fs::remove_dir(&leaf).unwrap();
    let claim = host.files.slots.take(1, 1).unwrap();
    let dir = std::os::fd::AsFd::as_fd(&host.files.dir);
    let (supervisor, _lodging) =
        host.executor.supervise(prepared, &spec("echo there"), claim, dir, 0).await.unwrap();
    assert_eq!(host.files.record(1).await.end.unwrap(), CommandEnd::Exited(0));
    eventually("it is reaped", || supervisor.reap().unwrap().is_some()).await;
    host.executor.shutdown().await;
}

fn name(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
