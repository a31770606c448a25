//! The open channel: framing, bounds, many requests at once, methods, closing.

use e2e::{
    Agent, AgentConfig, Channel, Pki, Scratch, Server, alive, connected, eventually, processes_with,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::io::AsyncWriteExt as _;

async fn still_answers(channel: &mut Channel) {
    assert_eq!(
        channel.ask(&json!({"id": "still", "method": "agent.ping"})).await["resp"],
        "success"
    );
}

#[tokio::test]
async fn the_original_specifications_command_works_as_printed() {
    let (_server, _agent, mut channel) = connected().await;
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap();
    let group = nix::unistd::Group::from_gid(user.gid).unwrap().unwrap();
    // Not /, as printed: names there may be no UTF-8, and the output is then base64.
    let scratch = Scratch::new("listed");
    scratch.write("etc", "");
    channel
        .send_text(&format!(
            "{{\n    \"id\": \"xxxxxx\",\n    \"method\": \"sync.bash\",\n    \"cmd\": \"ls {}\",\n    \"timeout\": 10,\n    \
             \"user\": \"{}\",\n    \"group\": \"{}\"\n}}\n",
            scratch.path().display(),
            user.name,
            group.name
        ))
        .await;
    let answer = channel.next().await.unwrap();
    assert_eq!(answer["id"], "xxxxxx");
    assert_eq!(answer["resp"], "success");
    assert_eq!(answer["retcode"], 0);
    assert_eq!(answer["message"], "Normal termination");
    assert_eq!(answer["data"], "etc\n");
}

#[tokio::test]
async fn messages_may_arrive_back_to_back_in_pieces_or_with_white_space() {
    let (_server, _agent, mut channel) = connected().await;
    channel
        .send_text("{\"id\":\"1\",\"method\":\"agent.ping\"}{\"id\":\"2\",\"method\":\"agent.ping\"}\n\n\t {")
        .await;
    for piece in ["\"id\"", ":\n\"3\",\"meth", "od\":\"agent.p", "ing\"", "}"] {
        channel.send_text(piece).await;
    }
    for id in ["1", "2", "3"] {
        assert_eq!(channel.next().await.unwrap()["id"], id);
    }
}

#[tokio::test]
async fn a_bad_message_gets_an_error_and_the_next_message_is_served() {
    let (_server, _agent, mut channel) = connected().await;
    let table = [
        ("{\"id\":\"1\",\"method\":}".to_owned(), 3001),
        ("{\"id\":\"1\",\"id\":\"2\",\"method\":\"agent.ping\"}".to_owned(), 3001),
        (format!("{{\"id\":\"1\",\"x\":{}{}}}", "[".repeat(40), "]".repeat(40)), 3002),
        (format!("{{\"id\":\"1\",\"x\":\"{}\"}}", "y".repeat(1 << 20)), 3002),
        ("{\"id\":\"\u{0}\"}".to_owned(), 3001),
    ];
    for (text, retcode) in table {
        channel.send_text(&text).await;
        let answer = channel.next().await.unwrap();
        assert_eq!(answer["retcode"], retcode, "{answer}");
        assert_eq!(answer["id"], Value::Null);
        assert_eq!(answer["resp"], "failed");
        still_answers(&mut channel).await;
    }
    // Not UTF-8, inside a well-formed frame.
    channel.stream.write_all(b"{\"id\":\"\xff\"}").await.unwrap();
    assert_eq!(channel.next().await.unwrap()["retcode"], 3001);
    still_answers(&mut channel).await;
}

#[tokio::test]
async fn an_unparsable_stream_gets_an_error_and_the_channel_closes() {
    for garbage in ["GET / HTTP/1.1\r\n\r\n", "[1,2]", "\"text\"", "{]}"] {
        let (server, _agent, mut channel) = connected().await;
        channel.send_text(garbage).await;
        let answer = channel.next().await.unwrap();
        assert_eq!(answer["retcode"], 3001, "{garbage}");
        assert!(channel.next().await.is_none(), "{garbage}: the channel is open");
        server.channel().await;
    }
}

#[tokio::test]
async fn an_invalid_request_gets_the_reason() {
    let (_server, _agent, mut channel) = connected().await;
    let table = [
        (json!({"id": "1", "method": "no.such"}), 3004, "no.such"),
        (json!({"id": "1"}), 3021, "method is missing"),
        (json!({"id": "1", "method": "sync.bash"}), 3021, "cmd is missing"),
        (
            json!({"id": "1", "method": "sync.bash", "cmd": "true", "timeout": 0}),
            3021,
            "timeout must be a whole number",
        ),
        (
            json!({"id": "1", "method": "sync.bash", "cmd": "true", "user": "no-such-user"}),
            3022,
            "no-such-user",
        ),
        (
            json!({"id": "1", "method": "sync.bash", "cmd": "true", "group": "no-such-group"}),
            3022,
            "no-such-group",
        ),
        (
            json!({"id": "1", "method": "sync.bash", "cmd": "true", "cwd": "/no/such/dir"}),
            3033,
            "/no/such/dir",
        ),
        (json!({"id": "1", "method": "sync.bash", "cmd": "true", "stream": "yes"}), 3021, "stream"),
        (json!({"id": "1", "method": "sync.cancel", "target": "nobody"}), 3024, "nobody"),
        (json!({"id": "1", "method": "getinfo.users", "args": 5}), 3021, "args must be a string"),
        (json!({"id": "1", "method": "getinfo.nothing"}), 3051, "getinfo.nothing"),
        (json!({"id": "1", "method": "getinfo.../../x"}), 3051, "method"),
    ];
    for (request, retcode, word) in table {
        let answer = channel.ask(&request).await;
        assert_eq!(answer["retcode"], retcode, "{request}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{request}: {answer}");
    }
    for request in [
        json!({"method": "agent.ping"}),
        json!({"id": 7, "method": "agent.ping"}),
        json!({"id": "x".repeat(129)}),
    ] {
        channel.send(&request).await;
        let answer = channel.next().await.unwrap();
        assert_eq!((&answer["id"], &answer["retcode"]), (&Value::Null, &json!(3021)), "{request}");
    }
    // Unknown extra fields are ignored.
    assert_eq!(
        channel.ask(&json!({"id": "1", "method": "agent.ping", "more": {"a": []}})).await["resp"],
        "success"
    );
}

#[tokio::test]
async fn a_ping_gets_its_reply_while_commands_run_and_an_id_is_in_use_until_its_reply() {
    let (_server, _agent, mut channel) = connected().await;
    channel
        .send(&json!({"id": "long", "method": "sync.bash", "cmd": "sleep 600", "timeout": 700}))
        .await;
    still_answers(&mut channel).await;
    for method in ["agent.ping", "sync.bash"] {
        let answer = channel.ask(&json!({"id": "long", "method": method, "cmd": "true"})).await;
        assert_eq!(answer["retcode"], 3021, "{answer}");
    }
    channel.send(&json!({"id": "stop", "method": "sync.cancel", "target": "long"})).await;
    let answers = [channel.next().await.unwrap(), channel.next().await.unwrap()];
    let of = |id: &str| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(of("stop")["resp"], "success");
    assert_eq!(of("long")["retcode"], 3034);
    assert_eq!(
        channel.ask(&json!({"id": "long", "method": "agent.ping"})).await["resp"],
        "success"
    );
}

#[tokio::test]
async fn a_thousand_requests_in_flight_all_get_replies() {
    let (_server, _agent, mut channel) = connected().await;
    let mut text = String::new();
    let mut wanted = HashSet::new();
    for number in 0..1000 {
        let id = format!("r{number}");
        let request = match number % 4 {
            0 => json!({"id": id, "method": "sync.bash", "cmd": format!("echo {number}")}),
            1 => json!({"id": id, "method": "agent.ping"}),
            2 => json!({"id": id, "method": "getinfo.kernel"}),
            _ => json!({"id": id, "method": "agent.info"}),
        };
        text.push_str(&format!("{request}\n"));
        wanted.insert(id);
    }
    channel.send_text(&text).await;
    while !wanted.is_empty() {
        let answer = channel.next().await.unwrap();
        let id = answer["id"].as_str().unwrap();
        assert_eq!(answer["resp"], "success", "{answer}");
        assert!(wanted.remove(id), "{id} got two replies");
        let number: u32 = id[1..].parse().unwrap();
        if number.is_multiple_of(4) {
            assert_eq!(answer["data"], format!("{number}\n"));
        }
    }
}

#[tokio::test]
async fn beyond_the_bound_of_commands_requests_are_rejected_at_once() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.extra = "[exec]\nmax_running = 2\nmax_queued = 3\n".to_owned();
    let _agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    for number in 0..10 {
        channel.send(&json!({"id": format!("{number}"), "method": "sync.bash", "cmd": "sleep 300", "timeout": 400})).await;
    }
    for _ in 0..5 {
        let answer = channel.next().await.unwrap();
        assert_eq!(answer["retcode"], 3041, "{answer}");
    }
    still_answers(&mut channel).await;
}

