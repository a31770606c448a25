//! Hosts join by a token: what they get, what they are refused, and that nothing is counted twice.

mod support;

use agent_wire::message::InitReply;
use agent_wire::{ALPN, ENROLL_ALPN};
use rcgen::{CustomExtension, KeyPair};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};
use support::{
    Controller, Host, csr, csr_with, enroll, exchange, joining_client, new_key, open, start_tls,
};
use test_support::wait_until;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Flags for tests in which many hosts come from one address.
const MANY: [&str; 2] = ["--enroll-rate-per-address", "10000"];

fn uses(controller: &Controller, token: &str) -> Value {
    controller.get(&format!("/tokens/{token}")).1["uses"].clone()
}

#[test]
fn a_host_joins_by_a_token_and_connects() {
    let controller = Controller::start_own(&[]);
    let terms = json!({ "labels": { "env": "prod" } });
    let (id, token) = controller.join_token(&terms);
    let host = controller.enroll(&token);

    let leaf = host.leaf();
    let (_, cert) = X509Certificate::from_der(&leaf).unwrap();
    let names = cert.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(names.general_names, [GeneralName::DNSName(&host.id)]);
    let usage = cert.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!cert.is_ca());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let life = cert.validity().not_after.timestamp() - i64::try_from(now).unwrap();
    assert!((7 * 24 * 3600 - 60..=7 * 24 * 3600).contains(&life), "{life}");
    assert_eq!(cert.raw_serial().len(), 16);

    let _agent = controller.channel(&host);
    controller.wait_for_hosts(&[&host.id]);
    let shown = controller.get(&format!("/hosts/{}", host.id)).1;
    assert_eq!(shown["state"], "active", "{shown}");
    assert_eq!(shown["connected"], true, "{shown}");
    assert_eq!(shown["labels"]["env"]["value"], "prod", "{shown}");
    assert_eq!(shown["token"], id.as_str(), "{shown}");
    assert_eq!(uses(&controller, &id), 1);
    assert!(!controller.log().contains(&token), "the log shows the token");
}

#[test]
fn an_answer_that_was_lost_is_given_again_and_counts_no_use() {
    let controller = Controller::start_own(&MANY);
    let (id, token) = controller.join_token(&json!({}));
    let key = new_key();
    let request = enroll(&token, &csr(&key));
    let first = controller.join(&request);
    let again = controller.join(&request);
    let copy = KeyPair::from_pem(&key.serialize_pem()).unwrap();
    let (first, again) = (Host::of(key, &first), Host::of(copy, &again));
    assert_eq!(first.id, again.id);
    let serial = |host: &Host| {
        let leaf = host.leaf();
        X509Certificate::from_der(&leaf).unwrap().1.raw_serial().to_vec()
    };
    assert_eq!(serial(&first), serial(&again));
    assert_eq!(uses(&controller, &id), 1);
    // Another key finds the token used up.
    assert_eq!(controller.join(&enroll(&token, &csr(&new_key())))["retcode"], 3063);
}

#[test]
fn each_token_that_does_not_admit_a_host_has_an_error_of_its_own() {
    let controller = Controller::start_own(&MANY);
    let (_, short) = controller.join_token(&json!({ "expires_in": 1 }));
    let (_, used) = controller.join_token(&json!({}));
    controller.enroll(&used);
    let (revoked_id, revoked) = controller.join_token(&json!({}));
    assert!(controller.delete(&format!("/tokens/{revoked_id}")) < 300);
    let (_, elsewhere) = controller.join_token(&json!({ "networks": ["10.9.8.0/24"] }));
    let wrong =
        format!("{}{}", &used[..used.len() - 1], if used.ends_with('0') { "1" } else { "0" });
    let refused = |token: &str| {
        let reply = controller.join(&enroll(token, &csr(&new_key())));
        (reply["retcode"].as_u64().unwrap(), reply["message"].as_str().unwrap().to_owned())
    };
    wait_until("the token's end", || refused(&short).0 == 3062);
    let found: Vec<_> =
        [&wrong, &short, &used, &revoked, &elsewhere].map(|token| refused(token)).into();
    let numbers: Vec<u64> = found.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [3061, 3062, 3063, 3064, 3065], "{found:?}");
    let sentences: HashSet<&String> = found.iter().map(|(_, why)| why).collect();
    assert_eq!(sentences.len(), 5, "{found:?}");
    assert_eq!(refused("bat1.nonsense").0, 3061);
}

#[test]
fn of_fifty_hosts_that_race_for_a_one_use_token_one_joins() {
    let controller = Controller::start_own(&MANY);
    let (id, token) = controller.join_token(&json!({}));
    let replies: Vec<u64> = std::thread::scope(|scope| {
        let hosts: Vec<_> = (0..50)
            .map(|_| {
                scope.spawn(|| {
                    let reply = controller.join(&enroll(&token, &csr(&new_key())));
                    reply["retcode"].as_u64().unwrap()
                })
            })
            .collect();
        hosts.into_iter().map(|host| host.join().unwrap()).collect()
    });
    assert_eq!(replies.iter().filter(|retcode| **retcode == 0).count(), 1, "{replies:?}");
    assert_eq!(replies.iter().filter(|retcode| **retcode == 3063).count(), 49, "{replies:?}");
    assert_eq!(uses(&controller, &id), 1);
    assert_eq!(controller.get("/hosts").1["hosts"].as_array().unwrap().len(), 1);
}

