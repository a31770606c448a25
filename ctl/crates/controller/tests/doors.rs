//! Peers without a certificate: they hold no more than their share, and the log stays short.

mod support;

use std::io::Write as _;
use support::{Controller, connect, silent};
use test_support::wait_until;

#[test]
fn silent_connections_keep_no_agent_out() {
    let controller = Controller::start(&[]);
    // From one address, from many, and half-spoken ones.
    let mut held: Vec<_> = (0..3000).map(|_| silent([127, 0, 0, 9], controller.agents)).collect();
    held.extend((0..3000_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        silent([127, 1, high, low.max(1)], controller.agents)
    }));
    held.extend((0..500).map(|_| {
        let stream = silent([127, 0, 0, 8], controller.agents);
        let _ = (&stream).write_all(b"{\"method\":\"init\",");
        stream
    }));
    // From another address, and from the same one.
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    held.extend((0..600).map(|_| silent([127, 0, 0, 1], controller.agents)));
    let _other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
    let lines = controller.log().lines().count();
    assert!(lines < 150, "{lines} log lines");
    drop(held);
}

#[test]
fn a_host_joins_and_connects_through_a_crowd_of_silent_peers() {
    let controller = Controller::start_own(&[]);
    let (_, token) = controller.join_token(&serde_json::json!({}));
    let held: Vec<_> = (0..4000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let stream = silent([127, 1, high, low.max(1)], controller.agents);
            if number % 8 == 0 {
                // The head of a TLS record, which never gets its body.
                let _ = (&stream).write_all(b"\x16\x03\x01\x02\x00");
            }
            stream
        })
        .collect();
    let host = controller.enroll(&token);
    let _agent = controller.channel(&host);
    controller.wait_for_hosts(&[&host.id]);
    drop(held);
}

#[test]
fn slow_clients_of_the_api_keep_no_other_out() {
    let controller = Controller::start(&[]);
    let held: Vec<_> = (0..3000_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            let stream = silent([127, 1, high, low.max(1)], controller.http);
            if number % 3 > 0 {
                let _ = (&stream).write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ");
            }
            stream
        })
        .collect();
    assert_eq!(controller.get("/hosts").0, 200);
    drop(held);
}

#[test]
fn half_spoken_connections_of_one_address_are_bounded() {
    let controller = Controller::start(&["--max-opening-per-address", "4"]);
    let speak = |from| {
        let stream = silent(from, controller.agents);
        (&stream).write_all(b"{\"method\":").unwrap();
        stream
    };
    // Until its first bytes are read, a connection is still a silent one.
    let mut held = Vec::new();
    wait_until("a refusal", || {
        held.push(speak([127, 0, 0, 9]));
        controller.log().contains("--max-opening-per-address")
    });
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    drop(held);
}

#[test]
fn peers_that_are_rejected_write_few_log_lines() {
    let controller = Controller::start(&[]);
    for _ in 0..500 {
        let mut peer = connect(controller.agents);
        peer.send("GET / HTTP/1.1\r\n\r\n");
        assert!(peer.receive().is_some());
    }
    wait_until("the log", || controller.log().contains("rejected"));
    let lines = controller.log().lines().filter(|line| line.contains("rejected")).count();
    assert!((1..100).contains(&lines), "{lines}");
}

#[test]
fn too_few_descriptors_are_reported_at_the_start_and_never_used_up() {
    let limited = |limit: &str| {
        let script = format!("ulimit -n {limit} && exec \"$@\"");
        let words = ["sh", "-c", &script, "sh"].map(str::to_owned);
        (words, test_support::Scratch::new("controller"))
    };
    let (words, scratch) = limited("64");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    support::pki::make(scratch.path(), &[]);
    let output = support::command(scratch.path(), &words).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && log.contains("at least 256"), "{log}");

    let (words, scratch) = limited("256");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let controller = Controller::start_under(&words, &[], scratch);
    let held: Vec<_> =
        (0..400_u16).map(|n| silent([127, 0, 1, n.to_le_bytes()[0]], controller.agents)).collect();
    let clients: Vec<_> = (0..100).map(|_| controller.connect_http()).collect();
    let _agent = controller.agent("host-1");
    drop(clients);
    controller.wait_for_hosts(&["host-1"]);
    drop(held);
    assert!(!controller.log().contains("cannot accept"), "{}", controller.log());
}
