//! Agents as processes of their own: a test must not measure or kill its own process.

use crate::support::{Marker, children, eventually, has_executed, own_status, run, spec, start};
use agent_core::exec::{CommandEnd, ExecSettings, FailedStep, Spec, StartError, Trees};
use nix::sys::ptrace;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The beginning of lines that a role prints for its test; the harness prints others.
const SAID: &str = "ROLE SAYS ";

fn command(role: &str, trees: Trees, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "roles::agent_process", "--ignored", "--nocapture"]);
    command
        .env("ROLE", role)
        .env("TREES", format!("{trees:?}"))
        .env("ARGUMENTS", arguments.join(" "));
    command.stdin(Stdio::null());
    command
}

/// Starts a role that its test kills.
pub(crate) fn begin(role: &str, trees: Trees, arguments: &[&str]) -> Child {
    command(role, trees, arguments).stdout(Stdio::null()).spawn().unwrap()
}

/// Plays a role to its end and returns the lines for its test.
pub(crate) fn play(role: &str, trees: Trees) -> String {
    said(&mut command(role, trees, &[]))
}

/// Plays a role on a host with these additional lines in /etc/group.
pub(crate) fn play_with_groups(role: &str, trees: Trees, lines: &str) -> String {
    let file = std::env::temp_dir().join(format!("basicagent-group.{}", std::process::id()));
    fs::write(&file, fs::read_to_string("/etc/group").unwrap() + lines).unwrap();
    let inner = command(role, trees, &[]);
    let mut outer = Command::new("unshare");
    outer.args(["-m", "bash", "-c", r#"mount --bind "$0" /etc/group && exec "$@""#]).arg(&file);
    outer.arg(inner.get_program()).args(inner.get_args());
    outer
        .envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null());
    let said = said(&mut outer);
    fs::remove_file(file).unwrap();
    said
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| Some(line.split_once(SAID)?.1.to_owned() + "\n")).collect()
}

pub(crate) fn own_cgroup() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = mounts
        .lines()
        .find(|line| line.contains(" - cgroup2 "))
        .unwrap()
        .split(' ')
        .nth(4)
        .unwrap();
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    PathBuf::from(point).join(path)
}

fn zygote() -> Option<Pid> {
    let (pid, ..) = children().into_iter().find(|(pid, state, name)| {
        name == "basicagent-zyg" && *state != 'Z' && has_executed(*pid)
    })?;
    Some(Pid::from_raw(pid))
}

#[tokio::test]
#[ignore = "not a test: the process that tests start as their agent"]
async fn agent_process() {
    let Ok(role) = std::env::var("ROLE") else { return };
    if role == "tracer" {
        return tracer();
    }
    let trees =
        if std::env::var("TREES").unwrap() == "Cgroup" { Trees::Cgroup } else { Trees::Keeper };
    let arguments = std::env::var("ARGUMENTS").unwrap();
    match role.as_str() {
        "groups" => groups(trees).await,
        "flood" => flood(trees).await,
        "crowd" => crowd(trees).await,
        "crowd-figures" => crowd_figures(trees).await,
        "zombies" => zombies(trees).await,
        "zygote-killed" => zygote_killed(trees).await,
        "zygote-killed-often" => zygote_killed_often(trees).await,
        "zygote-stopped" => zygote_stopped(trees).await,
        "sleeper" => sleeper(trees, &arguments).await,
        other => panic!("no role {other}"),
    }
}

fn say(line: impl std::fmt::Display) {
    println!("{SAID}{line}");
}

async fn groups(trees: Trees) {
    let executor = start(trees, ExecSettings::default());
    let nobody = Spec { user: Some("nobody".into()), ..spec("id -G") };
    say(String::from_utf8(run(&executor, nobody).await.unwrap().stdout.bytes).unwrap().trim());
    executor.shutdown().await;
}

async fn flood(trees: Trees) {
    let executor = start(trees, ExecSettings { max_output: 64 * 1024, ..ExecSettings::default() });
    run(&executor, spec("true")).await.unwrap();
    let before = own_status("VmHWM");
    let outcome = run(&executor, spec("yes | head -c 300000000")).await.unwrap();
    assert_eq!(outcome.stdout.bytes.len() as u64 + outcome.stdout.dropped, 300_000_000);
    say(own_status("VmHWM") - before);
    executor.shutdown().await;
}

