//! What becomes of hosts after they have joined: renewal, recovery, clones, revocation, and the
//! change of the CA.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use agent_wire::ALPN;
use agent_wire::message::InitReply;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};
use support::{Agent, Controller, Host, connect, csr, joining_client, new_key, start_tls};
use test_support::wait_until;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Flags for tests in which many hosts come from one address.
const MANY: [&str; 2] = ["--enroll-rate-per-address", "10000"];

fn start() -> (Controller, String) {
    let controller = Controller::start_own(&MANY);
    let (_, token) = controller.join_token(&json!({ "max_uses": 100 }));
    (controller, token)
}

/// Renews in the channel; returns the controller's answer.
fn renew(agent: &mut Agent, id: &str, key: &KeyPair) -> Map<String, Value> {
    let csr = BASE64.encode(csr(key));
    let request = json!({ "method": "cert.renew", "renewal_id": id, "csr": csr });
    agent.send(&format!("{request}\n"));
    agent.receive().unwrap()
}

fn renewed(host: &Host, key: KeyPair, answer: &Map<String, Value>) -> Host {
    assert_eq!(answer["method"], "cert.renewed", "{answer:?}");
    let certificate = answer["certificate"].as_str().unwrap().to_owned();
    let ca_version = answer["ca_version"].as_u64().unwrap();
    Host { key, id: host.id.clone(), certificate, ca_version }
}

fn state(controller: &Controller, host: &Host) -> Value {
    controller.get(&format!("/hosts/{}", host.id)).1["state"].clone()
}

/// Opens a channel that is refused; returns the retcode.
fn refused(controller: &Controller, host: &Host) -> u16 {
    let (_, reply) = controller.open_channel(host, &json!({}));
    let InitReply::Refused(why) = reply else { panic!("{} was let in", host.id) };
    why.retcode
}

/// Replies to the next request, which must have this method.
fn answer(agent: &mut Agent, method: &str) -> Map<String, Value> {
    let request = agent.receive().unwrap_or_else(|| panic!("the channel ended before {method}"));
    assert_eq!(request["method"], method, "{request:?}");
    let id = &request["id"];
    agent.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}\n"));
    request
}

#[test]
fn a_host_renews_its_certificate_in_the_channel() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    let key = new_key();
    let first = renew(&mut agent, "renewal-1", &key);
    assert_eq!(first["generation"], 2, "{first:?}");
    assert_eq!(first["ca"].as_str().unwrap(), controller.roots());
    // The answer was lost: the same question has the same answer.
    let again = renew(&mut agent, "renewal-1", &key);
    assert_eq!(again["generation"], 2);
    // The part that is signed; signatures differ.
    let leaf = |answer: &Map<String, Value>| {
        let pem = answer["certificate"].as_str().unwrap().to_owned();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        X509Certificate::from_der(&der).unwrap().1.tbs_certificate.as_ref().to_vec()
    };
    assert_eq!(leaf(&first), leaf(&again));
    let bad = renew(&mut agent, "renewal-1", &new_key());
    assert_eq!((&bad["method"], &bad["retcode"]), (&json!("cert.refused"), &json!(3066)));

    // Until the new one has opened a channel, the old certificate does.
    let next = renewed(&host, key, &first);
    drop(agent);
    drop(controller.channel(&host));
    drop(controller.channel(&next));
    assert_eq!(state(&controller, &host), "active");
    let shown = controller.get(&format!("/hosts/{}", host.id)).1;
    assert_eq!(shown["generation"], 2, "{shown}");
}

/// A host that has renewed, with the copy that has not.
fn with_copy(controller: &Controller, token: &str) -> (Host, Host) {
    let copy = controller.enroll(token);
    let mut agent = controller.channel(&copy);
    let key = new_key();
    let answer = renew(&mut agent, "r", &key);
    let host = renewed(&copy, key, &answer);
    drop(agent);
    controller.wait_for_hosts(&[]);
    (host, copy)
}

