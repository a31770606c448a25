//! Links that log an operator in: once, also after a controller that was killed, and never beside
//! strangers who guess.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use support::{Controller, DEADLINE, silent};

/// Makes an operator, and a link for it; returns the link's secret.
fn link(controller: &Controller, name: &str) -> String {
    let made = controller.post("/operators", &json!({ "name": name, "roles": ["viewer"] }));
    assert!(matches!(made.0, 201 | 409), "{made:?}");
    let (status, link) = controller.post(&format!("/operators/{name}/login-link"), &json!({}));
    assert_eq!(status, 200, "{link}");
    link["path"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
}

/// Uses a link from an address of loopback; returns the status.
fn log_in(from: [u8; 4], to: SocketAddr, secret: &str) -> u16 {
    let mut stream: TcpStream = silent(from, to);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let body = json!({ "secret": secret }).to_string();
    let request = format!(
        "POST /api/v1/login/link HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

const HERE: [u8; 4] = [127, 0, 0, 1];

#[test]
fn a_log_in_link_works_once_though_the_controller_was_killed_meanwhile() {
    let mut controller = Controller::start_own(&[]);
    let secret = link(&controller, "ann");
    let ended = link(&controller, "bob");
    assert_eq!(controller.delete("/operators/bob/sessions"), 204);
    controller.kill();
    controller.restart_own(&[]);
    assert_eq!(log_in(HERE, controller.http, &secret), 200);
    assert_eq!(log_in(HERE, controller.http, &secret), 409, "it works once");
    assert_eq!(log_in(HERE, controller.http, &ended), 409, "it ended with the sessions");
    controller.kill();
    controller.restart_own(&[]);
    assert_eq!(log_in(HERE, controller.http, &secret), 409, "and stays used");
    // Only its digest was stored.
    let database = std::fs::read(controller.state().join("results.db")).unwrap();
    assert!(!database.windows(secret.len()).any(|some| some == secret.as_bytes()));
}

#[test]
fn wrong_links_from_one_address_pause_no_other() {
    let controller = Controller::start_own(&[]);
    let secret = link(&controller, "ann");
    let wrong = "0".repeat(secret.len());
    let stranger = [127, 0, 0, 7];
    let answers: Vec<u16> = (0..12).map(|_| log_in(stranger, controller.http, &wrong)).collect();
    assert_eq!((answers[0], answers[9], answers[10]), (409, 409, 429), "{answers:?}");
    assert_eq!(log_in(stranger, controller.http, &secret), 429);
    assert_eq!(log_in(HERE, controller.http, &secret), 200);
}
