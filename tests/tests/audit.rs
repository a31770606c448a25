//! The audit log on the real agent: one line per request, whatever its outcome, and no secrets.

use e2e::{
    Agent, AgentConfig, Channel, DEADLINE, Pki, Scratch, Server, connected, eventually, needs_root,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::path::Path;

/// Returns every line, parsed.
fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "a torn line: {text}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Waits until the lines of earlier replies are written: the agent writes a line in the turn in
/// which it sends the reply, so the next reply comes after it.
async fn settled(channel: &mut Channel) {
    channel.ask(&json!({"id": "settled", "method": "agent.ping"})).await;
}

#[tokio::test]
async fn each_request_has_a_line_without_secrets() {
    let (server, agent, mut channel) = connected().await;
    let file = agent.scratch().file("state/audit.log");
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let secret = json!({"user": user, "env": {"TOKEN": "hidden-1"}, "stdin": "hidden-2", "cwd": "/", "timeout": 9});
    channel.bash("cat; echo $TOKEN hidden-$((2+1)); exit 7", secret).await;
    channel.bash(&format!("true {}\n", "é".repeat(4000)), json!({})).await;
    channel.ask(&json!({"id": "2", "method": "getinfo.kernel", "args": "-x"})).await;
    channel.ask(&json!({"id": "3", "method": "agent.ping"})).await;
    channel.ask(&json!({"id": "4", "method": "sync.cancel", "target": "none\u{9b}"})).await;
    channel.ask(&json!({"id": "5", "method": "no.such"})).await;
    channel.ask(&json!({"id": "6", "method": "sync.bash", "cmd": "true", "stdin": 740174})).await;
    channel.send_text("{\"id\":\"7\"}\n{\"a\":1,\"a\":2}\n{\"method\":\"x\",\"id\":7}\n[]\n").await;
    for _ in 0..4 {
        channel.next().await.unwrap();
    }
    // The agent closes the channel after the last message.
    let whole = || std::fs::read_to_string(&file).unwrap_or_default().matches('\n').count();
    eventually("each request has its line", || whole() >= 10).await;
    let found = lines(&file);
    let methods: Vec<&str> =
        found.iter().map(|line| line["method"].as_str().unwrap_or("-")).collect();
    assert_eq!(
        methods,
        [
            "sync.bash",
            "sync.bash",
            "getinfo.kernel",
            "sync.cancel",
            "no.such",
            "sync.bash",
            "-",
            "-",
            "-",
            "-"
        ]
    );
    let first = &found[0];
    let wanted = json!({
        "time": first["time"], "controller": ["config.cargo.com"], "peer": server.address().to_string(), "id": "bash",
        "method": "sync.bash", "user": user, "cmd": "cat; echo $TOKEN hidden-$((2+1)); exit 7", "cwd": "/",
        "env": ["TOKEN"], "resp": "success", "retcode": 7, "seconds": first["seconds"],
    });
    assert_eq!(*first, wanted);
    assert!(
        first["time"].as_str().unwrap().ends_with('Z')
            && first["seconds"].as_f64().unwrap() < DEADLINE.as_secs_f64()
    );
    assert_eq!(found[1]["cmd_bytes"], 8006);
    assert!(found[1]["cmd"].as_str().unwrap().len() <= 4096);
    assert_eq!((&found[2]["args"], &found[2]["retcode"]), (&json!("-x"), &json!(3021)));
    assert_eq!((&found[3]["target"], &found[3]["retcode"]), (&json!("none\u{9b}"), &json!(3024)));
    assert_eq!(found[4]["retcode"], 3004);
    assert_eq!((&found[6]["id"], &found[6]["retcode"]), (&json!("7"), &json!(3021)));
    assert_eq!((&found[7]["id"], &found[7]["retcode"]), (&Value::Null, &json!(3001)));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        !text.contains("hidden-1") && !text.contains("hidden-2") && !text.contains("hidden-3"),
        "{text}"
    );
    assert!(!text.contains("740174"), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[tokio::test]
async fn a_request_whose_channel_is_lost_still_has_its_line() {
    let (server, agent, mut channel) = connected().await;
    let file = agent.scratch().file("state/audit.log");
    let go = agent.scratch().file("go");
    channel.send(&json!({"id": "lost", "method": "sync.bash", "cmd": format!("until [ -e {} ]; do sleep 0.05; done; exit 3", go.display())})).await;
    channel.ask(&json!({"id": "1", "method": "agent.ping"})).await;
    channel.close().await;
    let _again = server.channel().await;
    assert!(lines(&file).is_empty());
    std::fs::write(go, "").unwrap();
    eventually("the line is written", || {
        lines(&file).first().is_some_and(|line| line["id"] == "lost" && line["retcode"] == 3)
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_is_logged_with_its_rule() {
    let scratch = Scratch::new("policy");
    let policy = scratch.write(
        "policy.toml",
        "default = 'deny'\n[[rule]]\nname = 'no-ls'\naction = 'deny'\ncommands = { exact = ['ls'] }\n[[rule]]\naction = 'deny'\nusers = ['root']\n",
    );
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.top = format!("policy = \"{}\"", policy.display());
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    channel.bash("ls", json!({})).await;
    channel.ask(&json!({"id": "1", "method": "getinfo.kernel"})).await;
    settled(&mut channel).await;
    let found = lines(&agent.scratch().file("state/audit.log"));
    let logged: Vec<_> =
        found.iter().map(|line| (&line["rule"], &line["retcode"], &line["cmd"])).collect();
    assert_eq!(
        logged,
        [
            (&json!("no-ls"), &json!(3023), &json!("ls")),
            (&json!("default"), &json!(3023), &Value::Null)
        ]
    );
}

#[tokio::test]
async fn the_log_rotates_by_size_and_is_reopened_on_sighup() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = "[audit]\nmax_bytes = 65536\nkeep = 2\n".to_owned();
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let file = |name: &str| agent.scratch().file(&format!("state/audit.log{name}"));
    let args = "x".repeat(4000);
    for number in 0..80 {
        let request = json!({"id": number.to_string(), "method": "getinfo.nothing", "args": args});
        channel.ask(&request).await;
    }
    settled(&mut channel).await;
    let numbers: Vec<i64> = [".2", ".1", ""]
        .iter()
        .flat_map(|name| lines(&file(name)))
        .map(|line| line["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers, (numbers[0]..80).collect::<Vec<_>>(), "lines are missing or out of order");
    assert!(numbers.len() > 2 * 14 && !file(".3").exists());
    for name in ["", ".1", ".2"] {
        assert!(std::fs::metadata(file(name)).unwrap().len() <= 65_536);
    }
    std::fs::rename(file(""), file(".moved")).unwrap();
    agent.signal(Signal::SIGHUP);
    agent.logged("configuration reloaded").await;
    channel.ask(&json!({"id": "after", "method": "agent.info"})).await;
    settled(&mut channel).await;
    assert_eq!(lines(&file(""))[0]["id"], "after");
}

#[tokio::test]
async fn a_full_disk_delays_no_request_and_lost_lines_are_counted() {
    if !needs_root("a_full_disk_delays_no_request_and_lost_lines_are_counted") {
        return;
    }
    let disk = Scratch::new("disk");
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    let script =
        format!("mount -t tmpfs -o size=64k tmpfs '{}'; exec \"$@\"", disk.path().display());
    config.wrapper = ["unshare", "-m", "--propagation", "private", "sh", "-c", &script, "sh"]
        .map(str::to_owned)
        .to_vec();
    config.extra = format!("[audit]\nfile = \"{}\"\n", disk.file("audit.log").display());
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    // The disk as the agent sees it.
    let seen = Path::new("/proc").join(agent.pid().to_string()).join("root");
    let seen = |name: &str| seen.join(disk.file(name).strip_prefix("/").unwrap());
    let args = "x".repeat(3000);
    for number in 0..40 {
        let answer = channel
            .ask(&json!({"id": number.to_string(), "method": "getinfo.nothing", "args": args}))
            .await;
        assert_eq!(answer["retcode"], 3051, "{answer}");
    }
    settled(&mut channel).await;
    let kept = lines(&seen("audit.log")).len();
    assert!((10..40).contains(&kept), "{kept}");
    agent.logged("lines are lost until this is fixed").await;
    assert_eq!(agent.log().matches("lines are lost until this is fixed").count(), 1);
    std::fs::rename(seen("audit.log"), seen("old")).unwrap();
    std::fs::remove_file(seen("old")).unwrap();
    channel.ask(&json!({"id": "after", "method": "agent.info"})).await;
    settled(&mut channel).await;
    let found = lines(&seen("audit.log"));
    assert_eq!((&found[0]["lost_lines"], &found[1]["id"]), (&json!(40 - kept), &json!("after")));
    agent.logged("lines were lost").await;
}

#[tokio::test]
async fn the_audit_log_can_be_turned_off() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = "[audit]\nfile = \"none\"\n".to_owned();
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    channel.bash("true", json!({})).await;
    assert!(!agent.scratch().file("state/audit.log").exists());
}