#[test]
fn a_copy_with_an_older_key_puts_the_host_in_quarantine_until_an_operator_settles_it() {
    let (controller, token) = start();
    let (host, copy) = with_copy(&controller, &token);
    let mut agent = controller.channel(&host);
    // Only a host that is connected is asked about a second one.
    controller.wait_for_hosts(&[&host.id]);
    std::thread::scope(|scope| {
        let clone = scope.spawn(|| controller.channel(&copy));
        answer(&mut agent, "agent.ping");
        drop(clone.join().unwrap());
    });
    wait_until("the quarantine", || state(&controller, &host) == "quarantined");
    let request = r#"{"method":"agent.ping"}"#;
    let (status, problem) = controller.ask(&host.id, request);
    assert_eq!(status, 409, "{problem}");
    let path = format!("/hosts/{}/settle", host.id);
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| controller.post(&path, &json!({ "choice": "keep" })));
        answer(&mut agent, "cert.renew_now");
        let (status, body) = settling.join().unwrap();
        assert_eq!(status, 200, "{body}");
    });
    assert_eq!(state(&controller, &host), "active");
    assert_eq!(refused(&controller, &copy), 3066);
}

#[test]
fn a_host_restored_from_a_snapshot_goes_on_with_its_older_key() {
    let (controller, token) = start();
    let (host, copy) = with_copy(&controller, &token);
    drop(controller.channel(&host));
    drop(controller.channel(&copy));
    assert_eq!(state(&controller, &host), "quarantined");
    let path = format!("/hosts/{}/settle", host.id);
    let (status, body) = controller.post(&path, &json!({ "choice": "restored" }));
    assert_eq!(status, 200, "{body}");
    drop(controller.channel(&copy));
    assert_eq!(state(&controller, &host), "active");
    assert_eq!(refused(&controller, &host), 3066);
}

#[test]
fn a_second_agent_of_a_host_is_told_to_enroll_again_once_an_operator_says_so() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    controller.wait_for_hosts(&[&host.id]);
    let mut clone = std::thread::scope(|scope| {
        let clone = scope.spawn(|| controller.open_channel(&host, &json!({ "boot": "other" })));
        answer(&mut agent, "agent.ping");
        clone.join().unwrap().0
    });
    let shown = || controller.get(&format!("/hosts/{}", host.id)).1;
    wait_until("the clone", || shown()["clones"].as_array().is_some_and(|all| all.len() == 1));
    assert_eq!(shown()["clones"][0]["boot"], "other");
    let refused = renew(&mut clone, "r", &new_key());
    assert_eq!(refused["retcode"], 3066, "a clone gets no certificate: {refused:?}");
    let path = format!("/hosts/{}/settle", host.id);
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| controller.post(&path, &json!({ "choice": "enroll_again" })));
        answer(&mut clone, "cert.reset");
        answer(&mut agent, "cert.renew_now");
        let (status, body) = settling.join().unwrap();
        assert_eq!(status, 200, "{body}");
    });
    while clone.receive().is_some() {}
}

#[test]
fn a_copy_that_comes_back_before_the_kept_host_has_renewed_gives_way_to_it() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    controller.wait_for_hosts(&[&host.id]);
    let path = format!("/hosts/{}/settle", host.id);
    std::thread::scope(|scope| {
        let settling = scope.spawn(|| controller.post(&path, &json!({ "choice": "keep" })));
        answer(&mut agent, "cert.renew_now");
        assert_eq!(settling.join().unwrap().0, 200);
    });
    let key = new_key();
    let reply = renew(&mut agent, "r", &key);
    let next = renewed(&host, key, &reply);
    drop(agent);
    wait_until("the end", || {
        controller.get(&format!("/hosts/{}", host.id)).1["connected"] == false
    });
    // It has the key that was the host's a moment ago, and whose answer may have been lost.
    let mut copy = controller.channel(&host);
    controller.wait_for_hosts(&[&host.id]);
    let _agent = controller.channel(&next);
    assert_eq!(copy.receive().unwrap()["retcode"], 3066);
    assert!(copy.receive().is_none());
    let shown = controller.get(&format!("/hosts/{}", host.id)).1;
    assert_eq!((&shown["generation"], &shown["clones"]), (&json!(2), &Value::Null), "{shown}");
    assert_eq!(refused(&controller, &host), 3066);
}

