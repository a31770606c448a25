//! The cgroups of the agent's commands: the agent changes none but its own, and goes on where they
//! cannot be used.

use e2e::{Agent, AgentConfig, Local, Pki, eventually, needs_root};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A cgroup of version 2 for one agent; removed with all its processes when dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes the cgroup; `None`, with a line that says so, where there is no cgroup v2.
    fn make(test: &str) -> Option<Self> {
        if !needs_root(test) {
            return None;
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let Some(mount) = mount.and_then(|line| line.split(' ').nth(4)) else {
            eprintln!("SKIPPED (needs cgroup v2): {test}");
            return None;
        };
        let path = Path::new(mount).join(format!("{test}.{}", std::process::id()));
        fs::create_dir(&path).expect("we are root");
        Some(Self(path))
    }

    /// Starts an agent in it whose server is unreachable.
    fn agent(&self) -> Agent {
        let mut config = AgentConfig::new("127.0.0.1:1".parse().expect("an address"));
        let enter = format!("echo $$ > '{}/cgroup.procs' && exec \"$@\"", self.0.display());
        config.wrapper = ["sh", "-c", &enter, "sh"].map(str::to_owned).to_vec();
        Agent::start(&Pki::new(), config)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).expect("a file of the cgroup")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        fs::write(self.0.join("cgroup.kill"), "1").expect("Linux 5.14 or later");
        fn remove(path: &Path) -> bool {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    remove(&entry.path());
                }
            }
            fs::remove_dir(path).is_ok() || !path.exists()
        }
        e2e::wait_some("the cgroup is gone", || remove(&self.0).then_some(()));
    }
}

async fn bash(local: &mut Local, cmd: &str) -> Value {
    local.ask(&json!({"id": "bash", "method": "sync.bash", "cmd": cmd})).await
}

/// Returns whether a command ran in a cgroup of its own.
async fn has_leaf(local: &mut Local) -> bool {
    let answer = bash(local, "cat /proc/self/cgroup").await;
    assert_eq!(answer["retcode"], 0, "{answer}");
    answer["data"].as_str().expect("text").contains("/basicagent.")
}

/// Runs a task to its end and returns its retcode.
async fn task(local: &mut Local, id: &str, more: Value) -> Value {
    let mut request = json!({"id": id, "method": "async.bash", "cmd": "exit 7"});
    let more = more.as_object().expect("fields").clone();
    request.as_object_mut().expect("an object").extend(more);
    let accepted = local.ask(&request).await;
    if accepted["message"] != "Accepted" {
        return accepted;
    }
    loop {
        let status = local.ask(&json!({"id": "s", "method": "async.status", "task": id})).await;
        if status["data"]["state"] == "ended" {
            return status["data"].clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn commands_and_tasks_go_on_while_the_kernel_puts_no_process_into_their_cgroups() {
    let Some(cgroup) = Cgroup::make("turned-threaded") else { return };
    let agent = cgroup.agent();
    let mut local = Local::connect(&agent).await;
    assert!(has_leaf(&mut local).await);
    assert_eq!(task(&mut local, "before", json!({})).await["retcode"], 7);

    // The agent's cgroup becomes a "domain threaded" one, as when somebody enables cpu in it: each
    // cgroup below is a "domain invalid" one from now on.
    let thread = cgroup.0.join("thread");
    fs::create_dir(&thread).unwrap();
    let turn = || fs::write(thread.join("cgroup.type"), "threaded").is_ok();
    eventually("no process is in a cgroup below, so the type can change", turn).await;
    assert_eq!(cgroup.read("cgroup.type"), "domain threaded\n");
    for round in ["a", "b"] {
        assert!(!has_leaf(&mut local).await, "round {round}");
        assert_eq!(task(&mut local, round, json!({})).await["retcode"], 7);
    }
    agent.logged("processes hold commands and tasks together instead").await;
    // Without a cgroup, too, a time-out ends the whole tree.
    let slow = json!({"id": "slow", "method": "sync.bash", "cmd": "setsid sleep 1000 & wait", "timeout": 1});
    assert_eq!(local.ask(&slow).await["retcode"], 3031);

    fs::remove_dir(&thread).unwrap();
    assert_eq!(cgroup.read("cgroup.type"), "domain\n");
    assert!(has_leaf(&mut local).await, "and again in one of its own");
    assert_eq!(task(&mut local, "after", json!({})).await["retcode"], 7);
}

#[tokio::test]
async fn a_request_with_limits_changes_no_cgroup_that_has_processes() {
    let Some(cgroup) = Cgroup::make("limits-asked") else { return };
    let agent = cgroup.agent();
    let mut local = Local::connect(&agent).await;
    assert!(has_leaf(&mut local).await);
    let state = |cgroup: &Cgroup| {
        ["cgroup.type", "cgroup.subtree_control", "cgroup.controllers"]
            .map(|file| cgroup.read(file))
    };
    let before = state(&cgroup);
    for limits in [json!({"memory": 64 << 20}), json!({"pids": 50}), json!({"cpu": 50})] {
        let request =
            json!({"id": "limited", "method": "sync.bash", "cmd": "true", "limits": limits});
        let answer = local.ask(&request).await;
        // By version 1, or not at all: this cgroup is not the agent's to change.
        assert!([0, 3033].contains(&answer["retcode"].as_i64().unwrap()), "{answer}");
        let ended = task(&mut local, &limits.to_string(), json!({"limits": limits})).await;
        assert!([7, 3033].contains(&ended["retcode"].as_i64().unwrap()), "{ended}");
        assert_eq!(state(&cgroup), before);
        assert!(has_leaf(&mut local).await, "after {limits}");
        assert_eq!(task(&mut local, &format!("after {limits}"), json!({})).await["retcode"], 7);
    }
}

#[tokio::test]
async fn an_agent_whose_cgroups_never_took_a_process_runs_commands_under_keepers() {
    let Some(cgroup) = Cgroup::make("threaded-before") else { return };
    fs::create_dir(cgroup.0.join("thread")).unwrap();
    fs::write(cgroup.0.join("thread/cgroup.type"), "threaded").unwrap();
    let agent = cgroup.agent();
    let mut local = Local::connect(&agent).await;
    assert!(!has_leaf(&mut local).await);
    assert_eq!(task(&mut local, "task", json!({})).await["retcode"], 7);
    agent.logged("new ones take no process").await;
}
