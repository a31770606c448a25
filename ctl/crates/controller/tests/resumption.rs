//! Agents that come back resume their TLS session, and nobody comes back by it who may not.

mod support;

use agent_wire::message::InitReply;
use rustls::{ClientConfig, HandshakeKind};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::{Agent, Controller, connect, start_tls};
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

#[test]
fn a_certificate_that_has_expired_does_not_come_back_by_resumption() {
    let controller = Controller::start(&[]);
    let end = SystemTime::now() + Duration::from_secs(4);
    controller.sign("host-1", |params| params.not_after = end.into());
    let config = controller.tls("host-1");
    let (agent, reply) = come(&controller, &config, "host-1");
    assert!(matches!(reply, InitReply::Accept), "{reply:?}");
    drop(agent);
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