#[test]
fn a_host_recovers_by_a_signature_of_its_key_over_the_connection() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let reply = controller.recover(&host, &new_key(), &new_key());
    assert_eq!(reply["retcode"], 3066, "another key signed: {reply:?}");
    let key = new_key();
    let reply = controller.recover(&host, &host.key, &key);
    let back = Host::of(key, &reply);
    assert_eq!(back.id, host.id);
    assert_eq!(reply["data"]["generation"], 2, "{reply:?}");
    let _agent = controller.channel(&back);
    let stranger = Host {
        id: "stranger".to_owned(),
        key: new_key(),
        certificate: String::new(),
        ca_version: 0,
    };
    let reply = controller.recover(&stranger, &stranger.key, &new_key());
    assert_eq!(reply["retcode"], 3066, "{reply:?}");
}

#[test]
fn a_banned_or_removed_host_is_disconnected_at_once_and_kept_out() {
    let (controller, token) = start();
    let (banned, removed) = (controller.enroll(&token), controller.enroll(&token));
    let mut agents = [controller.channel(&banned), controller.channel(&removed)];
    let (status, body) = controller.post(&format!("/hosts/{}/ban", banned.id), &json!({}));
    assert_eq!(status, 200, "{body}");
    assert!(controller.delete(&format!("/hosts/{}", removed.id)) < 300);
    for agent in &mut agents {
        assert_eq!(agent.receive().unwrap()["retcode"], 3066);
        assert!(agent.receive().is_none());
    }
    assert_eq!(refused(&controller, &banned), 3066);
    assert_eq!(refused(&controller, &removed), 3066);
    // The removed one may join again by a token, with its key.
    let request = support::enroll(&token, &csr(&removed.key));
    let again = Host::of(removed.key, &controller.join(&request));
    let _agent = controller.channel(&again);
    let request = support::enroll(&token, &csr(&banned.key));
    assert_eq!(controller.join(&request)["retcode"], 3066);
}

#[test]
fn a_token_is_revoked_with_the_hosts_that_it_admitted() {
    let controller = Controller::start_own(&MANY);
    let (id, token) = controller.join_token(&json!({ "max_uses": 3 }));
    let (_, other) = controller.join_token(&json!({}));
    let bystander = controller.enroll(&other);
    let hosts: Vec<Host> = (0..3).map(|_| controller.enroll(&token)).collect();
    let mut agents: Vec<Agent> = hosts.iter().map(|host| controller.channel(host)).collect();
    let _bystander = controller.channel(&bystander);
    assert!(controller.delete(&format!("/tokens/{id}?with_hosts=true")) < 300);
    for agent in &mut agents {
        assert_eq!(agent.receive().unwrap()["retcode"], 3066);
    }
    controller.wait_for_hosts_connected(&[&bystander.id]);
}

