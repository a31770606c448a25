//! Output as it comes: passed on at once, dropped for who does not read, cancelled for who hangs up.

#![expect(clippy::unwrap_used, reason = "in a test, what fails shall panic")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use support::{Agent, Controller, http, until};

/// Begins a streamed command: the response, its body unread.
fn begin(controller: &Controller) -> ureq::http::Response<ureq::Body> {
    http()
        .post(format!("{}/hosts/host-1/requests", controller.api))
        .header("Authorization", controller.bearer())
        .send(r#"{"method":"sync.bash","cmd":"x","stream":true}"#)
        .unwrap()
}

fn lines(response: ureq::http::Response<ureq::Body>) -> impl Iterator<Item = Value> {
    BufReader::new(response.into_body().into_reader())
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
}

fn frame(agent: &mut Agent, id: &Value, data: &str) {
    agent.send(&format!("{}\n", json!({"id": id, "resp": "output", "data": data})));
}

fn answer(agent: &mut Agent, id: &Value) {
    agent.send(&format!("{}\n", json!({"id": id, "resp": "success", "retcode": 3, "message": "m"})));
}

#[test]
fn each_frame_is_a_line_as_it_comes_and_the_answer_the_last() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| begin(&controller));
        let request = agent.receive().unwrap();
        assert_eq!(request["stream"], true);
        let id = &request["id"];
        // White space in a message is no line break here.
        agent.send(&format!("{{\"id\":{id},\n\"resp\":\"output\",\r\n\"data\":\"a\\nb\",\"new\":1}}"));
        let response = client.join().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (200, "application/x-ndjson")
        );
        let mut lines = lines(response);
        assert_eq!(lines.next(), Some(json!({"id": id, "resp": "output", "data": "a\nb", "new": 1})));
        frame(&mut agent, id, "second");
        assert_eq!(lines.next().unwrap()["data"], "second");
        answer(&mut agent, id);
        assert_eq!(lines.next().unwrap()["retcode"], 3);
        assert_eq!(lines.next(), None);
    });
    assert_eq!(controller.get("/hosts/host-1").1["requests_running"], 0);
}

#[test]
fn who_does_not_read_loses_frames_and_holds_up_nobody() {
    const FRAME: usize = 32 << 10;
    const FRAMES: usize = 2000;
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| begin(&controller));
        let id = agent.receive().unwrap()["id"].clone();
        frame(&mut agent, &id, "begin");
        let response = client.join().unwrap();
        let before = resident(controller.child.id());
        let data = "x".repeat(FRAME);
        for _ in 0..FRAMES {
            frame(&mut agent, &id, &data);
        }
        // Another request comes through behind all of it.
        let other = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#).0);
        let ping = agent.receive().unwrap()["id"].clone();
        answer(&mut agent, &ping);
        assert_eq!(other.join().unwrap(), 200);
        let grown = resident(controller.child.id()).saturating_sub(before);
        assert!(grown < 16 << 10, "{grown} KiB for {} KiB that nobody reads", (FRAMES * FRAME) >> 10);
        answer(&mut agent, &id);
        let (mut read, mut dropped, mut last) = (0, 0, None);
        for line in lines(response) {
            if line["resp"] == "output" {
                read += line["data"].as_str().map_or(0, str::len);
                dropped += line["dropped"].as_u64().unwrap_or(0);
            } else {
                last = Some(line);
            }
        }
        assert_eq!(last.unwrap()["retcode"], 3);
        assert!(dropped > 0);
        assert_eq!(read as u64 + dropped, (FRAMES * FRAME + "begin".len()) as u64);
    });
}

#[test]
fn who_hangs_up_ends_the_command() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    for begun in [false, true] {
        let address = controller.api.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let mut client = TcpStream::connect(address).unwrap();
        let body = r#"{"method":"sync.bash","cmd":"yes","stream":true}"#;
        write!(
            client,
            "POST /api/v1/hosts/host-1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
            controller.bearer(),
            body.len()
        )
        .unwrap();
        let id = agent.receive().unwrap()["id"].clone();
        if begun {
            frame(&mut agent, &id, "y");
            let mut head = String::new();
            BufReader::new(&client).read_line(&mut head).unwrap();
            assert!(head.contains("200"), "{head}");
        }
        drop(client);
        let cancel = agent.receive().unwrap();
        assert_eq!((cancel["method"].as_str(), &cancel["target"]), (Some("sync.cancel"), &id), "{cancel:?}");
        answer(&mut agent, &id);
        answer(&mut agent, &cancel["id"]);
        until("the end", || (controller.get("/hosts/host-1").1["requests_running"] == 0).then_some(()));
    }
}

#[test]
fn an_agent_that_vanishes_is_a_502_or_the_last_line() {
    let controller = Controller::start(&[]);
    for begun in [false, true] {
        let mut agent = controller.agent("host-1");
        controller.wait_for_hosts(&["host-1"]);
        std::thread::scope(|scope| {
            let client = scope.spawn(|| begin(&controller));
            let id = agent.receive().unwrap()["id"].clone();
            if begun {
                frame(&mut agent, &id, "y");
            }
            drop(agent);
            let response = client.join().unwrap();
            assert_eq!(response.status().as_u16(), if begun { 200 } else { 502 });
            let last = lines(response).last().unwrap();
            assert!(last["error"].as_str().unwrap().contains("disconnected"), "{last}");
        });
        controller.wait_for_hosts(&[]);
    }
}

#[test]
fn a_task_keeps_its_clients_id_and_two_answers_are_never_confused() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let body = r#"{"method":"async.bash","cmd":"ls","id":"mine"}"#;
    std::thread::scope(|scope| {
        let address = controller.api.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let mut gone = TcpStream::connect(address).unwrap();
        write!(
            gone,
            "POST /api/v1/hosts/host-1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
            controller.bearer(),
            body.len()
        )
        .unwrap();
        assert_eq!(agent.receive().unwrap()["id"], "mine");
        // While its first answer is owed, also to who has hung up, the id is not asked with again.
        assert_eq!(controller.ask("host-1", body).0, 409);
        drop(gone);
        assert_eq!(controller.ask("host-1", body).0, 409);
        answer(&mut agent, &json!("mine"));
        let again = until("the id", || {
            let asking = scope.spawn(|| controller.ask("host-1", body));
            until("either", || {
                agent.stream.sock.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
                if let Ok(Some(request)) = agent.try_receive() {
                    answer(&mut agent, &request["id"]);
                }
                asking.is_finished().then_some(())
            });
            Some(asking.join().unwrap()).filter(|answer| answer.0 != 409)
        });
        assert_eq!((again.0, again.1["id"].as_str()), (200, Some("mine")));
    });
}

/// VmRSS in KiB.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}