#[test]
fn only_the_key_of_a_request_gets_into_the_certificate() {
    let controller = Controller::start_own(&MANY);
    let (_, token) = controller.join_token(&json!({ "max_uses": 10 }));
    let key = new_key();
    let greedy = csr_with(&key, |params| {
        // BasicConstraints (RFC 5280 §4.2.1.9) with cA TRUE.
        let authority = vec![0x30, 0x03, 0x01, 0x01, 0xff];
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(&[2, 5, 29, 19], authority)];
        params.subject_alt_names =
            vec![rcgen::SanType::DnsName("config.cargo.com".try_into().unwrap())];
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
    });
    let asks_for_ca = [0x55, 0x1d, 0x13, 0x04, 0x05, 0x30, 0x03, 0x01, 0x01, 0xff];
    assert!(greedy.windows(asks_for_ca.len()).any(|part| part == asks_for_ca));
    let host = Host::of(key, &controller.join(&enroll(&token, &greedy)));
    let leaf = host.leaf();
    let (_, cert) = X509Certificate::from_der(&leaf).unwrap();
    assert!(!cert.is_ca());
    assert!(!cert.subject().to_string().contains("root"));
    assert!(!host.certificate.contains("config.cargo.com"));
    assert_ne!(host.id, "config.cargo.com");

    // An id that the server does not know is kept, one that it knows is not taken over.
    let mut request = enroll(&token, &csr(&new_key()));
    request["hostname"] = json!("web-1.example");
    assert_eq!(controller.join(&request)["data"]["host_id"], "web-1.example");
    let mut request = enroll(&token, &csr(&new_key()));
    request["hostname"] = json!("web-1.example");
    assert_ne!(controller.join(&request)["data"]["host_id"], "web-1.example");
}

