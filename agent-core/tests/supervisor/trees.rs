//! Time-out and cancellation leave no process of the tree.

use crate::host::hosts;
use crate::roles;
use crate::support::{DEADLINE, Marker, eventually, needs_root, processes, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Spec};
use agent_sys::slot::Leftovers;
use std::fs;
use std::time::{Duration, Instant};

const SCRIPTS: [(&str, &str); 10] = [
    ("plain", "echo begun; sleep MARK"),
    ("closed output, own session", "echo begun; setsid sleep MARK & exec >&- 2>&-; sleep MARK"),
    ("double fork", "echo begun; (setsid bash -c 'sleep MARK & exec sleep MARK' &) ; sleep MARK"),
    ("orphan of an ended shell", "echo begun; bash -c '(setsid sleep MARK &)'; sleep MARK"),
    (
        "ignores TERM",
        "trap '' TERM; echo begun; setsid sleep MARK & sleep MARK; sleep MARK; sleep MARK",
    ),
    (
        "another name",
        "echo begun; (setsid bash -c 'echo sshd > /proc/$BASHPID/comm; sleep MARK; :' &); sleep MARK",
    ),
    ("stopped child", "echo begun; sleep MARK & kill -STOP $!; sleep MARK"),
    ("stopped shell", "echo begun; sleep MARK & kill -STOP $$"),
    ("many", "echo begun; for ((i = 0; i < 200; i++)); do setsid sleep MARK & done; wait"),
    (
        "bomb",
        // As fast as it can, but bounded: a test must not take the host down.
        "trap '' TERM; echo begun; bomb() { for ((i = 0; i < 2000; i++)); do setsid sleep MARK & done; wait; }; bomb & bomb & wait",
    ),
];

fn settings() -> ExecSettings {
    ExecSettings { grace: Duration::from_millis(200), ..ExecSettings::default() }
}

