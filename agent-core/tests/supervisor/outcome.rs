//! The record that a supervisor makes of a command's end.

use crate::host::{Host, hosts};
use crate::support::{Marker, eventually, needs_root, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Spec, StartError};
use agent_sys::slot::{Leftovers, SlotState};
use agent_sys::spool::Stream;
use agent_sys::{Stage, StartFailure};
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::test]
async fn status_signal_and_core_flag_are_recorded() {
    let table = [
        ("true", CommandEnd::Exited(0)),
        ("exit 3", CommandEnd::Exited(3)),
        ("exit 127", CommandEnd::Exited(127)),
        ("no-such-program-anywhere", CommandEnd::Exited(127)),
        ("kill -9 $$", CommandEnd::Signaled { signal: 9, core: false }),
        ("ulimit -c 0; kill -SEGV $$", CommandEnd::Signaled { signal: 11, core: false }),
        ("exec >&- 2>&-; exit 4", CommandEnd::Exited(4)),
        ("cat; exit 5", CommandEnd::Exited(5)),
        // A command may signal its parent, but that does not cancel it or other tasks.
        ("kill -HUP $PPID; kill -INT $PPID; exit 6", CommandEnd::Exited(6)),
    ];
    for host in hosts(&ExecSettings::default()) {
        for (cmd, expected) in table {
            assert_eq!(host.end(spec(cmd)).await, Ok(expected), "{:?}: {cmd}", host.trees);
        }
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_record_has_the_times_and_usage_of_the_command() {
    for host in hosts(&ExecSettings::default()) {
        let now = || {
            u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis())
                .unwrap()
        };
        let before = now();
        let cmd = "for ((i = 0; i < 100000; i++)); do :; done; sleep 0.2";
        let (record, task) = host.run(spec(cmd)).await;
        assert!(
            before <= record.started_ms
                && record.started_ms < record.ended_ms
                && record.ended_ms <= now()
        );
        assert!(record.wall >= Duration::from_millis(200), "{:?}", record.wall);
        let usage = record.usage.unwrap();
        assert!(usage.user > Duration::from_millis(10) && usage.max_rss_kib > 500, "{usage:?}");
        assert_eq!(record.leftovers, Leftovers::Nothing);
        assert_eq!(record.totals.stdout.total, 0);
        let file = host.files.path().join(Stream::Stdout.file_name(task.n));
        assert!(!file.exists(), "a task without output has no file");
        host.executor.shutdown().await;
    }
}

/// A task that waits for its moment is then scheduled first; its command is not.
#[tokio::test]
async fn a_command_is_not_started_before_its_moment_and_is_an_ordinary_process() {
    for host in hosts(&ExecSettings::default()) {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let moment = u64::try_from((now() + Duration::from_millis(300)).as_millis()).unwrap();
        // The time; its priority, niceness and policy, 0 being SCHED_OTHER (proc_pid_stat(5)); and
        // the policy of its shell.
        let cmd = "date +%s%3N; cut -d' ' -f18,19,40,41 /proc/self/stat; cut -d' ' -f41 /proc/$$/stat; tail -f /dev/null";
        let timeout = Duration::from_secs(4);
        let asked = Spec { timeout: Some(timeout), ..spec(cmd) };
        let task = host.attempt_at(asked, moment).await.unwrap();
        assert!(task.begun().await.wall_ms >= moment, "it began before its moment");
        let record = task.record().await;
        assert!(record.started_ms >= moment, "{} < {moment}", record.started_ms);
        assert_eq!(record.end.unwrap(), CommandEnd::TimedOut);
        assert!(record.wall >= timeout, "the time-out counts from the start: {:?}", record.wall);
        let stdout = task.stdout();
        let mut lines = stdout.lines();
        let began: u64 = lines.next().unwrap().parse().unwrap();
        assert!(began >= moment, "{began} < {moment}");
        assert_eq!(lines.collect::<Vec<_>>(), [format!("{} 0 0", priority()), "0".to_owned()]);
        host.executor.shutdown().await;
    }
}

/// Returns the priority and niceness of the test itself, which its commands inherit.
fn priority() -> String {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name in parentheses may contain spaces.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(15).take(2).collect::<Vec<_>>().join(" ")
}

/// A task that is cancelled while it waits is not run to its end.
#[tokio::test]
async fn a_task_can_be_cancelled_before_its_moment() {
    for host in hosts(&ExecSettings::default()) {
        let moment =
            (SystemTime::now() + Duration::from_millis(300)).duration_since(UNIX_EPOCH).unwrap();
        let task = host
            .attempt_at(spec("sleep 1000"), u64::try_from(moment.as_millis()).unwrap())
            .await
            .unwrap();
        task.begun().await;
        task.cancel();
        assert_eq!(task.record().await.end.unwrap(), CommandEnd::Cancelled);
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_task_has_the_input_environment_directory_and_umask_of_a_command() {
    for host in hosts(&ExecSettings::default()) {
        let cmd = r#"read line; echo "$line $A $PWD $(umask) $(ls /proc/self/fd | wc -l) $(ps -o pgid= $$)""#;
        let asked = Spec {
            stdin: Some(b"input\n".to_vec()),
            env: vec![("A".into(), "value".into())],
            cwd: Some("/usr".into()),
            ..spec(&format!("{cmd} $$"))
        };
        let (_, task) = host.run(asked).await;
        let stdout = task.stdout();
        let words: Vec<&str> = stdout.split_whitespace().collect();
        // ls has its standard three and the directory it reads.
        assert_eq!(words[..5], ["input", "value", "/usr", "0022", "4"], "{stdout}");
        assert_eq!(words[5], words[6], "a session of its own: {stdout}");
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_record_says_why_a_command_could_not_be_started() {
    for host in hosts(&ExecSettings::default()) {
        let asked = Spec { cwd: Some("/no/such/directory".into()), ..spec("true") };
        let end = host.end(asked.clone()).await;
        assert_eq!(end, Err(StartFailure { stage: Stage::Directory, errno: libc_enoent() }));
        let explained = host
            .executor
            .explain(StartFailure { stage: Stage::Directory, errno: libc_enoent() }, &asked)
            .to_string();
        assert!(explained.contains("/no/such/directory"), "{explained}");
        host.executor.reconfigure(ExecSettings {
            shell: "/no/such/shell".into(),
            ..ExecSettings::default()
        });
        let end = host.end(spec("true")).await;
        assert_eq!(end, Err(StartFailure { stage: Stage::Exec, errno: libc_enoent() }));
        host.executor.shutdown().await;
    }
}

fn libc_enoent() -> i32 {
    nix::errno::Errno::ENOENT as i32
}

#[tokio::test]
async fn a_task_that_cannot_begin_is_rejected_at_once_and_leaves_no_leaf() {
    for host in hosts(&ExecSettings::default()) {
        let stranger = Spec { user: Some("no-such-user".into()), ..spec("true") };
        assert!(matches!(host.executor.check(&stranger).await, Err(StartError::NoSuchUser(_))));
        assert!(matches!(host.attempt(stranger).await.err(), Some(StartError::NoSuchUser(_))));
        let empty = Spec { cmd: String::new(), ..Spec::default() };
        assert!(matches!(
            host.executor.check(&empty).await,
            Err(StartError::InvalidCommand { .. })
        ));
        host.executor.check(&spec("true")).await.unwrap();
        let prepared = host.executor.prepare(&spec("true"), 77).await.unwrap();
        let leaf = prepared.leaf();
        assert!(leaf.as_ref().is_none_or(|leaf| leaf.ends_with("task.77") && leaf.exists()));
        drop(prepared);
        assert!(leaf.is_none_or(|leaf| !leaf.exists()));
        host.executor.shutdown().await;
        assert!(matches!(host.attempt(spec("true")).await.err(), Some(StartError::ShuttingDown)));
    }
}

#[tokio::test]
async fn a_task_runs_as_its_user_and_can_open_its_own_output_by_name() {
    if !needs_root() {
        return;
    }
    for host in hosts(&ExecSettings::default()) {
        let cmd =
            "id -un; id -gn; echo x > /dev/stderr; cat /dev/stdin; kill -0 $PPID || echo alone";
        let stdin = Some(b"in\n".to_vec());
        let user = Some("nobody".into());
        let (record, task) =
            host.run(Spec { user, stdin, separate_stderr: true, ..spec(cmd) }).await;
        assert_eq!(
            (record.end.unwrap(), &task.stdout()[..]),
            (CommandEnd::Exited(0), "nobody\nnogroup\nin\nalone\n")
        );
        assert!(task.stored(Stream::Stderr).bytes.starts_with(b"x\n"));
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn two_tasks_at_once_do_not_affect_each_other() {
    for host in hosts(&ExecSettings { max_running: 0, ..ExecSettings::default() }) {
        let marker = Marker::new();
        let first =
            host.begin(spec(&marker.script("echo one; exec 2>&-; sleep MARK; exit 1"))).await;
        let (second, task) = host.run(spec("echo two; exit 2")).await;
        assert_eq!((second.end.unwrap(), &task.stdout()[..]), (CommandEnd::Exited(2), "two\n"));
        assert!(matches!(host.files.slot(first.n), SlotState::Running { .. }));
        eventually("it sleeps", || marker.sleepers().len() == 1).await;
        marker.kill();
        assert_eq!(
            (first.record().await.end.unwrap(), &first.stdout()[..]),
            (CommandEnd::Exited(1), "one\n")
        );
        host.executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_supervisor_holds_only_the_descriptors_it_needs() {
    for host in hosts(&ExecSettings::default()) {
        let task =
            host.begin(Spec { separate_stderr: true, ..spec("echo begun; exec sleep 1000") }).await;
        let pid = task.begun().await.pid;
        eventually("its output is stored", || host.files.totals(task.n).stdout.total == 6).await;
        let mut open = descriptors(pid);
        open.sort();
        let path = |name: &str| host.files.path().join(name).display().to_string();
        let mut expected =
            vec![path("slots"), path("").trim_end_matches('/').into(), path("1.out")];
        expected.extend(["/dev/null"; 3].map(String::from));
        // Two streams and the pipe for a failure to exec.
        expected.extend(["pipe"; 3].map(String::from));
        expected.extend(["anon_inode:[signalfd]", "anon_inode:[timerfd]"].map(String::from));
        expected.extend(task.leaf.iter().map(|leaf| leaf.display().to_string()));
        expected.sort();
        assert_eq!(open, expected);
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.starts_with("Name:\tbasicagent-task\n"), "{status}");
        task.cancel();
        assert_eq!(task.record().await.end.unwrap(), CommandEnd::Cancelled);
        host.executor.shutdown().await;
    }
}

fn descriptors(pid: i32) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let target = |link: fs::DirEntry| fs::read_link(link.path()).unwrap().display().to_string();
    let name = |target: String| if target.starts_with("pipe:") { "pipe".into() } else { target };
    links.map(target).map(name).collect()
}

#[tokio::test]
async fn only_the_process_with_the_recorded_start_time_is_found_as_supervisor() {
    let mut both = hosts(&ExecSettings::default());
    let host: Host = both.next().unwrap();
    let task = host.begin(spec("exec sleep 1000")).await;
    let begun = task.begun().await;
    assert!(task.find(&agent_sys::slot::Begun { ticks: 0, ..begun }).is_none());
    let found = task.find(&begun).unwrap();
    found.signal(nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(task.record().await.end.unwrap(), CommandEnd::Cancelled);
    assert!(task.find(&begun).is_none());
    host.executor.shutdown().await;
}
