//! The HTTP API: its responses, its errors, and many requests at once.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Barrier};
use support::{Controller, http, post, read};
use test_support::wait_until;

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
        assert!(body["detail"].as_str().unwrap().contains("Bearer"), "{body}");
    }
    // Not even the existence of a path is revealed.
    assert_eq!(read(http().get(format!("{}/nothing", controller.api)).call()).0, 401);
    assert_eq!(controller.get("/hosts"), (200, serde_json::json!({"hosts": []})));
    assert!(!controller.log().contains(&controller.token));
}

#[test]
fn every_error_is_a_problem_with_a_remedy() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let big = format!("{{\"method\":\"a.b\",\"x\":\"{}\"}}", "x".repeat(1 << 20));
    for (host, body, wanted) in [
        ("nobody", r#"{"method":"agent.ping"}"#, 404),
        ("a%2Fb", r#"{"method":"agent.ping"}"#, 404),
        ("host-1", "", 400),
        ("host-1", "not JSON", 400),
        ("host-1", r#"{"cmd":"ls"}"#, 400),
        ("host-1", r#"{"id":"1","method":"agent.ping"}"#, 400),
        ("host-1", &big, 413),
    ] {
        let (status, response) = controller.ask(host, body);
        assert_eq!(status, wanted, "{response}");
        assert!(
            !response["detail"].as_str().unwrap().is_empty() && response["status"] == status,
            "{response}"
        );
    }
    assert_eq!(controller.get("/hosts/nobody").0, 404);
    assert_eq!(controller.get("/nothing").0, 404);
    assert_eq!(controller.get("/hosts/host-1/requests").0, 405);
    // A failed reply of the agent is a success of HTTP.
    let (status, response) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"no.such"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        agent.send(&format!(
            "{{\"id\":{id},\"resp\":\"failed\",\"retcode\":3004,\"message\":\"No such method\"}}"
        ));
        asking.join().unwrap()
    });
    assert_eq!((status, response["retcode"].as_u64()), (200, Some(3004)));
}

#[test]
fn a_request_to_an_agent_that_vanishes_fails_with_502_at_once() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let (status, response) = std::thread::scope(|scope| {
        let asking =
            scope.spawn(|| controller.ask("host-1", r#"{"method":"sync.bash","cmd":"sleep 100"}"#));
        agent.receive().unwrap();
        assert_eq!(controller.get("/hosts/host-1").1["requests_running"], 1);
        drop(agent);
        asking.join().unwrap()
    });
    assert_eq!(status, 502, "{response}");
    controller.wait_for_hosts(&[]);
}

#[test]
fn a_late_reply_to_a_client_that_disconnected_is_discarded() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let mut client = controller.connect_http();
    client.write_all(controller.raw_request(r#"{"method":"agent.ping"}"#).as_bytes()).unwrap();
    let id = agent.receive().unwrap()["id"].to_string();
    drop(client);
    controller.wait_for_no_requests();
    agent.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn a_thousand_replies_in_reverse_order_each_reach_their_client() {
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
                    let response: serde_json::Value = serde_json::from_str(&text).unwrap();
                    (status, response["data"].as_u64().unwrap()) == (200, number as u64)
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
fn a_reply_of_sixteen_mebibytes_passes() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let data = "x".repeat(16 << 20);
    let (status, length) = std::thread::scope(|scope| {
        let asking =
            scope.spawn(|| controller.ask("host-1", r#"{"method":"sync.bash","cmd":"x"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        agent.send(&format!(
            "{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\",\"data\":\"{data}\"}}"
        ));
        let (status, response) = asking.join().unwrap();
        (status, response["data"].as_str().unwrap().len())
    });
    assert_eq!((status, length), (200, 16 << 20));
}

#[test]
fn an_agent_that_does_not_read_costs_only_its_own_clients_a_503() {
    let controller = Controller::start(&[]);
    let slow = controller.agent("host-1");
    let mut other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let body = format!("{{\"method\":\"a.b\",\"x\":\"{}\"}}", "x".repeat(1_000_000));
    // They fill the socket buffers, and then the bound; no reply comes.
    let clients: Vec<_> = (0..40)
        .map(|_| {
            let (api, bearer, body) = (controller.api.clone(), controller.bearer(), body.clone());
            std::thread::spawn(move || post(&api, &bearer, "host-1", &body).0)
        })
        .collect();
    wait_until("a 503", || clients.iter().any(|client| client.is_finished()));
    let status = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-2", r#"{"method":"agent.ping"}"#));
        let id = other.receive().unwrap()["id"].to_string();
        other.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        asking.join().unwrap().0
    });
    assert_eq!(status, 200);
    drop(slow);
    let statuses: Vec<u16> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(
        statuses.contains(&503) && statuses.iter().all(|s| matches!(s, 404 | 502..=504)),
        "{statuses:?}"
    );
}

/// Sends raw bytes; returns the status, and the body, which must be a problem.
fn raw(controller: &Controller, request: &[u8]) -> (u16, serde_json::Value) {
    let mut client = controller.connect_http();
    client.write_all(request).unwrap();
    client.set_read_timeout(Some(support::DEADLINE)).unwrap();
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    // The server may not close the connection: the body's length says where it ends.
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                assert!(head.contains("\r\ncontent-type: application/problem+json"), "{text}");
                let problem: serde_json::Value = serde_json::from_str(body).unwrap();
                let status: u16 = head[9..12].parse().unwrap();
                assert_eq!(problem["status"], status, "{text}");
                return (status, problem);
            }
        }
        assert_eq!(client.read(&mut byte).unwrap(), 1, "the end: {text}");
        bytes.push(byte[0]);
    }
}

