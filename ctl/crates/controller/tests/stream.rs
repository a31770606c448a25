//! Output as it arrives: passed on at once, dropped for a client that does not read, cancelled for
//! one that disconnects.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use support::{Agent, Controller, http};
use test_support::{wait_some, wait_until};

/// Starts a streamed command and returns the response, its body unread.
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

fn reply(agent: &mut Agent, id: &Value) {
    agent
        .send(&format!("{}\n", json!({"id": id, "resp": "success", "retcode": 3, "message": "m"})));
}

#[test]
fn each_frame_is_a_line_as_it_arrives_and_the_reply_the_last() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| begin(&controller));
        let request = agent.receive().unwrap();
        assert_eq!(request["stream"], true);
        let id = &request["id"];
        // A line break within a message does not end the line here.
        agent.send(&format!(
            "{{\"id\":{id},\n\"resp\":\"output\",\r\n\"data\":\"a\\nb\",\"new\":1}}"
        ));
        let response = client.join().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (200, "application/x-ndjson")
        );
        let mut lines = lines(response);
        assert_eq!(
            lines.next(),
            Some(json!({"id": id, "resp": "output", "data": "a\nb", "new": 1}))
        );
        frame(&mut agent, id, "second");
        assert_eq!(lines.next().unwrap()["data"], "second");
        reply(&mut agent, id);
        assert_eq!(lines.next().unwrap()["retcode"], 3);
        assert_eq!(lines.next(), None);
    });
    assert_eq!(controller.get("/hosts/host-1").1["requests_running"], 0);
}

#[test]
fn a_client_that_does_not_read_loses_frames_and_blocks_no_other() {
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
        let before = controller.resident();
        let data = "x".repeat(FRAME);
        for _ in 0..FRAMES {
            frame(&mut agent, &id, &data);
        }
        // Another request passes behind all of them.
        let other = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#).0);
        let ping = agent.receive().unwrap()["id"].clone();
        reply(&mut agent, &ping);
        assert_eq!(other.join().unwrap(), 200);
        let grown = controller.resident().saturating_sub(before);
        assert!(
            grown < 16 << 10,
            "{grown} KiB for {} KiB that the client does not read",
            (FRAMES * FRAME) >> 10
        );
        reply(&mut agent, &id);
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
fn a_client_that_disconnects_cancels_the_command() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    for begun in [false, true] {
        let mut client = controller.connect_http();
        let body = r#"{"method":"sync.bash","cmd":"yes","stream":true}"#;
        client.write_all(controller.raw_request(body).as_bytes()).unwrap();
        let id = agent.receive().unwrap()["id"].clone();
        if begun {
            frame(&mut agent, &id, "y");
            let mut head = String::new();
            BufReader::new(&client).read_line(&mut head).unwrap();
            assert!(head.contains("200"), "{head}");
        }
        drop(client);
        let cancel = agent.receive().unwrap();
        assert_eq!(
            (cancel["method"].as_str(), &cancel["target"]),
            (Some("sync.cancel"), &id),
            "{cancel:?}"
        );
        reply(&mut agent, &id);
        reply(&mut agent, &cancel["id"]);
        controller.wait_for_no_requests();
    }
}

#[test]
fn an_agent_that_vanishes_is_a_problem_as_status_or_last_line() {
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
            assert!(last["detail"].as_str().unwrap().contains("disconnected"), "{last}");
            assert_eq!(last["status"], 502);
        });
        controller.wait_for_hosts(&[]);
    }
}

#[test]
fn a_task_keeps_its_clients_id_and_two_replies_are_never_confused() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let body = r#"{"method":"async.bash","cmd":"ls","id":"mine"}"#;
    std::thread::scope(|scope| {
        let mut gone = controller.connect_http();
        gone.write_all(controller.raw_request(body).as_bytes()).unwrap();
        assert_eq!(agent.receive().unwrap()["id"], "mine");
        // Until the first reply has come, the id stays taken, even if its client has disconnected.
        assert_eq!(controller.ask("host-1", body).0, 409);
        drop(gone);
        assert_eq!(controller.ask("host-1", body).0, 409);
        reply(&mut agent, &json!("mine"));
        let again = wait_some("the id", || {
            let asking = scope.spawn(|| controller.ask("host-1", body));
            wait_until("either", || {
                agent
                    .stream
                    .sock
                    .set_read_timeout(Some(std::time::Duration::from_millis(20)))
                    .unwrap();
                if let Ok(Some(request)) = agent.try_receive() {
                    reply(&mut agent, &request["id"]);
                }
                asking.is_finished()
            });
            Some(asking.join().unwrap()).filter(|reply| reply.0 != 409)
        });
        assert_eq!((again.0, again.1["id"].as_str()), (200, Some("mine")));
    });
}
