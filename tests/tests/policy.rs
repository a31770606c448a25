//! The host's policy on the real agent: allowed requests, refused requests, and attempts to bypass
//! it.

use e2e::{
    Agent, AgentConfig, Channel, Pki, Scratch, Server, binary, in_mount_namespace, needs_root,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output};

/// An agent with this policy, and the channel to it.
struct Host {
    agent: Agent,
    channel: Channel,
    policy: Scratch,
    _server: Server,
}

impl Host {
    async fn start(policy: &str) -> Self {
        Self::start_as(policy, |_| {}).await
    }

    async fn start_as(policy: &str, change: impl FnOnce(&mut AgentConfig)) -> Self {
        let scratch = Scratch::new("policy");
        let file = scratch.write("policy.toml", policy);
        let pki = Pki::new();
        let server = Server::start(&pki).await;
        let mut config = AgentConfig::new(server.address());
        config.top = format!("policy = \"{}\"", file.display());
        change(&mut config);
        let agent = Agent::start(&pki, config);
        let channel = server.channel().await;
        Self { agent, channel, policy: scratch, _server: server }
    }

    /// Runs a command and returns its retcode.
    async fn run(&mut self, cmd: &str, fields: Value) -> i64 {
        self.channel.bash(cmd, fields).await["retcode"].as_i64().expect("a number")
    }

    /// Sends a request without fields and returns its retcode.
    async fn ask(&mut self, method: &str) -> i64 {
        let answer = self.channel.ask(&json!({"id": "1", "method": method})).await;
        answer["retcode"].as_i64().expect("a number")
    }
}

fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
fn check_config(config: &Path) -> Output {
    Command::new(binary("BasicAgent"))
        .arg("--check-config")
        .arg("--config")
        .arg(config)
        .output()
        .expect("the agent starts")
}

#[tokio::test]
async fn a_refused_command_does_not_start_and_the_rule_is_named() {
    let mut host = Host::start(
        "default = 'deny'\n\
         [[rule]]\nname = 'no-touch'\nreason = 'ask the owner'\naction = 'deny'\ncommands = { prefix = ['touch'] }\n\
         [[rule]]\naction = 'allow'\nmethods = ['sync.bash']\n",
    )
    .await;
    let file = host.policy.file("made");
    let answer = host.channel.bash(&format!("touch {}", file.display()), json!({})).await;
    assert_eq!(
        answer,
        json!({"id": "bash", "resp": "failed", "retcode": 3023, "message": "Refused by policy: no-touch: ask the owner"})
    );
    assert!(!file.exists());
    assert_eq!(host.run("true", json!({})).await, 0);
    assert_eq!(host.ask("agent.ping").await, 0);
    for method in
        ["getinfo.kernel", "getinfo.users", "agent.info", "agent.methods", "sync.cancel", "no.such"]
    {
        assert_eq!(host.ask(method).await, 3023, "{method}");
    }
    // The id of a refused request is free again.
    assert_eq!(host.run("true", json!({})).await, 0);
}

#[tokio::test]
async fn a_user_is_refused_under_every_name_including_the_default() {
    let mut host =
        Host::start(&format!("[[rule]]\naction = 'deny'\nusers = [{}]", own_uid())).await;
    let name = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    for fields in [
        json!({}),
        json!({"user": name}),
        json!({"user": own_uid()}),
        json!({"user": own_uid().to_string()}),
    ] {
        assert_eq!(host.run("id", fields.clone()).await, 3023, "{fields}");
    }
    let leading_zeros = host.run("id", json!({"user": format!("00{}", own_uid())})).await;
    assert!([3021, 3022, 3023].contains(&leading_zeros), "{leading_zeros}");
    assert_eq!(host.ask("agent.info").await, 0);
}

