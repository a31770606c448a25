//! Files that the operator names and that are none: FIFOs, devices, a share that never answers.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary")]

use e2e::{Agent, AgentConfig, DeadShare, Local, Pki, binary, connected, eventually};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use serde_json::json;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// An agent whose server is unreachable.
fn alone(extra: String) -> Agent {
    let mut config = AgentConfig::new("127.0.0.1:1".parse().expect("an address"));
    config.extra = extra;
    Agent::start(&Pki::new(), config)
}

/// Replaces a file of the agent's folder by a FIFO, a device, a socket or a folder.
fn put(agent: &Agent, name: &str, what: &str) {
    let path = agent.scratch().file(name);
    let _ = std::fs::remove_file(&path);
    match what {
        "a FIFO" => nix::unistd::mkfifo(&path, Mode::S_IRWXU).expect("our folder"),
        "a device" => symlink("/dev/zero", &path).expect("our folder"),
        "a socket" => drop(std::os::unix::net::UnixListener::bind(&path).expect("our folder")),
        "a directory" => std::fs::create_dir(&path).expect("our folder"),
        _ => std::fs::write(&path, vec![b'#'; 2 << 20]).expect("our folder"),
    }
}

fn check_config(config: &Path) -> (Option<i32>, String) {
    let output = Command::new(binary("BasicAgent"))
        .arg("--check-config")
        .arg("--config")
        .arg(config)
        .output()
        .expect("the agent starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn tls_files_that_are_no_files_stop_neither_the_agent_nor_its_end() {
    for what in ["a FIFO", "a device", "a socket", "a directory", "too large"] {
        for (name, key) in
            [("ca.pem", "tls.ca"), ("agent.pem", "tls.cert"), ("agent.key", "tls.key")]
        {
            let (server, mut agent, channel) = connected().await;
            put(&agent, name, what);
            let (status, errors) = check_config(&agent.scratch().file("agent.toml"));
            assert_eq!(status, Some(2), "{what} as {key}: {errors}");
            assert!(errors.contains(key) && errors.contains(what), "{what} as {key}: {errors}");
            // The next connection reads the files again.
            drop(channel);
            let (mut stream, _) = server.plain_init().await;
            let accept = b"{\"method\":\"accept\"}\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, accept).await.unwrap();
            agent.logged(&format!("{key}: cannot read ")).await;
            let mut local = Local::connect(&agent).await;
            let ping = json!({"id": "1", "method": "agent.ping"});
            assert_eq!(local.ask(&ping).await["resp"], "success");
            agent.signal(Signal::SIGTERM);
            assert_eq!(agent.wait().await.code(), Some(0), "{what} as {key}");
        }
    }
}

#[tokio::test]
async fn a_configuration_that_is_no_file_is_reported_at_the_start_and_changes_nothing_on_a_hangup()
{
    for what in ["a FIFO", "a device", "a socket", "a directory", "too large"] {
        let mut agent = alone(String::new());
        let mut local = Local::connect(&agent).await;
        put(&agent, "agent.toml", what);
        agent.signal(Signal::SIGHUP);
        agent.logged("configuration not reloaded").await;
        agent.logged(what).await;
        let ping = json!({"id": "1", "method": "agent.ping"});
        assert_eq!(local.ask(&ping).await["resp"], "success");
        agent.signal(Signal::SIGTERM);
        assert_eq!(agent.wait().await.code(), Some(0));
        let config = agent.scratch().file("agent.toml");
        let ended = agent.another(&config).wait().unwrap();
        assert_eq!(ended.code(), Some(2), "{what}");
    }
}

#[tokio::test]
async fn a_calendar_that_is_no_file_is_rejected_at_once() {
    for what in ["a FIFO", "a device", "a socket", "a directory", "too large"] {
        let agent = alone(String::new());
        put(&agent, "calendar", what);
        let calendar = agent.scratch().file("calendar").display().to_string();
        let mut local = Local::connect(&agent).await;
        let job = json!({"id": "1", "method": "cron.set", "name": "job", "user": "root",
                         "schedule": "0 0 3 15C * ?", "cmd": "true", "calendar": calendar});
        let reply = local.ask(&job).await;
        assert_eq!(reply["retcode"], 3021, "{what}: {reply}");
        assert!(reply["message"].as_str().unwrap().contains(what), "{reply}");
        let ping = json!({"id": "2", "method": "agent.ping"});
        assert_eq!(local.ask(&ping).await["resp"], "success");
    }
}

#[tokio::test]
async fn a_policy_that_is_no_file_is_rejected() {
    for what in ["a FIFO", "a device", "a socket", "a directory", "too large"] {
        let mut agent = alone(String::new());
        Local::connect(&agent).await;
        put(&agent, "policy.toml", what);
        let policy = agent.scratch().file("policy.toml").display().to_string();
        agent.rewrite(|config| config.top = format!("policy = \"{policy}\""));
        let (status, errors) = check_config(&agent.scratch().file("agent.toml"));
        assert_eq!(status, Some(2), "{what}: {errors}");
        agent.signal(Signal::SIGHUP);
        agent.logged("policy not reloaded").await;
    }
}

#[tokio::test]
async fn files_on_a_dead_share_stop_neither_the_agent_nor_its_end() {
    let scratch = e2e::Scratch::new("share");
    let Some(_share) = DeadShare::mount(scratch.path()) else { return };
    let dead = |name: &str| scratch.file(name).display().to_string();
    let mut agent = alone(String::new());
    let mut local = Local::connect(&agent).await;
    let config = agent.scratch().file("agent.toml");
    let before = std::fs::read_to_string(&config).unwrap();

    // One after another: TLS files, policy, calendar, and the configuration itself.
    let with = |from: &str, to: &str| before.replacen(from, to, 1);
    let moved =
        before.replace(&agent.scratch().file("agent.").display().to_string(), &dead("agent."));
    std::fs::write(&config, moved).unwrap();
    agent.signal(Signal::SIGHUP);
    agent.logged("configuration reloaded").await;
    std::fs::write(&config, with("\n", &format!("\npolicy = \"{}\"\n", dead("policy.toml"))))
        .unwrap();
    agent.signal(Signal::SIGHUP);
    agent.logged("policy not reloaded").await;
    let calendar = format!("[cron]\ncalendar = \"{}\"\n", dead("calendar"));
    std::fs::write(&config, with("[cron]\n", &calendar)).unwrap();
    agent.signal(Signal::SIGHUP);
    agent.logged("cron.calendar: ").await;
    std::fs::remove_file(&config).unwrap();
    symlink(scratch.file("agent.toml"), &config).unwrap();
    agent.signal(Signal::SIGHUP);
    // While the agent waits for the file, it serves.
    let ping = json!({"id": "1", "method": "agent.ping"});
    assert_eq!(local.ask(&ping).await["resp"], "success");
    agent.logged("configuration not reloaded").await;
    agent.logged("is it on a dead share?").await;
    assert_eq!(local.ask(&json!({"id": "2", "method": "agent.ping"})).await["resp"], "success");
    agent.signal(Signal::SIGHUP);
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));

    // At the start too: an error that may pass, so that the agent is restarted.
    let mut second = agent.another(&config);
    eventually("the start fails", || second.try_wait().unwrap().is_some()).await;
    assert_eq!(second.wait().unwrap().code(), Some(1));
}

#[tokio::test]
async fn fifos_in_the_state_directory_do_not_hold_up_the_start() {
    let mut agent = alone(String::new());
    Local::connect(&agent).await;
    for name in ["lock", "host_id.json", "host_id.new"] {
        agent.kill();
        let path = agent.scratch().file("state").join(name);
        let _ = std::fs::remove_file(&path);
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        let config = agent.scratch().file("agent.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let without = text.lines().filter(|line| !line.starts_with("host_id"));
        std::fs::write(&config, without.collect::<Vec<_>>().join("\n")).unwrap();
        let mut second = agent.another(&config);
        let socket = Local::path(&agent);
        // It either starts or says which file it cannot use.
        eventually(name, || {
            let listens = std::os::unix::net::UnixStream::connect(&socket).is_ok();
            listens || second.try_wait().unwrap().is_some()
        })
        .await;
        let _ = second.kill();
        second.wait().unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}
