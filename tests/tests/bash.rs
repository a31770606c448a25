//! `sync.bash` over the channel, field by field, and its time-out.

#![expect(
    clippy::print_stdout,
    reason = "a skipped test says so, and a measurement prints its figures"
)]

use e2e::{
    Agent, AgentConfig, Pki, Server, connected, eventually, eventually_some, in_mount_namespace,
    needs_root, processes_with,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn data(answer: &Value) -> &str {
    answer["data"].as_str().unwrap_or_else(|| panic!("no data: {answer}"))
}

#[tokio::test]
async fn the_exit_status_is_the_retcode_of_a_success() {
    let (_server, _agent, mut channel) = connected().await;
    for status in [0, 1, 2, 127, 255] {
        let mut answer = channel.bash(&format!("echo out; exit {status}"), json!({})).await;
        assert!(answer.as_object_mut().unwrap().remove("usage").is_some());
        assert_eq!(
            answer,
            json!({"id": "bash", "resp": "success", "retcode": status, "message": "Normal termination", "data": "out\n"})
        );
    }
}

#[tokio::test]
async fn a_signal_is_reported_by_name_and_number() {
    let (_server, _agent, mut channel) = connected().await;
    let answer = channel.bash("echo before; kill -SEGV $$", json!({})).await;
    assert_eq!(
        (&answer["resp"], &answer["retcode"], &answer["signal"]),
        (&json!("failed"), &json!(3032), &json!(11))
    );
    assert!(answer["message"].as_str().unwrap().contains("SIGSEGV"), "{answer}");
    assert_eq!(data(&answer), "before\n");
}

#[tokio::test]
async fn a_command_runs_as_the_user_with_the_users_own_groups() {
    if !needs_root("a_command_runs_as_the_user_with_the_users_own_groups") {
        return;
    }
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    // A test account that only this agent sees.
    let scratch = e2e::Scratch::new("accounts");
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap()
        + "carol:x:4321:4321:Carol:/:/usr/sbin/nologin\n";
    let group = std::fs::read_to_string("/etc/group").unwrap()
        + "carol:x:4321:\nfirst:x:5001:carol\nsecond:x:5002:x,carol\n";
    let (passwd, group) = (scratch.write("passwd", passwd), scratch.write("group", group));
    config.wrapper = in_mount_namespace(&[(&passwd, "/etc/passwd"), (&group, "/etc/group")]);
    let _agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let table = [
        (json!({"user": "carol"}), "4321 4321 4321 5001 5002"),
        (json!({"user": "4321"}), "4321 4321 4321 5001 5002"),
        (json!({"user": 4321}), "4321 4321 4321 5001 5002"),
        (json!({"user": "carol", "group": "second"}), "4321 5002 5002 5001"),
        (json!({"user": "root"}), "0 0 0"),
        (json!({}), "0 0 0"),
        (json!({"group": "first"}), "0 5001 5001"),
    ];
    for (fields, wanted) in table {
        let answer = channel.bash("echo $(id -u) $(id -g) $(id -G)", fields.clone()).await;
        let found: Vec<&str> = data(&answer).split_whitespace().collect();
        let wanted: Vec<&str> = wanted.split(' ').collect();
        assert_eq!(found[..2], wanted[..2], "{fields}");
        let sorted = |list: &[&str]| {
            let mut list: Vec<String> = list.iter().map(|text| (*text).to_owned()).collect();
            list.sort();
            list
        };
        assert_eq!(sorted(&found[2..]), sorted(&wanted[2..]), "{fields}: {answer}");
    }
    let answer = channel.bash("touch /root/x; cat /etc/shadow", json!({"user": "carol"})).await;
    assert_eq!(answer["retcode"], 1);
    assert_eq!(data(&answer).matches("Permission denied").count(), 2, "{answer}");
}

#[tokio::test]
async fn a_group_of_very_many_members_hides_neither_itself_nor_the_groups_after_it() {
    if !needs_root("a_group_of_very_many_members_hides_neither_itself_nor_the_groups_after_it") {
        return;
    }
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    let scratch = e2e::Scratch::new("huge-group");
    let members: Vec<String> = (0..150_000).map(|n| format!("member{n:06}")).collect();
    let group = std::fs::read_to_string("/etc/group").unwrap()
        + &format!("huge:x:7000:{},nobody\nlater:x:7001:nobody\n", members.join(","));
    let group = scratch.write("group", group);
    config.wrapper = in_mount_namespace(&[(&group, "/etc/group")]);
    let _agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    for (group, gid) in [("huge", "7000"), ("later", "7001"), ("7000", "7000"), ("7001", "7001")] {
        let answer = channel.bash("id -g", json!({"user": "nobody", "group": group})).await;
        assert_eq!(answer["data"].as_str().map(str::trim), Some(gid), "{group}: {answer}");
    }
    let answer = channel.bash("cat /proc/self/status", json!({"user": "nobody"})).await;
    let groups = data(&answer).lines().find(|line| line.starts_with("Groups:")).unwrap();
    assert!(groups.contains("7000") && groups.contains("7001"), "{groups}");
    let answer = channel.bash("true", json!({"group": "no-such-group"})).await;
    assert_eq!(answer["retcode"], 3022, "{answer}");
}

#[tokio::test]
async fn the_environment_is_built_from_nothing() {
    let (_server, _agent, mut channel) = connected().await;
    let answer = channel
        .bash("env -0 | tr '\\0' '\\n' | cut -d= -f1 | sort | tr '\\n' ' '", json!({}))
        .await;
    // bash itself sets PWD, SHLVL and _.
    assert_eq!(data(&answer), "HOME LANG LOGNAME PATH PWD SHELL SHLVL USER _ ");
    let fields =
        json!({"env": {"GREETING": "hello world", "LANG": "C"}, "cwd": "/usr", "stdin": "line\n"});
    let answer = channel.bash("echo $GREETING $LANG $PWD; cat", fields).await;
    assert_eq!(data(&answer), "hello world C /usr\nline\n");
    let answer = channel
        .bash(
            "umask; ls /proc/self/fd | tr '\\n' ' '; grep -E 'Sig(Blk|Ign)' /proc/$$/status",
            json!({}),
        )
        .await;
    assert!(data(&answer).starts_with("0022\n0 1 2 3 "), "{answer}");
    assert_eq!(data(&answer).matches("0000000000000000").count(), 2, "{answer}");
}

#[tokio::test]
async fn output_is_merged_or_separate_text_or_base64_whole_or_truncated() {
    let (_server, _agent, mut channel) = connected().await;
    let both = "echo a; echo b >&2; echo c";
    assert_eq!(data(&channel.bash(both, json!({})).await), "a\nb\nc\n");
    let answer = channel.bash(both, json!({"stderr": "separate"})).await;
    assert_eq!((data(&answer), &answer["stderr"]), ("a\nc\n", &json!("b\n")));
    let answer = channel.bash("printf '\\377\\376'", json!({})).await;
    assert_eq!((data(&answer), &answer["encoding"]), ("//4=", &json!("base64")));
    let answer = channel.bash("printf ok", json!({"encoding": "base64"})).await;
    assert_eq!((data(&answer), &answer["encoding"]), ("b2s=", &json!("base64")));
    let answer = channel.bash("seq 1 100000", json!({"max_output": 20})).await;
    assert_eq!(data(&answer).len(), 20);
    assert!(data(&answer).starts_with("1\n2\n") && data(&answer).ends_with("100000\n"), "{answer}");
    assert_eq!(answer["dropped"], 588_895 - 20);
    let answer = channel
        .bash("head -c 5000000 /dev/zero | tr '\\0' x", json!({"max_output": 6_000_000}))
        .await;
    assert_eq!(data(&answer).len(), 5_000_000);
}

#[tokio::test]
async fn a_time_out_leaves_no_process_behind() {
    let (_server, agent, mut channel) = connected().await;
    let table = [
        "setsid sleep MARK & exec >&- 2>&-; sleep MARK",
        "(setsid bash -c '(sleep MARK &) ; sleep MARK' &) ; sleep MARK",
        "trap '' TERM; sleep MARK & sleep MARK; sleep MARK",
        "sleep MARK & kill -STOP $!; kill -STOP $$; sleep MARK",
        "nohup setsid sleep MARK >/dev/null 2>&1 & disown; while :; do :; done # MARK",
    ];
    let marker = |number: usize| format!("{}{number}", 70_000 + agent.pid());
    // All at once, so that there is time for each to begin.
    for (number, cmd) in table.iter().enumerate() {
        let cmd = format!("echo begun; {}", cmd.replace("MARK", &marker(number)));
        let id = number.to_string();
        channel.send(&json!({"id": id, "method": "sync.bash", "cmd": cmd, "timeout": 5})).await;
    }
    for _ in table {
        let answer = channel.next().await.unwrap();
        let number: usize = answer["id"].as_str().unwrap().parse().unwrap();
        let cmd = table[number];
        assert_eq!(answer["retcode"], 3031, "{cmd}: {answer}");
        assert_eq!(data(&answer), "begun\n", "{cmd}");
        assert_eq!(processes_with(&marker(number)), [], "{cmd}");
    }
}

#[tokio::test]
async fn a_background_child_that_holds_the_output_does_not_delay_the_reply() {
    let (_server, agent, mut channel) = connected().await;
    let marker = format!("{}", 60_000 + agent.pid());
    let answer =
        channel.bash(&format!("sleep {marker} & echo started"), json!({"timeout": 100})).await;
    assert_eq!((data(&answer), &answer["retcode"]), ("started\n", &json!(0)));
    // The child lives on, as under ssh, so this test kills it.
    let left = eventually_some("the child lives on", || {
        Some(processes_with(&format!("sleep {marker}"))).filter(|left| left.len() == 1)
    })
    .await;
    assert_eq!(channel.bash(&format!("kill {}", left[0].pid), json!({})).await["retcode"], 0);
    eventually("the child ends", || processes_with(&format!("sleep {marker}")).is_empty()).await;
}

#[tokio::test]
async fn many_commands_leave_no_zombie() {
    let (_server, agent, mut channel) = connected().await;
    for _ in 0..50 {
        channel.bash("true", json!({})).await;
    }
    let zombies = || {
        processes_with("")
            .into_iter()
            .filter(|process| process.state == 'Z' && process.parent == agent.pid())
            .count()
    };
    eventually("no child is a zombie", || zombies() == 0).await;
}

#[tokio::test]
async fn an_agent_without_root_runs_commands_as_itself_and_rejects_other_users() {
    if !needs_root("an_agent_without_root_runs_commands_as_itself_and_rejects_other_users") {
        return;
    }
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.wrapper = ["sh", "-c", "chown -R nobody \"$(dirname \"$3\")\" && exec setpriv --reuid nobody --regid nogroup --clear-groups \"$@\"", "sh"]
        .map(str::to_owned)
        .to_vec();
    let _agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    assert_eq!(data(&channel.bash("id -un", json!({})).await), "nobody\n");
    let answer = channel.bash("id -un", json!({"user": "root"})).await;
    assert_eq!(answer["resp"], "failed", "{answer}");
    let answer = channel.bash("setsid sleep 4321 & sleep 4321", json!({"timeout": 1})).await;
    assert_eq!(answer["retcode"], 3031);
    assert_eq!(processes_with("sleep 4321"), []);
}

#[tokio::test]
async fn limits_are_enforced_or_the_command_is_rejected() {
    let (_server, _agent, mut channel) = connected().await;
    let greedy = "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}";
    let fields = json!({"limits": {"memory": 32 << 20, "cpu": 100, "pids": 20}});
    let answer = channel.bash(greedy, fields.clone()).await;
    if answer["retcode"] == 3033 {
        assert!(
            answer["message"].as_str().unwrap().contains("cannot be limited on this host"),
            "{answer}"
        );
        println!("SKIPPED (needs root): {answer}");
        return;
    }
    assert!(!data(&answer).contains("300000000"), "{answer}");
    // The shell takes the memory, so the kernel kills the shell.
    assert_eq!((&answer["retcode"], &answer["signal"]), (&json!(3032), &json!(9)), "{answer}");
    assert!(answer["message"].as_str().unwrap().contains("memory limit"), "{answer}");
    // The shell tries again for longer than anybody wants to wait: canceled once it has said why.
    let crowd = json!({"id": "crowd", "method": "sync.bash", "limits": {"pids": 8}, "stream": true,
        "cmd": "for i in {1..30}; do sleep 600 & done; echo never"});
    channel.send(&crowd).await;
    let mut said = String::new();
    while !said.contains("Resource temporarily unavailable") {
        let message = channel.next().await.unwrap();
        assert_eq!(message["resp"], "output", "{said}{message}");
        said.push_str(data(&message));
    }
    channel.send(&json!({"id": "c", "method": "sync.cancel", "target": "crowd"})).await;
    let mut replies = 0;
    while replies < 2 {
        replies += usize::from(channel.next().await.unwrap()["resp"] != "output");
    }
    assert_eq!(data(&channel.bash("echo fine", fields).await), "fine\n");
    for (limits, word) in [
        (json!({"memory": 5}), "limits.memory"),
        (json!({"disk": 5}), "disk"),
        (json!(5), "limits"),
    ] {
        let answer = channel.bash("true", json!({"limits": limits})).await;
        assert_eq!(answer["retcode"], 3021, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{answer}");
    }
}

/// `cargo test -p e2e --test bash -- --nocapture flood` prints the figures.
#[tokio::test]
async fn a_flood_of_commands_delays_no_ping_and_excess_commands_are_rejected_at_once() {
    const FLOOD: usize = 5_000;
    let (_server, agent, mut channel) = connected().await;
    channel.bash("true", json!({})).await;
    let marker = format!("{}", 20_000_000 + agent.pid());
    let flood: String = (0..FLOOD)
        .map(|id| json!({"id": id.to_string(), "method": "sync.bash", "cmd": format!("sleep 0.05; : {marker}")}))
        .map(|request| format!("{request}\n"))
        .collect();
    let sent = Instant::now();
    channel.send_text(&flood).await;
    let (mut answered, mut refused, mut last_refused) = (0, 0, Duration::ZERO);
    let (mut pings, mut asked) = (Vec::new(), Instant::now());
    channel.send(&json!({"id": "ping", "method": "agent.ping"})).await;
    while answered + refused < FLOOD {
        let answer = channel.next().await.unwrap();
        match (answer["id"].as_str().unwrap(), answer["retcode"].as_u64().unwrap()) {
            ("ping", _) => {
                pings.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(2)).await;
                asked = Instant::now();
                channel.send(&json!({"id": "ping", "method": "agent.ping"})).await;
            }
            (_, 0) => answered += 1,
            (_, 3041) => (refused, last_refused) = (refused + 1, sent.elapsed()),
            _ => panic!("{answer}"),
        }
    }
    pings.sort_unstable();
    let at = |percent: usize| pings[(pings.len() * percent / 100).min(pings.len() - 1)];
    println!(
        "{FLOOD} commands: {answered} run, {refused} refused, the last after {last_refused:?}; {} pings: p50 {:?}, p99 {:?}, slowest {:?}",
        pings.len(),
        at(50),
        at(99),
        at(100)
    );
    // 64 run and 1,024 wait; places that become free meanwhile go to other commands.
    assert!(answered >= 64 + 1024 && refused > 0, "{answered} {refused}");
    assert!(at(99) < Duration::from_secs(2), "{:?}", at(99));
    assert!(processes_with(&marker).is_empty());
}

#[tokio::test]
async fn a_request_beyond_a_bound_is_rejected_at_once_with_the_reason() {
    let (_server, _agent, mut channel) = connected().await;
    let long = "x".repeat(100_000);
    let table = [
        (json!({"env": {"A": long, "B": long}}), 3021, "env"),
        (json!({"cmd": "x".repeat(200_000)}), 3021, "cmd"),
        (json!({"max_output": 1_u64 << 40}), 3021, "max_output"),
    ];
    for (fields, retcode, word) in table {
        let answer = channel.bash("true", fields).await;
        assert_eq!(answer["retcode"], retcode, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{answer}");
    }
    let fits = channel.bash("echo ${#A}", json!({"env": {"A": long}})).await;
    assert_eq!(data(&fits), "100000\n");
}
