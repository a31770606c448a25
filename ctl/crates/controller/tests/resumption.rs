//! Agents that come back resume their TLS session, and nobody comes back by it who may not.

mod support;

use agent_wire::ALPN;
use agent_wire::message::InitReply;
use rustls::{ClientConfig, HandshakeKind};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::{Agent, Controller, connect, http, joining_client, start_tls};
use test_support::{Scratch, wait_until};

/// Connects as an agent with `bootstrap = "tls"`; returns the reply to `init`.
fn come(controller: &Controller, config: &Arc<ClientConfig>, host: &str) -> (Agent, InitReply) {
    let mut agent = start_tls(connect(controller.agents).stream, Arc::clone(config));
    let reply = agent.init(host);
    (agent, reply)
}

fn kind(agent: &Agent) -> Option<HandshakeKind> {
    agent.stream.conn.handshake_kind()
}

#[test]
fn an_agent_that_comes_back_resumes_its_tls_session() {
    let controller = Controller::start(&[]);
    let config = controller.tls("host-1");
    for wanted in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let (agent, reply) = come(&controller, &config, "host-1");
        assert!(matches!(reply, InitReply::Accept), "{reply:?}");
        assert_eq!(kind(&agent), Some(wanted));
        controller.wait_for_hosts(&["host-1"]);
        drop(agent);
        controller.wait_for_hosts(&[]);
    }
    // The certificate of the first handshake counts in the later ones.
    let (agent, reply) = come(&controller, &config, "host-2");
    let InitReply::Refused(why) = reply else { panic!("{reply:?}") };
    assert_eq!((kind(&agent), why.retcode), (Some(HandshakeKind::Resumed), 3023));
}

/// Lets `host-1` come and go with a certificate that expires in so many seconds; returns its end,
/// and what remembers the session. `None` if it has expired before it was accepted.
fn come_for(controller: &Controller, seconds: u64) -> Option<(SystemTime, Arc<ClientConfig>)> {
    let end = SystemTime::now() + Duration::from_secs(seconds);
    controller.sign("host-1", |params| params.not_after = end.into());
    let config = controller.tls("host-1");
    let mut agent = start_tls(connect(controller.agents).stream, Arc::clone(&config));
    let reply = agent.try_init("host-1").ok()??;
    matches!(reply, InitReply::Accept).then_some((end, config))
}

#[test]
fn a_certificate_that_has_expired_does_not_come_back_by_resumption() {
    let controller = Controller::start(&[]);
    // A busy machine may need a longer one.
    let (end, config) =
        [4, 8, 16].into_iter().find_map(|seconds| come_for(&controller, seconds)).unwrap();
    wait_until("the certificate's end", || SystemTime::now() > end + Duration::from_secs(1));
    let (agent, reply) = come(&controller, &config, "host-1");
    let InitReply::Refused(why) = reply else { panic!("{reply:?}") };
    assert_eq!((kind(&agent), why.retcode), (Some(HandshakeKind::Resumed), 3023));
    assert!(why.message.contains("not valid anymore"), "{}", why.message);
}

#[test]
fn a_new_client_ca_ends_the_resumption_of_sessions_of_the_former_one() {
    let controller = Controller::start(&[]);
    let config = controller.tls("host-1");
    drop(come(&controller, &config, "host-1"));
    let other = Scratch::new("controller");
    support::pki::make(other.path(), &[]);
    fs::copy(other.file("ca.pem"), controller.dir.join("ca.pem")).unwrap();
    controller.signal("-HUP");
    wait_until("the reload", || controller.log().contains("SIGHUP: certificates, client CA"));
    let mut agent = start_tls(connect(controller.agents).stream, config);
    agent.send("{\"method\":\"init\",\"hostname\":\"host-1\"}\n");
    // A full handshake, which rejects the certificate.
    let error = agent.try_receive().expect_err("the former CA still counts");
    assert!(error.to_string().contains("alert"), "{error}");
    assert_eq!(kind(&agent), Some(HandshakeKind::Full));
}

#[test]
fn a_host_that_was_banned_or_removed_does_not_come_back_by_resumption() {
    let controller = Controller::start_own(&[]);
    let (_, token) = controller.join_token(&serde_json::json!({ "max_uses": 2 }));
    for (method, path) in [("POST", "/ban"), ("DELETE", "")] {
        let joined = controller.enroll(&token);
        let host = joined.id.as_str();
        let identity = Some((joined.certificate.as_str(), &joined.key));
        let config = joining_client(&controller.roots(), identity, ALPN);
        let (agent, reply) = come(&controller, &config, host);
        assert!(matches!(reply, InitReply::Accept), "{reply:?}");
        drop(agent);
        let (mut agent, reply) = come(&controller, &config, host);
        assert!(matches!(reply, InitReply::Accept), "{reply:?}");
        assert_eq!(kind(&agent), Some(HandshakeKind::Resumed));

        let url = format!("{}/hosts/{host}{path}", controller.api);
        let bearer = controller.bearer();
        let done = match method {
            "POST" => http().post(url).header("Authorization", bearer).send_empty(),
            _ => http().delete(url).header("Authorization", bearer).call(),
        };
        let status = done.unwrap().status().as_u16();
        assert!((200..300).contains(&status), "{status}");
        // The live channel ends, with a reason or without.
        while let Ok(Some(_)) = agent.try_receive() {}
        let (agent, reply) = come(&controller, &config, host);
        let InitReply::Refused(why) = reply else { panic!("{host}: {reply:?}") };
        assert_eq!((kind(&agent), why.retcode), (Some(HandshakeKind::Resumed), 3066));
    }
}