#[test]
fn a_request_that_is_not_signed_by_its_key_or_too_large_is_rejected() {
    let controller = Controller::start_own(&MANY);
    let (id, token) = controller.join_token(&json!({}));
    let mut forged = csr(&new_key());
    *forged.last_mut().unwrap() ^= 1;
    for bad in [&forged[..], b"not DER", &vec![0x30; 9 << 10]] {
        let reply = controller.join(&enroll(&token, bad));
        assert_eq!(reply["retcode"], 3021, "{reply:?}");
    }
    let config = || joining_client(&controller.roots(), None, ENROLL_ALPN);
    let mut stream = open(controller.agents, config()).unwrap();
    // The server answers after 16 KiB, and does not read the rest.
    let large = vec![b'A'; 1 << 20];
    let _ = stream.write_all(br#"{"method":"enroll","csr":""#);
    match exchange(&mut stream, &large) {
        Ok(reply) => assert_eq!(reply["retcode"], 3002, "{reply:?}"),
        // It has closed the connection meanwhile.
        Err(error) => assert!(error.raw_os_error().is_some(), "{error}"),
    }
    for text in ["{}\n", "[]\n", "{\"method\":\"init\",\"hostname\":\"x\"}\n"] {
        let mut stream = open(controller.agents, config()).unwrap();
        let reply = exchange(&mut stream, text.as_bytes()).unwrap();
        assert!(reply["retcode"] == 3021 || reply["retcode"] == 3001, "{text}: {reply:?}");
    }
    assert_eq!(uses(&controller, &id), 0);
    // Without a certificate there is no channel.
    let plain = joining_client(&controller.roots(), None, ALPN);
    let mut agent = start_tls(support::connect(controller.agents).stream, plain);
    let _ = agent.stream.write_all(b"{\"method\":\"init\",\"hostname\":\"x\"}\n");
    agent.try_receive().unwrap_err();
}

#[test]
fn after_ten_wrong_tokens_an_address_has_to_pause() {
    let controller = Controller::start_own(&MANY);
    let (_, token) = controller.join_token(&json!({}));
    let wrong = format!("bat1.{}.{}", "0".repeat(12), "0".repeat(32));
    for _ in 0..10 {
        assert_eq!(controller.join(&enroll(&wrong, &csr(&new_key())))["retcode"], 3061);
    }
    let reply = controller.join(&enroll(&token, &csr(&new_key())));
    assert_eq!(reply["retcode"], 3041, "{reply:?}");
    assert!((1..=61).contains(&reply["retry_after"].as_u64().unwrap()), "{reply:?}");
}

#[test]
fn one_address_joins_few_hosts_at_once_unless_the_token_allows_more() {
    let controller = Controller::start_own(&["--enroll-rate-per-address", "1"]);
    let (_, plain) = controller.join_token(&json!({ "max_uses": 100 }));
    let (id, allowed) = controller.join_token(&json!({ "max_uses": 100, "per_source_rate": 100 }));
    // A busy machine joins so slowly that more of them are let in.
    let busy = (0..90)
        .map(|_| controller.join(&enroll(&plain, &csr(&new_key()))))
        .find(|reply| reply["retcode"] == 3041)
        .expect("a limit");
    assert!((1..=31).contains(&busy["retry_after"].as_u64().unwrap()), "{busy:?}");
    for _ in 0..20 {
        controller.enroll(&allowed);
    }
    assert_eq!(uses(&controller, &id), 20);
}

#[test]
fn a_host_whose_token_asks_for_approval_waits_for_an_operator() {
    let controller = Controller::start_own(&MANY);
    let (_, token) = controller.join_token(&json!({ "approval": true, "max_uses": 2 }));
    let key = new_key();
    let request = enroll(&token, &csr(&key));
    let reply = controller.join(&request);
    assert_eq!(reply["data"]["pending"], true, "{reply:?}");
    let id = reply["data"]["host_id"].as_str().unwrap().to_owned();
    assert_eq!(controller.join(&request)["data"]["host_id"], id.as_str());
    assert_eq!(controller.get(&format!("/hosts/{id}")).1["state"], "pending");
    assert_eq!(controller.post(&format!("/hosts/{id}/approve"), &json!({})).0, 200);
    let host = Host::of(key, &controller.join(&request));
    assert_eq!(host.id, id);
    let _agent = controller.channel(&host);

    let other = enroll(&token, &csr(&new_key()));
    let id = controller.join(&other)["data"]["host_id"].as_str().unwrap().to_owned();
    assert_eq!(controller.post(&format!("/hosts/{id}/ban"), &json!({})).0, 200);
    assert_eq!(controller.join(&other)["retcode"], 3067);
}

#[test]
fn a_host_that_waits_hears_of_the_operators_decision_in_the_same_connection() {
    let controller = Controller::start_own(&MANY);
    let (_, token) = controller.join_token(&json!({ "approval": true, "max_uses": 3 }));
    let waits = |seconds: u64| {
        let key = new_key();
        let mut request = enroll(&token, &csr(&key));
        request["wait"] = seconds.into();
        (key, request)
    };
    let decided = |request: &Value, decision: &str| {
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| controller.join(request));
            let mut id = None;
            wait_until("the host is pending", || {
                let pending = controller.get("/hosts?state=pending").1;
                id = pending["hosts"][0]["id"].as_str().map(str::to_owned);
                id.is_some()
            });
            assert!(!asking.is_finished());
            let path = format!("/hosts/{}/{decision}", id.unwrap());
            assert_eq!(controller.post(&path, &json!({})).0, 200);
            asking.join().unwrap()
        })
    };
    let (key, request) = waits(60);
    let host = Host::of(key, &decided(&request, "approve"));
    let _agent = controller.channel(&host);
    assert_eq!(decided(&waits(60).1, "ban")["retcode"], 3067);
    // Nobody decides: it is to ask again at once.
    let reply = controller.join(&waits(1).1);
    assert_eq!(
        (&reply["data"]["pending"], &reply["data"]["retry_after"]),
        (&true.into(), &1.into())
    );
}

#[test]
fn a_host_id_that_no_certificate_can_carry_is_refused_with_the_fields_name() {
    let controller = Controller::start_own(&MANY);
    let (id, token) = controller.join_token(&json!({}));
    let mut request = enroll(&token, &csr(&new_key()));
    request["hostname"] = "x".repeat(128).into();
    let reply = controller.join(&request);
    assert_eq!(reply["retcode"], 3021, "{reply:?}");
    let message = reply["message"].as_str().unwrap();
    assert!(message.contains("hostname") && message.contains("63 characters"), "{message}");
    assert_eq!(uses(&controller, &id), 0);
}

#[test]
fn a_host_of_another_pki_comes_in_as_the_policy_says() {
    let mut controller = Controller::start(&["--unknown", "pending"]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    assert_eq!(controller.get("/hosts/host-1").1["state"], "pending");
    let (status, problem) = controller.ask("host-1", r#"{"method":"agent.ping"}"#);
    assert_eq!(status, 409, "{problem}");
    assert_eq!(controller.post("/hosts/host-1/approve", &json!({})).0, 200);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        agent.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        assert_eq!(asking.join().unwrap().0, 200);
    });
    controller.kill();
    controller.restart_with(&["--unknown", "refuse"]);
    let _known = controller.agent("host-1");
    let mut stranger =
        start_tls(support::connect(controller.agents).stream, controller.tls("host-2"));
    let InitReply::Refused(why) = stranger.init("host-2") else { panic!("host-2 was let in") };
    assert_eq!(why.retcode, 3066, "{}", why.message);
}
