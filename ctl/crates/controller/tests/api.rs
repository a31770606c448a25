//! The HTTP API: its answers, its errors, and many requests at once.

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use support::{Controller, http, post, read, until};

#[test]
fn every_request_needs_the_token() {
    let controller = Controller::start(&[]);
    let url = format!("{}/hosts", controller.api);
    for value in [None, Some("Bearer x".to_owned()), Some(format!("Basic {}", controller.token))] {
        let mut request = http().get(&url);
        if let Some(value) = &value {
            request = request.header("Authorization", value);
        }
        let (status, body) = read(request.call());
        assert_eq!(status, 401, "{value:?}");
        assert!(body["error"].as_str().unwrap().contains("Bearer"), "{body}");
    }
    // Not even which paths there are is told.
    assert_eq!(read(http().get(format!("{}/nothing", controller.api)).call()).0, 401);
    assert_eq!(controller.get("/hosts"), (200, serde_json::json!({"hosts": []})));
    assert!(!controller.log().contains(&controller.token));
}

#[test]
fn every_error_is_json_and_says_what_to_do() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let big = format!("{{\"method\":\"a.b\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    for (host, body, wanted) in [
        ("nobody", r#"{"method":"agent.ping"}"#, 404),
        ("a%2Fb", r#"{"method":"agent.ping"}"#, 404),
        ("host-1", "", 400),
        ("host-1", "no JSON", 400),
        ("host-1", r#"{"cmd":"ls"}"#, 400),
        ("host-1", r#"{"id":"1","method":"agent.ping"}"#, 400),
        ("host-1", &big, 413),
    ] {
        let (status, answer) = controller.ask(host, body);
        assert_eq!(status, wanted, "{answer}");
        assert!(!answer["error"].as_str().unwrap().is_empty());
    }
    assert_eq!(controller.get("/hosts/nobody").0, 404);
    assert_eq!(controller.get("/nothing").0, 404);
    assert_eq!(controller.get("/hosts/host-1/requests").0, 405);
    // A failed response is an answer all the same.
    let (status, answer) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"no.such"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        agent.send(&format!(
            "{{\"id\":{id},\"resp\":\"failed\",\"retcode\":3004,\"message\":\"No such method\"}}"
        ));
        asking.join().unwrap()
    });
    assert_eq!((status, answer["retcode"].as_u64()), (200, Some(3004)));
}

#[test]
fn an_agent_that_vanishes_mid_request_gives_502_at_once() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let (status, answer) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"sync.bash","cmd":"sleep 100"}"#));
        agent.receive().unwrap();
        assert_eq!(controller.get("/hosts/host-1").1["requests_running"], 1);
        drop(agent);
        asking.join().unwrap()
    });
    assert_eq!(status, 502, "{answer}");
    controller.wait_for_hosts(&[]);
}

#[test]
fn a_client_that_hangs_up_is_forgotten_and_the_late_answer_with_it() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let address = controller.api.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let body = r#"{"method":"agent.ping"}"#;
    write!(
        client,
        "POST /api/v1/hosts/host-1/requests HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Length: {}\r\n\r\n{body}",
        controller.bearer(),
        body.len()
    )
    .unwrap();
    let id = agent.receive().unwrap()["id"].to_string();
    drop(client);
    until("the waiter's end", || (controller.get("/hosts/host-1").1["requests_running"] == 0).then_some(()));
    agent.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn a_thousand_requests_in_flight_answered_in_reverse_each_find_their_own() {
    const REQUESTS: usize = 1000;
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let go = Arc::new(Barrier::new(REQUESTS));
    let asking: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let (api, bearer, go) = (controller.api.clone(), controller.bearer(), Arc::clone(&go));
            std::thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || {
                    go.wait();
                    let body = format!("{{\"method\":\"test.echo\",\"n\":{number}}}");
                    let (status, text) = post(&api, &bearer, "host-1", &body);
                    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
                    (status, answer["data"].as_u64().unwrap()) == (200, number as u64)
                })
                .unwrap()
        })
        .collect();
    let requests: Vec<_> = (0..REQUESTS).map(|_| agent.receive().unwrap()).collect();
    assert_eq!(controller.get("/hosts/host-1").1["requests_running"], REQUESTS);
    for request in requests.iter().rev() {
        let (id, n) = (&request["id"], &request["n"]);
        agent.send(&format!(
            "{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\",\"data\":{n}}}\n"
        ));
    }
    assert!(asking.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn an_answer_of_sixteen_mebibytes_passes() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let data = "x".repeat(16 << 20);
    let (status, length) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"sync.bash","cmd":"x"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        agent.send(&format!(
            "{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\",\"data\":\"{data}\"}}"
        ));
        let (status, answer) = asking.join().unwrap();
        (status, answer["data"].as_str().unwrap().len())
    });
    assert_eq!((status, length), (200, 16 << 20));
}

#[test]
fn an_agent_that_does_not_read_costs_its_own_callers_a_503_and_no_more() {
    let controller = Controller::start(&[]);
    let slow = controller.agent("host-1");
    let mut other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let body = format!("{{\"method\":\"a.b\",\"x\":\"{}\"}}", "x".repeat(1_000_000));
    // What the socket buffers take, and then the bound; nobody waits for these answers.
    let clients: Vec<_> = (0..40)
        .map(|_| {
            let (api, bearer, body) = (controller.api.clone(), controller.bearer(), body.clone());
            std::thread::spawn(move || post(&api, &bearer, "host-1", &body).0)
        })
        .collect();
    until("a 503", || clients.iter().any(|client| client.is_finished()).then_some(()));
    let status = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-2", r#"{"method":"agent.ping"}"#));
        let id = other.receive().unwrap()["id"].to_string();
        other.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        asking.join().unwrap().0
    });
    assert_eq!(status, 200);
    drop(slow);
    let statuses: Vec<u16> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(statuses.contains(&503) && statuses.iter().all(|s| matches!(s, 404 | 502..=504)), "{statuses:?}");
}

#[test]
fn a_client_that_sends_half_a_request_holds_up_nobody() {
    let controller = Controller::start(&[]);
    let address = controller.api.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut half = TcpStream::connect(address).unwrap();
    half.write_all(b"GET /api/v1/hosts HTTP/1.1\r\nAuthor").unwrap();
    assert_eq!(controller.get("/hosts").0, 200);
    let mut garbage = TcpStream::connect(address).unwrap();
    garbage.write_all(b"\x16\x03\x01\x00\x00\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert_eq!(controller.get("/hosts").0, 200);
}