#[test]
fn the_ca_changes_in_three_steps_and_hosts_that_follow_lose_nothing() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    let away = controller.enroll(&token);
    drop(controller.channel(&away));

    let step = |step: &str, force: bool| {
        controller.post("/ca/rotation", &json!({ "step": step, "force": force }))
    };
    assert_eq!(step("issue", false).0, 409, "no root was introduced");
    assert_eq!(step("init", false).0, 200);
    let trust = answer(&mut agent, "cert.trust");
    let bundle = trust["bundle"].as_str().unwrap();
    assert_eq!(bundle.matches("BEGIN").count(), 2);
    wait_until("the acknowledgement", || controller.get("/ca").1["hosts_ready"] == 1);
    // The other host is away.
    let (status, problem) = step("issue", false);
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(&away.id), "{problem}");
    assert_eq!(controller.get("/ca").1["missing"], json!([away.id]));

    assert_eq!(step("issue", true).0, 200);
    answer(&mut agent, "cert.renew_now");
    let key = new_key();
    let answer_of = renew(&mut agent, "r", &key);
    let next = renewed(&host, key, &answer_of);
    let mut agent = controller.channel(&next);
    // A host that missed the bundle trusts the old root alone, and still finds its way.
    let old = format!("{}\n", bundle.split_inclusive("END CERTIFICATE-----\n").nth(1).unwrap());
    let config = joining_client(&old, Some((&away.certificate, &away.key)), ALPN);
    let mut late = start_tls(connect(controller.agents).stream, config);
    assert!(matches!(late.init(&away.id), InitReply::Accept));

    assert_eq!(step("retire", false).0, 409);
    assert_eq!(step("retire", true).0, 200);
    let trust = answer(&mut agent, "cert.trust");
    assert_eq!(trust["bundle"].as_str().unwrap(), controller.roots());
    assert_eq!(controller.roots().matches("BEGIN").count(), 1);
    // The old root is gone, and with it the channel of the host that did not follow.
    loop {
        match late.receive() {
            Some(message) if message.contains_key("method") => {}
            Some(message) => assert_eq!(message["retcode"], 3023, "{message:?}"),
            None => break,
        }
    }
    assert_eq!(controller.get("/ca").1["rotation"], "none");
}

#[test]
fn a_change_of_the_ca_can_be_undone_at_each_step() {
    let (controller, token) = start();
    let first = controller.get("/ca").1["pin"].clone();
    let step = |step: &str| {
        let (status, body) =
            controller.post("/ca/rotation", &json!({ "step": step, "force": true }));
        assert_eq!(status, 200, "{step}: {body}");
        body
    };
    step("init");
    assert_eq!(step("abort")["rotation"], "none");
    step("init");
    let issuing = step("issue");
    assert_ne!(issuing["pin"], first);
    let host = controller.enroll(&token);
    // The first root signs again; the certificate of the other one is good until it is retired.
    let back = step("abort");
    assert_eq!((&back["pin"], &back["rotation"]), (&first, &json!("issuing")));
    drop(controller.channel(&host));
    assert_eq!(step("retire")["roots"].as_array().unwrap().len(), 1);
    assert_eq!(controller.get("/ca").1["pin"], first);
    let other = controller.enroll(&token);
    let _agent = controller.channel(&other);
    let (status, _) = controller.post("/ca/rotation", &json!({ "step": "abort" }));
    assert_eq!(status, 409);
}

#[test]
fn a_sighup_takes_up_certificates_without_losing_a_channel() {
    let (controller, token) = start();
    let host = controller.enroll(&token);
    let mut agent = controller.channel(&host);
    let file = controller.state().join("ca/server.key");
    let before = std::fs::read(&file).unwrap();
    // The next reading signs another one.
    std::fs::remove_file(&file).unwrap();
    controller.signal("-HUP");
    wait_until("the new certificate", || std::fs::read(&file).is_ok_and(|now| now != before));
    wait_until("the log", || controller.log().contains("SIGHUP: certificates"));
    std::thread::scope(|scope| {
        let request = r#"{"method":"agent.ping"}"#;
        let asking = scope.spawn(|| controller.ask(&host.id, request));
        answer(&mut agent, "agent.ping");
        assert_eq!(asking.join().unwrap().0, 200);
    });
    let other = controller.enroll(&token);
    let _other = controller.channel(&other);
}

#[test]
fn the_ca_survives_restarts_and_needs_its_roots_key_only_to_sign_another_ca() {
    let mut controller = Controller::start_own(&[]);
    let (_, token) = controller.join_token(&json!({}));
    let host = controller.enroll(&token);
    controller.kill();
    let key = controller.state().join("ca/1/root.key");
    let elsewhere = controller.dir.join("root.key");
    std::fs::rename(&key, &elsewhere).unwrap();
    controller.restart_own(&["--root-key", "offline"]);
    drop(controller.channel(&host));
    controller.kill();
    // Without the issuing CA, the root's key is missed.
    controller.restart_own(&["--root-key", elsewhere.to_str().unwrap()]);
    drop(controller.channel(&host));
}
