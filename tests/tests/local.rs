//! The local socket of the real agent: permitted users, replies, and misuse.

#![expect(clippy::disallowed_methods, reason = "a test starts a client as another user")]

use e2e::{Agent, AgentConfig, Local, Pki, Server, connected, eventually, needs_root};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;

/// Starts an agent whose server is unreachable.
fn alone() -> Agent {
    let nowhere = "127.0.0.1:1".parse().expect("an address");
    Agent::start(&Pki::new(), AgentConfig::new(nowhere))
}

fn ping(id: &str) -> Value {
    json!({"id": id, "method": "agent.ping"})
}

#[tokio::test]
async fn root_gets_replies_without_a_reachable_controller() {
    let mut agent = alone();
    let mut local = Local::connect(&agent).await;
    assert_eq!(local.ask(&ping("1")).await["resp"], "success");
    let answer =
        local.ask(&json!({"id": "2", "method": "sync.bash", "cmd": "echo out; exit 3"})).await;
    assert_eq!((&answer["retcode"], &answer["data"]), (&json!(3), &json!("out\n")));
    let request =
        json!({"id": "3", "method": "sync.bash", "cmd": "echo a; echo b", "stream": true});
    local.send_text(&request.to_string()).await;
    let mut output = String::new();
    let last = loop {
        let message = local.next().await.unwrap();
        match message["resp"].as_str() {
            Some("output") => output += message["data"].as_str().unwrap(),
            _ => break message,
        }
    };
    assert_eq!((output.as_str(), &last["retcode"]), ("a\nb\n", &json!(0)));
    let answer = local.ask(&json!({"id": "4", "method": "cron.list"})).await;
    assert_eq!(answer["data"], json!([]));

    let meta = std::fs::metadata(Local::path(&agent)).unwrap();
    assert!(meta.file_type().is_socket() && meta.permissions().mode() & 0o777 == 0o600);
    agent.signal(Signal::SIGTERM);
    assert!(agent.wait().await.success());
    assert!(local.next().await.is_none());
    assert!(!Local::path(&agent).exists());
}