#[test]
fn errors_before_any_route_are_problems_too() {
    let controller = Controller::start(&[]);
    let bearer = controller.bearer();
    let get = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n{more}\r\n")
    };
    let many = (0..200).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let long = format!("X: {}\r\n", "y".repeat(600 << 10));
    for (request, wanted) in [
        (get("/api/%ff", ""), 404),
        (get("/api/v1/hosts/%ff", ""), 400),
        (get("/api/v1/hosts/%ff/results", ""), 400),
        (get("/api/v1/hosts/h/results?after=%ff", ""), 400),
        (get("/api/v1/hosts/h/results?%ff=%ff", ""), 400),
        (get(&format!("/{}", "a".repeat(70_000)), ""), 414),
        (get("/api/v1/hosts", &many), 431),
        (get("/api/v1/hosts", &long), 431),
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("GET /\u{1} HTTP/1.1\r\n\r\n".to_owned(), 400),
        (get("/api/v1/hosts", "no colon\r\n"), 400),
    ] {
        let (status, problem) = raw(&controller, request.as_bytes());
        assert_eq!(status, wanted, "{:.60}: {problem}", request);
    }
    // Also as the second request of a connection.
    let both = format!("{}{}", get("/api/v1/nothing", ""), get("/api/v1/hosts", &many));
    let mut client = controller.connect_http();
    client.write_all(both.as_bytes()).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("application/problem+json").count(), 2, "{text}");
    assert!(text.contains("HTTP/1.1 431"), "{text}");
}

#[test]
fn a_request_whose_length_is_ambiguous_is_rejected() {
    let controller = Controller::start(&[]);
    let request = |method: &str, path: &str, head: &str| {
        let bearer = controller.bearer();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n{head}\r\n\
             0\r\n\r\n"
        )
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    for head in [
        format!("Content-Length: 5\r\n{chunked}"),
        format!("{chunked}Content-Length: 5\r\n"),
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        "Content-Length: +5\r\n".to_owned(),
    ] {
        for (method, path) in [("POST", "/api/v1/hosts/host-1/requests"), ("GET", "/api/v1/hosts")]
        {
            let (status, problem) = raw(&controller, request(method, path, &head).as_bytes());
            assert_eq!(status, 400, "{head:?}: {problem}");
        }
    }
}

#[test]
fn wrong_tokens_are_logged_and_limited_but_lock_nobody_out() {
    let controller = Controller::start(&[]);
    let url = format!("{}/hosts", controller.api);
    let statuses: Vec<u16> = (0..200)
        .map(|number| {
            let token = format!("Bearer wrong-token-{number}");
            read(http().get(&url).header("Authorization", token).call()).0
        })
        .collect();
    assert!(statuses[..10].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses[10..].iter().all(|status| *status == 429), "{statuses:?}");
    let paused = http().get(&url).header("Authorization", "Bearer x").call().unwrap();
    assert!(paused.headers().contains_key("retry-after"));
    assert_eq!(controller.get("/hosts").0, 200);
    wait_until("the log", || controller.log().contains("10 wrong tokens"));
    let log = controller.log();
    let lines = log.lines().filter(|line| line.contains("wrong token")).count();
    assert!((1..10).contains(&lines), "{log}");
    assert!(log.contains("127.0.0.1") && !log.contains("wrong-token-"), "{log}");
}

#[test]
fn a_client_that_sends_half_a_request_blocks_no_other() {
    let controller = Controller::start(&[]);
    let mut half = controller.connect_http();
    half.write_all(b"GET /api/v1/hosts HTTP/1.1\r\nAuthor").unwrap();
    assert_eq!(controller.get("/hosts").0, 200);
    let mut garbage = controller.connect_http();
    garbage.write_all(b"\x16\x03\x01\x00\x00\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert_eq!(controller.get("/hosts").0, 200);
}
