//! The user, groups, environment, directory and descriptors of a command.

use crate::roles;
use crate::support::{BOTH, executors, needs_root, output, run, spec};
use agent_core::exec::{DefaultGroup, ExecSettings, FailedStep, Spec, StartError};
use std::process::Command;

fn as_user(user: &str, cmd: &str) -> Spec {
    Spec { user: Some(user.into()), ..spec(cmd) }
}

/// Returns the output of `id` in a process started by setpriv(1).
fn reference(uid: &str, gid: &str) -> String {
    let output = Command::new("setpriv")
        .args(["--reuid", uid, "--regid", gid, "--init-groups", "id"])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn ids_and_groups_equal_those_from_setpriv() {
    if !needs_root() {
        return;
    }
    for (trees, executor) in executors(&ExecSettings::default()) {
        for (user, uid, gid) in
            [("nobody", "65534", "65534"), ("daemon", "1", "1"), ("root", "0", "0")]
        {
            for name in [user, uid] {
                assert_eq!(
                    output(&executor, as_user(name, "id")).await,
                    reference(uid, gid),
                    "{trees:?} {name}"
                );
            }
        }
        let grouped = Spec { group: Some("daemon".into()), ..as_user("nobody", "id -g; id -G") };
        assert_eq!(
            output(&executor, grouped).await,
            "1\n1 65534\n".replace(" 65534", ""),
            "{trees:?}"
        );
        executor.reconfigure(ExecSettings {
            default_group: DefaultGroup::Root,
            ..ExecSettings::default()
        });
        assert_eq!(output(&executor, as_user("nobody", "id -u; id -g")).await, "65534\n0\n");
        executor.shutdown().await;
    }
}

#[test]
fn supplementary_groups_of_the_target_are_set() {
    if !needs_root() {
        return;
    }
    for trees in BOTH {
        assert_eq!(
            roles::play_with_groups("groups", trees, "basictest:x:4242:nobody\n"),
            "65534 4242\n"
        );
    }
}

#[tokio::test]
async fn unknown_users_and_groups_are_rejected() {
    for (_, executor) in executors(&ExecSettings::default()) {
        let user = run(&executor, as_user("no-such-user", "true")).await;
        assert!(matches!(user, Err(StartError::NoSuchUser(name)) if name == "no-such-user"));
        let uid = run(&executor, as_user("3999999999", "true")).await;
        assert!(matches!(uid, Err(StartError::NoSuchUser(_))));
        let group =
            run(&executor, Spec { group: Some("no-such-group".into()), ..spec("true") }).await;
        assert!(matches!(group, Err(StartError::NoSuchGroup(_))));
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn the_environment_inherits_nothing_from_the_agent() {
    if !needs_root() {
        return;
    }
    for (trees, executor) in executors(&ExecSettings::default()) {
        let added = Spec {
            env: vec![("A".into(), "b c".into())],
            ..as_user("nobody", "tr '\\0' '\\n' </proc/$$/environ; :")
        };
        let expected = "HOME=/nonexistent\nUSER=nobody\nLOGNAME=nobody\nSHELL=/bin/bash\n\
            PATH=/usr/local/bin:/usr/bin:/bin\nLANG=C.UTF-8\nA=b c\n";
        assert_eq!(output(&executor, added).await, expected, "{trees:?}");
        let root = output(&executor, spec("echo $HOME $USER $PATH")).await;
        assert_eq!(
            root,
            "/root root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        );
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_command_runs_at_home_or_in_the_requested_directory_and_nowhere_else() {
    if !needs_root() {
        return;
    }
    for (trees, executor) in executors(&ExecSettings::default()) {
        assert_eq!(output(&executor, spec("pwd")).await, "/root\n", "{trees:?}");
        assert_eq!(output(&executor, as_user("nobody", "pwd")).await, "/\n", "{trees:?}");
        assert_eq!(
            output(&executor, Spec { cwd: Some("/tmp".into()), ..spec("pwd") }).await,
            "/tmp\n"
        );
        for (user, cwd) in
            [("root", "/no/such/place"), ("nobody", "/proc/1/fd"), ("root", "/etc/passwd")]
        {
            match run(&executor, Spec { cwd: Some(cwd.into()), ..as_user(user, "pwd") }).await {
                Err(StartError::NotStarted(
                    step @ FailedStep { stage: "working directory", .. },
                )) => {
                    assert!(step.to_string().contains(cwd), "{step}")
                }
                other => panic!("{trees:?} {cwd}: {other:?}"),
            }
        }
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn descriptors_signals_session_and_limits_are_clean() {
    let (soft, _) =
        nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    for (trees, executor) in executors(&ExecSettings::default()) {
        assert_eq!(output(&executor, spec("ls /proc/$$/fd; :")).await, "0\n1\n2\n", "{trees:?}");
        let given =
            Spec { stdin: Some(b"x".to_vec()), separate_stderr: true, ..spec("ls /proc/$$/fd; :") };
        assert_eq!(output(&executor, given).await, "0\n1\n2\n", "{trees:?}");
        let signals =
            output(&executor, spec("exec grep -E '^Sig(Blk|Ign|Pnd)|^ShdPnd' /proc/self/status"))
                .await;
        assert!(
            signals.lines().all(|line| line.ends_with("\t0000000000000000")),
            "{trees:?}\n{signals}"
        );
        assert_eq!(output(&executor, spec("umask")).await, "0022\n");
        let ids = output(&executor, spec("echo $$; cut -d' ' -f5,6 /proc/$$/stat; :")).await;
        let (pid, rest) = ids.split_once('\n').unwrap();
        assert_eq!(
            rest.trim(),
            format!("{pid} {pid}"),
            "{trees:?}: it leads its own process group and session"
        );
        let limit: u64 = output(&executor, spec("ulimit -Sn")).await.trim().parse().unwrap();
        assert!(limit <= soft.max(1024) || limit == soft, "{trees:?}: {limit} of {soft}");
        assert_eq!(output(&executor, spec("cat /proc/self/oom_score_adj")).await, "0\n");
        executor.shutdown().await;
    }
}

#[tokio::test]
async fn a_user_can_open_its_own_output_and_input_by_name() {
    if !needs_root() {
        return;
    }
    for (trees, executor) in executors(&ExecSettings::default()) {
        let cmd = "cat /dev/stdin >/dev/stdout; echo e >/dev/stderr";
        let given =
            Spec { stdin: Some(b"x".to_vec()), separate_stderr: true, ..as_user("nobody", cmd) };
        let outcome = run(&executor, given).await.unwrap();
        assert_eq!(
            (&outcome.stdout.bytes[..], &outcome.stderr.unwrap().bytes[..]),
            (&b"x"[..], &b"e\n"[..]),
            "{trees:?}"
        );
        executor.shutdown().await;
    }
}