#[tokio::test]
async fn a_time_out_leaves_no_process_and_keeps_the_output_so_far() {
    for host in hosts(&settings()) {
        for (name, script) in SCRIPTS {
            let marker = Marker::new();
            let timeout = Some(Duration::from_millis(400));
            let (record, task) = host.run(Spec { timeout, ..spec(&marker.script(script)) }).await;
            assert_eq!(
                (record.end.unwrap(), record.leftovers),
                (CommandEnd::TimedOut, Leftovers::Nothing),
                "{:?}: {name}",
                host.trees
            );
            assert!(record.wall >= Duration::from_millis(400));
            // On a busy host the time-out may come before it prints anything.
            let stdout = task.stdout();
            assert!(
                stdout.is_empty() || stdout.starts_with("begun\n"),
                "{:?}: {name}: {stdout}",
                host.trees
            );
            assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{:?}: {name}", host.trees);
            assert!(task.leaf.is_none_or(|leaf| !leaf.exists()), "{name}");
        }
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn root_privileges_do_not_let_a_process_escape_its_tree() {
    if !needs_root() {
        return;
    }
    let scripts = [
        (
            "another user",
            "setpriv --reuid 65534 --clear-groups setsid sleep MARK & sleep MARK".to_owned(),
        ),
        ("another cgroup", format!("(echo 0 > {}; setsid sleep MARK &); sleep MARK", elsewhere())),
        (
            "a namespace",
            "unshare --pid --fork --mount-proc setsid sleep MARK & sleep MARK".to_owned(),
        ),
        (
            "out of memory's reach",
            "echo -1000 > /proc/self/oom_score_adj; nice -n -20 sleep MARK".to_owned(),
        ),
    ];
    for host in hosts(&settings()) {
        for (name, script) in &scripts {
            let marker = Marker::new();
            let task = host.begin(Spec { timeout: None, ..spec(&marker.script(script)) }).await;
            let sleepers = script.matches("MARK").count();
            eventually(name, || marker.sleepers().len() >= sleepers).await;
            task.cancel();
            let record = task.record().await;
            assert_eq!(
                (record.end.unwrap(), record.leftovers),
                (CommandEnd::Cancelled, Leftovers::Nothing),
                "{:?}: {name}",
                host.trees
            );
            assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{:?}: {name}", host.trees);
        }
        host.executor.shutdown().await;
    }
}

/// Returns `cgroup.procs` of a cgroup without tasks.
fn elsewhere() -> String {
    let own = roles::own_cgroup().join("cgroup.procs");
    own.to_str().map(str::to_owned).unwrap_or_default()
}

#[tokio::test]
async fn sigterm_to_the_supervisor_cancels_at_once() {
    for host in hosts(&settings()) {
        for (name, script) in SCRIPTS.into_iter().filter(|(name, _)| *name != "bomb") {
            let marker = Marker::new();
            let task = host.begin(Spec { timeout: None, ..spec(&marker.script(script)) }).await;
            eventually("it has begun", || host.files.totals(task.n).stdout.total >= 6).await;
            task.cancel();
            task.cancel();
            let record = task.record().await;
            assert_eq!(
                (record.end.unwrap(), record.leftovers),
                (CommandEnd::Cancelled, Leftovers::Nothing),
                "{:?}: {name}",
                host.trees
            );
            assert_eq!(marker.sleepers(), Vec::<i32>::new(), "{:?}: {name}", host.trees);
        }
        // Cancelled before it could begin.
        let task = host.begin(Spec { timeout: None, ..spec("sleep 1000") }).await;
        task.cancel();
        assert_eq!(task.record().await.end.unwrap(), CommandEnd::Cancelled);
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_tree_that_ends_on_sigterm_is_recorded_before_the_grace_is_over() {
    let grace = Duration::from_secs(60);
    for host in hosts(&ExecSettings { grace, ..ExecSettings::default() }) {
        let cmd = "trap 'echo bye; exit 0' TERM; echo begun; sleep 100 & wait";
        let mut timeout = Duration::from_millis(300);
        loop {
            let start = Instant::now();
            let (record, task) = host.run(Spec { timeout: Some(timeout), ..spec(cmd) }).await;
            assert_eq!(record.end.unwrap(), CommandEnd::TimedOut, "{:?}", host.trees);
            assert!(start.elapsed() < timeout + grace / 2, "{:?}", host.trees);
            let stdout = task.stdout();
            if stdout == "begun\nbye\n" {
                break;
            }
            // On a busy host the time-out may come before it prints anything.
            let too_early = !stdout.starts_with("begun\n") && timeout < DEADLINE;
            assert!(too_early, "{:?}: {stdout}", host.trees);
            timeout *= 2;
        }
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_flood_from_a_background_child_does_not_delay_the_record() {
    for host in hosts(&settings()) {
        let marker = Marker::new();
        let script = marker.script("bash -c 'yes; :' flood-MARK & sleep 0.1; exit 3");
        let task = host.begin(Spec { max_output: Some(100), ..spec(&script) }).await;
        task.reaped().await;
        assert_eq!(host.files.record(task.n).await.end.unwrap(), CommandEnd::Exited(3));
        // Its pipe is closed now.
        let flood =
            || processes().into_iter().any(|pid| has_argument(pid, &format!("flood-{}", marker.0)));
        eventually("the flood has ended by SIGPIPE", || !flood()).await;
        task.give_back(None);
        let left = || task.leaf.as_ref().is_some_and(|leaf| leaf.exists());
        eventually("its leaf is removed", || {
            host.executor.sweep_leaves(|_| false);
            !left()
        })
        .await;
        host.executor.shutdown().await;
    }
}

fn has_argument(pid: i32, argument: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
}

#[tokio::test]
async fn a_flood_of_output_does_not_delay_the_time_out() {
    for host in hosts(&settings()) {
        let timeout = Some(Duration::from_secs(2));
        let asked = Spec {
            timeout,
            max_output: Some(10_000),
            separate_stderr: true,
            ..spec("yes >&2 & yes")
        };
        let (record, _) = host.run(asked).await;
        assert_eq!(
            (record.end.unwrap(), record.leftovers),
            (CommandEnd::TimedOut, Leftovers::Nothing)
        );
        assert!(record.totals.stdout.total > 10_000 && record.totals.stderr.total > 10_000);
        assert!(record.wall < DEADLINE, "{:?}", record.wall);
        host.executor.shutdown().await;
    }
}