#[tokio::test]
async fn a_file_is_there_while_the_channel_is_open() {
    let (server, mut agent, channel) = connected().await;
    let file = Local::path(&agent).with_file_name("connected");
    eventually("the file is there", || file.exists()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let wanted = format!("version={}\nserver={}\n", env!("CARGO_PKG_VERSION"), server.address());
    assert!(
        text.starts_with(&wanted) && text.ends_with(&format!("pid={}\n", agent.pid())),
        "{text}"
    );
    // A killed agent leaves it; the next one does not, whose server is gone.
    agent.kill();
    assert!(file.exists());
    drop((channel, server));
    agent.restart();
    eventually("the file is gone", || !file.exists()).await;
}

#[tokio::test]
async fn results_of_tasks_go_to_the_controller_only() {
    let (_server, agent, mut channel) = connected().await;
    let mut local = Local::connect(&agent).await;
    let task = json!({"id": "task", "method": "async.bash", "cmd": "echo done"});
    assert_eq!(local.ask(&task).await["message"], "Accepted");
    let event = channel.next().await.unwrap();
    assert_eq!((&event["method"], &event["id"]), (&json!("async.result"), &json!("task")));
    // The next message on the local connection is the reply to its own request.
    assert_eq!(local.ask(&ping("1")).await["resp"], "success");
}

#[tokio::test]
async fn the_policy_does_not_apply_and_the_audit_log_names_the_user() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let scratch = e2e::Scratch::new("policy");
    let policy = scratch.write("policy.toml", "default = \"deny\"\n");
    let mut config = AgentConfig::new(server.address());
    config.top = format!("policy = \"{}\"", policy.display());
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let mut local = Local::connect(&agent).await;
    let request = json!({"id": "1", "method": "sync.bash", "cmd": "true"});
    assert_eq!(channel.ask(&request).await["retcode"], 3023);
    assert_eq!(local.ask(&request).await["retcode"], 0);
    let list = json!({"id": "2", "method": "async.list"});
    assert_eq!(channel.ask(&list).await["retcode"], 3023);
    assert_eq!(local.ask(&list).await["retcode"], 0);

    // The audit line of a reply is written by the time of the next reply.
    local.ask(&ping("3")).await;
    let text = std::fs::read_to_string(agent.scratch().file("state/audit.log")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ours: Vec<&Value> = lines.iter().filter(|line| line["peer"] == "local").collect();
    assert_eq!(ours.len(), 2, "{text}");
    for line in ours {
        assert_eq!(
            (&line["pid"], &line["uid"]),
            (&json!(std::process::id()), &json!(nix::unistd::geteuid().as_raw())),
            "{line}"
        );
        assert!(line.get("controller").is_none(), "{line}");
    }
}

#[tokio::test]
async fn another_user_is_rejected() {
    if !needs_root("another_user_is_rejected") {
        return;
    }
    let agent = alone();
    Local::connect(&agent).await;
    let path = Local::path(&agent);
    // Even if the file's mode lets the user in.
    for dir in [agent.scratch().path().to_owned(), path.clone()] {
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let script = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.connect(sys.argv[1])\n\
                  try:\n  s.sendall(b'{\"id\":\"1\",\"method\":\"agent.ping\"}\\n')\n  print(s.recv(100))\n\
                  except OSError: print(b'')\n";
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(&path)
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "b''\n", "{output:?}");
    agent.logged("rejected a connection from process").await;
    agent.logged("of uid 65534").await;
    assert_eq!(Local::connect(&agent).await.ask(&ping("1")).await["resp"], "success");
}

#[tokio::test]
async fn garbage_and_oversized_messages_affect_only_their_sender() {
    let agent = alone();
    let mut good = Local::connect(&agent).await;
    for (text, retcode) in [
        ("garbage\n".to_owned(), 3001),
        ("\u{1}\u{2}\n".to_owned(), 3001),
        (format!("{{\"id\":\"{}\"}}\n", "x".repeat(2 << 20)), 3002),
        ("[".repeat(1000), 3001),
        ("{\"a\":".repeat(40) + "1" + &"}".repeat(40) + "\n", 3002),
    ] {
        let mut local = Local::connect(&agent).await;
        // The agent may close the connection before it has read everything.
        let (mut reader, mut writer) = local.stream.split();
        let write = tokio::io::AsyncWriteExt::write_all(&mut writer, text.as_bytes());
        let mut line = String::new();
        let mut reader = tokio::io::BufReader::new(&mut reader);
        let read = tokio::io::AsyncBufReadExt::read_line(&mut reader, &mut line);
        let _ = tokio::join!(write, tokio::time::timeout(e2e::DEADLINE, read));
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{text:.40}"));
        assert_eq!(
            (&answer["id"], &answer["retcode"]),
            (&Value::Null, &json!(retcode)),
            "{text:.40}"
        );
    }
    assert_eq!(good.ask(&ping("1")).await["resp"], "success");
}

#[tokio::test]
async fn a_crowd_of_connections_is_served_some_at_a_time() {
    let agent = alone();
    Local::connect(&agent).await;
    let path = Local::path(&agent);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..200 {
        // All clients are connected before the first is served.
        let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        stream.set_nonblocking(true).unwrap();
        crowd.spawn(async move {
            use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
            let mut stream = tokio::net::UnixStream::from_std(stream).unwrap();
            let request =
                json!({"id": number.to_string(), "method": "sync.bash", "cmd": format!("echo {number}")});
            stream.write_all(format!("{request}\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            let mut reader = tokio::io::BufReader::new(stream);
            reader.read_line(&mut answer).await.unwrap();
            answer.contains(&format!("{number}\\n"))
        });
    }
    let answered = crowd.join_all().await.into_iter().filter(|answered| *answered).count();
    assert_eq!(answered, 200);
}

#[tokio::test]
async fn a_restarted_agent_listens_again_and_a_second_agent_takes_nothing_over() {
    let mut agent = alone();
    let mut before = Local::connect(&agent).await;
    before.ask(&ping("1")).await;
    agent.kill();
    assert!(before.next().await.is_none());
    assert!(Local::path(&agent).exists());
    agent.restart();
    let mut after = Local::connect(&agent).await;
    after.ask(&ping("2")).await;

    // Another agent in the same run directory continues without a socket.
    let text = std::fs::read_to_string(agent.scratch().file("agent.toml")).unwrap();
    let state = agent.scratch().file("state").display().to_string();
    let text = text.replace(&state, &format!("{state}-2"));
    let config = agent.scratch().write("second.toml", text);
    let mut second = agent.another(&config);
    agent.logged("no local socket").await;
    assert_eq!(Local::connect(&agent).await.ask(&ping("3")).await["resp"], "success");
    assert!(second.try_wait().unwrap().is_none());
    second.kill().unwrap();
    second.wait().unwrap();
    eventually("the first agent's socket still exists", || Local::path(&agent).exists()).await;
    assert_eq!(after.ask(&ping("4")).await["resp"], "success");
}

#[tokio::test]
async fn an_operator_schedules_lists_and_removes_a_job() {
    let agent = alone();
    Local::connect(&agent).await;
    let ctl = |args: &[&str]| {
        let mut command = std::process::Command::new(e2e::binary("BasicAgentCtl"));
        let output = command
            .arg("cron")
            .args(args)
            .arg("--socket")
            .arg(Local::path(&agent))
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let socket = Local::path(&agent);
    let mut set = std::process::Command::new(e2e::binary("BasicAgentCtl"));
    set.args([
        "cron",
        "set",
        "nightly",
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "--user",
        &user,
        "--socket",
    ]);
    let set = set.arg(&socket).args(["--", "echo", "ran"]).output().unwrap();
    assert!(set.status.success(), "{set:?}");
    assert!(String::from_utf8_lossy(&set.stdout).starts_with("at 02:30 every day\n"), "{set:?}");

    let task = ctl(&["run", "nightly"]);
    eventually("its run has ended", || {
        ctl(&["history", "nightly"]).contains("0 Normal termination")
    })
    .await;
    assert!(ctl(&["history", "nightly"]).contains(task.trim()));
    let table = ctl(&["list"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..9], ["nightly", "0", "30", "2", "*", "*", "*", &user, "yes"], "{table}");
    assert!(row[11] == "02:30:00" && table.contains("0 Normal termination"), "{table}");
    ctl(&["remove", "nightly"]);
    assert_eq!(ctl(&["list"]).lines().count(), 1);
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test starts the real binary")]
async fn an_operator_submits_a_task_and_reads_its_state_output_and_result() {
    let agent = alone();
    Local::connect(&agent).await;
    let ctl = |args: &[&str]| {
        let mut command = std::process::Command::new(e2e::binary("BasicAgentCtl"));
        let (flags, words) =
            args.split_at(args.iter().position(|a| *a == "--").unwrap_or(args.len()));
        command.args(flags).arg("--socket").arg(Local::path(&agent)).args(words);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let (status, out, err) = ctl(&["status"]);
    assert!(status == 1 && out.starts_with("state     warning\n"), "{out}{err}");
    assert!(out.contains("\nhost id ") && out.contains("\njobs "), "{out}{err}");
    assert!(out.contains("\nidentity  files\n"), "{out}");

    let submit = ["task", "submit", "--user", &user, "--stderr", "separate", "--max-output", "1K"];
    let command = "echo out; echo err >&2; exit 7";
    let (status, id, err) = ctl(&[&submit[..], &["--", command]].concat());
    assert_eq!(status, 0, "{err}");
    let id = id.trim();
    let result = ctl(&["task", "result", id, "--wait", "60"]);
    assert_eq!(result, (7, "out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(ctl(&["task", "output", id]).1, "out\n");
    let (status, table, _) = ctl(&["task", "status", id]);
    assert!(status == 0 && table.contains("ended") && table.contains("7 Normal"), "{table}");
    assert!(ctl(&["task", "list"]).1.contains(id));

    let submit = ["task", "submit", "--user", &user, "--id", "long", "--", "sleep 600"];
    assert_eq!(ctl(&submit).1, "long\n");
    assert_eq!(ctl(&["task", "result", "long"]).0, 255);
    assert_eq!(ctl(&["task", "cancel", "long"]).0, 0);
    let (status, _, err) = ctl(&["task", "result", "long", "--wait", "60"]);
    assert!(status == 255 && err.contains("3034"), "{err}");
    assert_eq!(ctl(&["task", "status", "no-such-task"]).0, 1);
}