#[tokio::test]
async fn aliases_of_a_user_and_other_groups_do_not_bypass_the_policy() {
    if !needs_root("aliases_of_a_user_and_other_groups_do_not_bypass_the_policy") {
        return;
    }
    let scratch = Scratch::new("accounts");
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap()
        + "toor:x:0:0::/root:/bin/bash\ncarol:x:4321:4321::/:/bin/bash\nlorac:x:4321:4321::/:/bin/bash\n0123:x:4322:4322::/:/bin/bash\n";
    let group = std::fs::read_to_string("/etc/group").unwrap()
        + "carol:x:4321:\nhers:x:5001:carol\nother:x:5002:\nalias:x:5002:\n";
    let (passwd, group) = (scratch.write("passwd", passwd), scratch.write("group", group));
    let mut host = Host::start_as(
        "default = 'deny'\n\
         [[rule]]\nname = 'root'\naction = 'deny'\nusers = ['toor']\n\
         [[rule]]\naction = 'allow'\nusers = ['lorac']\n\
         [[rule]]\naction = 'allow'\nusers = ['carol']\ngroups = ['alias']\n",
        |config| {
            config.wrapper = in_mount_namespace(&[(&passwd, "/etc/passwd"), (&group, "/etc/group")])
        },
    )
    .await;
    let table = [
        (json!({}), 3023),
        (json!({"user": "root"}), 3023),
        (json!({"user": "toor"}), 3023),
        (json!({"user": 0}), 3023),
        (json!({"user": "carol"}), 0),
        (json!({"user": "lorac"}), 0),
        (json!({"user": "4321"}), 0),
        (json!({"user": "carol", "group": "hers"}), 0),
        (json!({"user": "carol", "group": 5001}), 0),
        (json!({"user": "carol", "group": "root"}), 3023),
        (json!({"user": "carol", "group": "0"}), 3023),
        (json!({"user": "carol", "group": "other"}), 0),
        (json!({"user": "0123"}), 3023),
        (json!({"user": "nobody"}), 3023),
        (json!({"user": "no-such-user"}), 3022),
    ];
    for (fields, retcode) in table {
        assert_eq!(host.run("true", fields.clone()).await, retcode, "{fields}");
    }
}

#[tokio::test]
async fn an_allowed_command_text_runs_nothing_else() {
    let mut host = Host::start(
        "default = 'deny'\n\
         [[rule]]\naction = 'allow'\ncommands = { exact = ['id'], prefix = ['echo'], regex = ['ls .*'] }\nenv = ['LANG']\n",
    )
    .await;
    let script = host.policy.write("script", "touch made; echo made\n");
    let script = script.to_str().unwrap();
    let table = [
        ("id", json!({}), 0),
        ("id", json!({"env": {"LANG": "C"}}), 0),
        ("id", json!({"env": {"BASH_ENV": script}}), 3023),
        ("id", json!({"env": {"PATH": host.policy.path().to_str().unwrap()}}), 3023),
        ("id", json!({"env": {"BASH_FUNC_id%%": "() { echo made; }"}}), 3023),
        ("id", json!({"env": {"LANG": "C", "LD_PRELOAD": script}}), 3023),
        ("id", json!({"cwd": "/tmp"}), 3023),
        ("id", json!({"stdin": "x"}), 3023),
        ("id ", json!({}), 3023),
        ("id\ntrue", json!({}), 3023),
        ("echo 'a b' c", json!({}), 0),
        ("echo a; id", json!({}), 3023),
        ("echo a & id", json!({}), 3023),
        ("echo $(id)", json!({}), 3023),
        ("echo >/tmp/x", json!({}), 3023),
        ("echoid", json!({}), 3023),
        ("ls /", json!({}), 0),
        ("ls / | sh", json!({}), 3023),
        ("A=1 ls /", json!({}), 3023),
    ];
    for (cmd, fields, retcode) in table {
        assert_eq!(host.run(cmd, fields.clone()).await, retcode, "{cmd} {fields}");
    }
}