async fn crowd(trees: Trees) {
    const CROWD: usize = 200;
    let executor = start(trees, ExecSettings { max_running: CROWD, ..ExecSettings::default() });
    run(&executor, spec("true")).await.unwrap();
    let marker = Marker::new();
    let before = own_status("VmRSS");
    let all: Vec<_> = (0..CROWD)
        .map(|_| {
            let (executor, cmd) = (executor.clone(), marker.script("exec sleep MARK"));
            tokio::spawn(async move { run(&executor, spec(&cmd)).await.unwrap().end })
        })
        .collect();
    eventually("all sleep", || marker.sleepers().len() == CROWD).await;
    let each = own_status("VmRSS").saturating_sub(before) / CROWD as u64;
    marker.kill();
    for one in all {
        assert_eq!(one.await.unwrap(), CommandEnd::Signaled { signal: 9, core: false });
    }
    say(each);
    executor.shutdown().await;
}

/// Returns the proportional set size of these processes together, in KiB.
fn pss(pids: &[i32]) -> u64 {
    let one = |pid: &i32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    pids.iter().filter_map(one).sum()
}

/// Measures the memory of a crowd of commands in each kind of our processes.
async fn crowd_figures(trees: Trees) {
    const CROWD: usize = 200;
    let executor = start(trees, ExecSettings { max_running: CROWD, ..ExecSettings::default() });
    run(&executor, spec("true")).await.unwrap();
    let marker = Marker::new();
    let own = [i32::try_from(std::process::id()).unwrap()];
    let named = |wanted: &str| -> Vec<i32> {
        children().into_iter().filter(|(_, _, name)| name == wanted).map(|(pid, ..)| pid).collect()
    };
    let now = || {
        (
            own_status("VmRSS"),
            pss(&own),
            pss(&named("basicagent-zyg")),
            pss(&named("basicagent-keep")),
        )
    };
    let before = now();
    let all: Vec<_> = (0..CROWD)
        .map(|_| {
            let (executor, cmd) = (executor.clone(), marker.script("exec sleep MARK"));
            tokio::spawn(async move { run(&executor, spec(&cmd)).await.unwrap().end })
        })
        .collect();
    eventually("all sleep", || marker.sleepers().len() == CROWD).await;
    let after = now();
    let each = |before: u64, after: u64| (after as f64 - before as f64) / CROWD as f64;
    say(format!(
        "agent RSS {:.1} KiB, agent PSS {:.1}, zygote PSS {:.1}, keepers PSS {:.1} a command",
        each(before.0, after.0),
        each(before.1, after.1),
        each(before.2, after.2),
        each(before.3, after.3),
    ));
    marker.kill();
    for one in all {
        one.await.unwrap();
    }
    executor.shutdown().await;
}

async fn zombies(trees: Trees) {
    let executor =
        start(trees, ExecSettings { grace: Duration::from_millis(50), ..ExecSettings::default() });
    for cmd in ["true", "sleep 0.2 & true", "(sleep 0.1 &); exit 3", "kill -9 $$"] {
        run(&executor, spec(cmd)).await.unwrap();
    }
    for cmd in ["sleep 100", "trap '' TERM; (setsid sleep 100 &); sleep 100; sleep 100"] {
        let timeout = Some(Duration::from_millis(100));
        run(&executor, Spec { timeout, ..spec(cmd) }).await.unwrap();
    }
    executor
        .reconfigure(ExecSettings { shell: "/no/such/shell".into(), ..ExecSettings::default() });
    run(&executor, spec("true")).await.unwrap_err();
    // A keeper is reaped right after the outcome is sent.
    eventually("only the zygote is left", || children().len() == 1).await;
    for (_, state, name) in children() {
        say(format!("{name} {state}"));
    }
    executor.shutdown().await;
    eventually("the zygote is gone too", || children().is_empty()).await;
    say("none");
}