#[tokio::test]
async fn a_lost_channel_discards_the_reply_but_not_the_command() {
    let (server, agent, mut channel) = connected().await;
    let done = agent.scratch().file("done");
    let gate = agent.scratch().file("gate");
    let cmd = format!(
        "while [ ! -e {} ]; do sleep 0.05; done; echo yes > {}",
        gate.display(),
        done.display()
    );
    channel.send(&json!({"id": "1", "method": "sync.bash", "cmd": cmd})).await;
    still_answers(&mut channel).await;
    drop(channel);
    let mut channel = server.channel().await;
    assert_eq!(
        channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["retcode"],
        3021,
        "still running"
    );
    std::fs::write(gate, "").unwrap();
    eventually("the command ends", || done.exists()).await;
    still_answers(&mut channel).await;
}

#[tokio::test]
async fn agent_info_and_agent_methods_describe_the_agent() {
    let (_server, agent, mut channel) = connected().await;
    let info = channel.ask(&json!({"id": "1", "method": "agent.info"})).await;
    assert_eq!(info["data"]["host_id"], "host-1");
    assert_eq!(info["data"]["pid"], agent.pid());
    let methods = channel.ask(&json!({"id": "2", "method": "agent.methods"})).await;
    let names: Vec<&str> = methods["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method["method"].as_str().unwrap())
        .collect();
    for name in ["agent.ping", "sync.bash", "getinfo.kernel", "getinfo.users"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert!(
        methods["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|method| !method["summary"].as_str().unwrap().is_empty())
    );
}

#[tokio::test]
async fn sigterm_lets_running_work_finish_and_then_closes_the_channel() {
    let (_server, mut agent, mut channel) = connected().await;
    let gate = agent.scratch().file("gate");
    let cmd = format!("while [ ! -e {} ]; do sleep 0.05; done; echo finished", gate.display());
    channel.send(&json!({"id": "1", "method": "sync.bash", "cmd": cmd})).await;
    still_answers(&mut channel).await;
    agent.signal(Signal::SIGTERM);
    agent.logged("no new work").await;
    let refused = channel.ask(&json!({"id": "2", "method": "sync.bash", "cmd": "true"})).await;
    assert_eq!(refused["retcode"], 3042);
    std::fs::write(gate, "").unwrap();
    let answer = channel.next().await.unwrap();
    assert_eq!(answer["data"], "finished\n");
    assert!(channel.next().await.is_none());
    assert_eq!(agent.wait().await.code(), Some(0));
}

#[tokio::test]
async fn sigterm_cancels_unfinished_work_and_leaves_no_process() {
    let (_server, mut agent, mut channel) = connected().await;
    let marker = format!("{}", 900_000 + agent.pid());
    channel
        .send(&json!({"id": "1", "method": "sync.bash", "timeout": 1000, "cmd": format!("setsid sleep {marker} & sleep {marker}")}))
        .await;
    eventually("both sleep", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    agent.signal(Signal::SIGTERM);
    let answer = channel.next().await.unwrap();
    assert_eq!(answer["retcode"], 3034, "{answer}");
    assert_eq!(agent.wait().await.code(), Some(0));
    eventually("no process is left", || processes_with(&format!("sleep {marker}")).is_empty())
        .await;
}

#[tokio::test]
async fn a_second_sigterm_does_not_wait() {
    let (_server, mut agent, mut channel) = connected().await;
    channel
        .send(&json!({"id": "1", "method": "sync.bash", "timeout": 1000, "cmd": "sleep 900"}))
        .await;
    still_answers(&mut channel).await;
    agent.signal(Signal::SIGTERM);
    agent.logged("no new work").await;
    agent.signal(Signal::SIGTERM);
    agent.logged("cancelling work that is still running").await;
    assert_eq!(agent.wait().await.code(), Some(0));
}

#[tokio::test]
async fn sighup_applies_new_settings_and_invalid_settings_change_nothing() {
    let (server, mut agent, mut channel) = connected().await;
    agent.rewrite(|config| config.extra = "[exec]\nmax_output = \"lots\"\n".to_owned());
    agent.signal(Signal::SIGHUP);
    agent.logged("configuration not reloaded").await;
    agent.rewrite(|config| config.extra = "[exec]\nmax_output = 10\n".to_owned());
    agent.signal(Signal::SIGHUP);
    agent.logged("configuration reloaded").await;
    let answer = channel.bash("seq 100", json!({})).await;
    assert_eq!(answer["data"].as_str().unwrap().len(), 10, "{answer}");
    assert_eq!(answer["dropped"], 282);
    // The bootstrap mode changes: the agent closes this channel and connects again.
    let pki_port = server.address().port();
    assert_eq!(pki_port, server.address().port());
    agent.rewrite(|config| config.bootstrap = "direct");
    agent.signal(Signal::SIGHUP);
    assert!(channel.next().await.is_none());
    let stream = server.connection().await;
    server.tls(stream).await.unwrap();
}

#[tokio::test]
async fn memory_of_finished_work_is_released() {
    let (_server, agent, mut channel) = connected().await;
    // The resident part of the program's own file, in kB.
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssFile:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    for round in 0..2 {
        // The most of several looks: a look that comes late finds the memory released.
        let mut busy = 0;
        for _ in 0..5 {
            channel.bash("true", json!({})).await;
            channel.ask(&json!({"id": "1", "method": "agent.info"})).await;
            busy = resident().max(busy);
        }
        eventually(&format!("round {round}: less than {busy} kB"), || resident() < busy * 3 / 4)
            .await;
        still_answers(&mut channel).await;
    }
}

#[tokio::test]
async fn a_killed_agent_leaves_no_command_running() {
    let (_server, mut agent, mut channel) = connected().await;
    let marker = format!("{}", 800_000 + agent.pid());
    channel
        .send(&json!({"id": "1", "method": "sync.bash", "timeout": 1000, "cmd": format!("setsid sleep {marker} & sleep {marker}")}))
        .await;
    eventually("both sleep", || processes_with(&format!("sleep {marker}")).len() >= 2).await;
    let pid = agent.pid();
    agent.kill();
    eventually("the agent is gone", || !alive(pid)).await;
    eventually("its commands are gone", || processes_with(&format!("sleep {marker}")).is_empty())
        .await;
}