#[tokio::test]
async fn the_policy_applies_before_a_task_is_accepted() {
    let mut host = Host::start(
        "default = 'deny'\n\
         [[rule]]\naction = 'allow'\nmethods = ['async.*']\ncommands = { exact = ['true'] }\n\
         [[rule]]\naction = 'allow'\nmethods = ['async.status', 'async.ack']\n",
    )
    .await;
    let task = |id: &str, cmd: &str| json!({"id": id, "method": "async.bash", "cmd": cmd});
    let file = host.policy.file("made");
    let answer = host.channel.ask(&task("refused", &format!("touch {}", file.display()))).await;
    assert_eq!(
        (&answer["retcode"], &answer["message"]),
        (&json!(3023), &json!("Refused by policy: default"))
    );
    let status = json!({"id": "1", "method": "async.status", "task": "refused"});
    assert_eq!(host.channel.ask(&status).await["retcode"], 3024, "the refused task was accepted");
    let list = json!({"id": "2", "method": "async.list"});
    assert_eq!(host.channel.ask(&list).await["retcode"], 3023);
    assert_eq!(host.channel.ask(&task("allowed", "true")).await["retcode"], 0);
    let result = host.channel.next().await.unwrap();
    assert_eq!(
        (&result["method"], &result["id"]),
        (&json!("async.result"), &json!("allowed")),
        "{result}"
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn a_controller_is_identified_by_the_names_in_its_certificate() {
    let rule = |names: &str| {
        format!("default = 'deny'\n[[rule]]\naction = 'allow'\ncontrollers = [{names}]\n")
    };
    for (names, retcode) in [
        ("'config.cargo.com'", 0),
        ("'*.cargo.com'", 0),
        ("'ctl.cargo.com', '*.com.example'", 3023),
    ] {
        let mut host = Host::start(&rule(names)).await;
        assert_eq!(host.ask("agent.info").await, retcode, "{names}");
        assert_eq!(host.run("true", json!({})).await, retcode, "{names}");
    }
}

#[tokio::test]
async fn an_invalid_or_untrusted_policy_prevents_the_start() {
    let mut host = Host::start("").await;
    host.agent.kill();
    let (policy, config) =
        (host.policy.file("policy.toml"), host.agent.scratch().file("agent.toml"));
    let target = host.policy.write("target", "default = 'deny'");
    let table: [(&str, u32, &str); 5] = [
        ("default = 'deny'", 0o600, ""),
        ("default = 'deny'\nrules = []", 0o600, "policy.toml:2: "),
        ("default = 'deny'", 0o620, "writable by its group or others"),
        ("default = 'deny'", 0o602, "writable by its group or others"),
        (
            "[[rule]]\naction = 'deny'\nname = 'n'\ncommands = { regex = ['('] }",
            0o600,
            "rule 1 (\"n\")",
        ),
    ];
    for (text, mode, word) in table {
        std::fs::write(&policy, text).unwrap();
        set_permissions(&policy, Permissions::from_mode(mode)).unwrap();
        let output = check_config(&config);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.success(), word.is_empty(), "{text} {mode:o}: {errors}");
        assert!(errors.contains(word), "{text} {mode:o}: {errors}");
        if !word.is_empty() {
            assert!(errors.contains("policy.toml"), "{errors}");
            let ended = host.agent.another(&config).wait().unwrap();
            assert_eq!(ended.code(), Some(2), "{text} {mode:o}");
        }
    }
    std::fs::remove_file(&policy).unwrap();
    assert!(!check_config(&config).status.success(), "a missing policy file was accepted");
    symlink(&target, &policy).unwrap();
    assert!(!check_config(&config).status.success(), "a link was followed");
    std::fs::remove_file(&policy).unwrap();
    std::fs::rename(&target, &policy).unwrap();
    set_permissions(&policy, Permissions::from_mode(0o600)).unwrap();
    assert!(check_config(&config).status.success());
    set_permissions(host.policy.path(), Permissions::from_mode(0o777)).unwrap();
    assert!(
        !check_config(&config).status.success(),
        "a folder that others can write to was accepted"
    );
}

#[tokio::test]
async fn a_changed_policy_takes_effect_and_an_invalid_policy_keeps_the_old() {
    let mut host = Host::start("default = 'allow'").await;
    assert_eq!(host.run("true", json!({})).await, 0);
    host.policy.write("policy.toml", "default = 'deny'");
    host.agent.signal(Signal::SIGHUP);
    host.agent.logged("configuration reloaded").await;
    assert_eq!(host.run("true", json!({})).await, 3023);
    host.policy.write("policy.toml", "default = 'alow'");
    host.agent.signal(Signal::SIGHUP);
    host.agent.logged("policy not reloaded").await;
    assert_eq!(host.run("true", json!({})).await, 3023);
    std::fs::remove_file(host.policy.file("policy.toml")).unwrap();
    host.agent.signal(Signal::SIGHUP);
    host.agent.logged("No such file").await;
    assert_eq!(host.run("true", json!({})).await, 3023);
    host.policy.write("policy.toml", "");
    host.agent.signal(Signal::SIGHUP);
    host.agent.logged("policy: 0 rules in effect\n").await;
    e2e::eventually("the new policy is in force", || {
        host.agent.log().matches("configuration reloaded").count() == 4
    })
    .await;
    assert_eq!(host.run("true", json!({})).await, 0);
}

#[tokio::test]
async fn methods_in_one_getinfo_request_are_refused_individually() {
    let mut host = Host::start(
        "default = 'deny'\n[[rule]]\naction = 'allow'\nmethods = ['getinfo.all', 'getinfo.kernel']\n",
    )
    .await;
    let asked = json!({"id": "1", "method": "getinfo.all", "methods": ["kernel", "users -A", "getinfo.users"]});
    let answer = host.channel.ask(&asked).await;
    let retcodes: Vec<i64> = answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["retcode"].as_i64().unwrap())
        .collect();
    assert_eq!(retcodes, [0, 3023, 3023], "{answer}");
    assert_eq!(host.ask("getinfo.users").await, 3023);
    let log = host.agent.scratch().file("state/audit.log");
    e2e::eventually("each refusal has its line", || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let of_users =
            |line: &&str| line.contains(r#""method":"getinfo.users""#) && line.contains("3023");
        text.lines().filter(of_users).count() == 3 && text.contains(r#""methods":["kernel""#)
    })
    .await;
}

#[tokio::test]
async fn the_policy_applies_when_a_job_is_set() {
    let mut host = Host::start(
        "default = 'deny'\n[[rule]]\naction = 'allow'\nmethods = ['cron.*']\ncommands = { exact = ['true'] }\n\
         [[rule]]\naction = 'allow'\nmethods = ['cron.list']\n",
    )
    .await;
    let mut set = async |fields: Value| {
        let mut request = json!({"id": "set", "method": "cron.set", "name": "job"});
        request
            .as_object_mut()
            .expect("an object")
            .extend(fields.as_object().expect("an object").clone());
        host.channel.ask(&request).await["retcode"].as_i64().expect("a number")
    };
    assert_eq!(set(json!({"schedule": "@daily", "cmd": "rm -rf /tmp/x"})).await, 3023);
    // The one-line form is the same command.
    let user =
        nix::unistd::User::from_uid(nix::unistd::geteuid()).expect("accounts").expect("ours").name;
    assert_eq!(set(json!({"line": format!("0 0 0 * * * {user} rm -rf /tmp/x")})).await, 3023);
    let jobs = host.channel.ask(&json!({"id": "list", "method": "cron.list"})).await;
    assert_eq!(jobs["data"], json!([]), "{jobs}");
    assert_eq!(host.run("true", json!({})).await, 3023, "a rule for cron allowed a command");
}