async fn zygote_killed(trees: Trees) {
    let executor =
        start(trees, ExecSettings { grace: Duration::from_millis(50), ..ExecSettings::default() });
    let end = |outcome: Result<agent_core::exec::Outcome, StartError>| {
        format!("{:?}", outcome.unwrap().end)
    };
    let marker = Marker::new();
    let timed = Marker::new();
    let timeout = Some(Duration::from_secs(6));
    let kill = async {
        eventually("both run", || marker.sleepers().len() + timed.sleepers().len() == 2).await;
        let old = zygote().unwrap();
        signal::kill(old, Signal::SIGKILL).unwrap();
        let (first, second) =
            (run(&executor, spec("true")).await, run(&executor, spec("true")).await);
        eventually("another zygote", || zygote().is_some_and(|new| new != old)).await;
        marker.kill();
        (first, second)
    };
    let cmd = marker.script("sleep MARK; exit 7");
    let timed_cmd = timed.script("(setsid sleep MARK &) ; sleep 100");
    let (before, (first, second), timed_out) = tokio::join!(
        run(&executor, spec(&cmd)),
        kill,
        run(&executor, Spec { timeout, ..spec(&timed_cmd) }),
    );
    for outcome in [before, first, second, timed_out] {
        say(end(outcome));
    }
    assert_eq!(timed.sleepers(), Vec::<i32>::new());
    executor.shutdown().await;
    eventually("no child is left", || children().is_empty()).await;
}

/// Kills the zygote while it has many launches.
async fn zygote_killed_often(trees: Trees) {
    const COMMANDS: usize = 400;
    const KILLS: usize = 4;
    let executor = start(trees, ExecSettings { max_running: COMMANDS, ..ExecSettings::default() });
    let path = std::env::temp_dir().join(format!("basicagent-often.{}", std::process::id()));
    let log = || fs::read_to_string(&path).unwrap_or_default();
    let all: Vec<_> = (0..COMMANDS)
        .map(|number| {
            let (executor, cmd) =
                (executor.clone(), format!("echo {number} >> {}", path.display()));
            tokio::spawn(async move { run(&executor, spec(&cmd)).await })
        })
        .collect();
    for kill in 1..=KILLS {
        eventually("some commands have run", || {
            log().lines().count() >= kill * COMMANDS / (KILLS + 2)
        })
        .await;
        if let Some(zygote) = zygote() {
            let _ = signal::kill(zygote, Signal::SIGKILL);
        }
    }
    for (number, one) in all.into_iter().enumerate() {
        let end = one.await.unwrap().unwrap().end;
        let ran = log().lines().filter(|line| *line == number.to_string()).count();
        assert_eq!((end, ran), (CommandEnd::Exited(0), 1), "{number}");
    }
    say("each ran once");
    executor.shutdown().await;
    fs::remove_file(path).unwrap();
    eventually("no child is left", || children().is_empty()).await;
}

async fn zygote_stopped(trees: Trees) {
    let executor = start(trees, ExecSettings::default());
    eventually("the zygote has its name", || zygote().is_some()).await;
    signal::kill(zygote().unwrap(), Signal::SIGSTOP).unwrap();
    match run(&executor, spec("true")).await {
        Err(StartError::NotStarted(FailedStep { stage: "zygote", .. })) => say("NotStarted"),
        other => say(format!("{other:?}")),
    }
    say(format!("{:?}", run(&executor, spec("true")).await.unwrap().end));
    executor.shutdown().await;
    eventually("no child is left, and the stopped zygote is gone too", || children().is_empty())
        .await;
}

async fn sleeper(trees: Trees, markers: &str) {
    let (marker, kept) = markers.split_once(' ').unwrap();
    let executor = start(trees, ExecSettings::default());
    run(&executor, spec(&format!("sleep {kept} >/dev/null 2>&1 &"))).await.unwrap();
    let cmd = format!(
        "setsid sleep {marker} & exec >&- 2>&-; trap '' TERM; sleep {marker}; sleep {marker}"
    );
    let _ = run(&executor, Spec { timeout: None, ..spec(&cmd) }).await;
}

/// Runs as a command, not as an agent: it traces its child, so the child stops before its end until
/// this tracer continues it.
fn tracer() {
    let sleeper = || Command::new("sleep").arg("1000").spawn().unwrap();
    let mut children = [sleeper(), sleeper()];
    let [traced, stopped] =
        children.each_ref().map(|child| Pid::from_raw(i32::try_from(child.id()).unwrap()));
    ptrace::attach(traced).unwrap();
    waitpid(traced, None).unwrap();
    ptrace::setoptions(traced, ptrace::Options::PTRACE_O_TRACEEXIT).unwrap();
    ptrace::cont(traced, None).unwrap();
    // This child stays stopped by its tracer.
    ptrace::attach(stopped).unwrap();
    std::thread::sleep(Duration::from_secs(1000));
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
