//! The agents' port: how agents connect, and how every other peer is rejected.

mod support;

use agent_wire::message::InitReply;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::time::Instant;
use support::{Controller, DEADLINE, connect, start_tls, tls};
use test_support::{Scratch, wait_until};

#[test]
fn an_agent_connects_and_replies_to_a_request() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let answered = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            controller.ask_text("host-1", r#"{"method":"sync.bash", "cmd":"ls", "timeout":10}"#)
        });
        let request = agent.receive().unwrap();
        assert_eq!(
            (request["method"].as_str(), request["cmd"].as_str()),
            (Some("sync.bash"), Some("ls"))
        );
        let id = request["id"].as_str().unwrap();
        // Frames for a request without `stream`, results without an outcome, unknown messages and
        // replies to no request are skipped.
        agent.send(&format!(r#"{{"id":"{id}","resp":"output","data":"x"}}"#));
        agent.send(
            r#"{"method":"async.result","id":"t","message":""} {"method":"async.result","resp":"failed"}"#,
        );
        agent.send(
            r#"{"id":"nobody","resp":"success","retcode":0,"message":""} {"x":1}{"id":null,"resp":"failed"}"#,
        );
        let text = format!(
            "{{\"id\":\"{id}\",\n \"resp\":\"success\",\"retcode\":2,\"message\":\"m\",\"data\":\"\\u00e9\",\"new\":1e2}}"
        );
        agent.send(&text);
        (asking.join().unwrap(), text)
    });
    assert_eq!(answered.0, (200, answered.1));
    // The results were not stored, so they are not acknowledged.
    agent.stream.sock.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    assert!(agent.try_receive().is_err());
}

#[test]
fn a_lenient_init_is_accepted_and_white_space_may_follow_it() {
    let controller = Controller::start(&[]);
    let mut plain = connect(controller.agents);
    plain.send("\n {\n    \"method\": \"init\",\n    \"hostname\": \"host-1\",\n}");
    assert_eq!(plain.receive().unwrap()["method"], "accept");
    plain.send("\r\n\t \n");
    let mut agent = start_tls(plain.stream, controller.tls("host-1"));
    assert!(matches!(agent.init("host-1"), InitReply::Accept));
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn tls_may_start_with_the_first_byte() {
    let controller = Controller::start(&[]);
    let mut agent = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
    assert!(matches!(agent.init("host-1"), InitReply::Accept));
    controller.wait_for_hosts(&["host-1"]);
    let session = controller.get("/hosts/host-1").1;
    assert_eq!(
        (session["version"].as_str(), session["requests_running"].as_u64()),
        (Some("9.9.9"), Some(0))
    );
    drop(agent);
    controller.wait_for_hosts(&[]);
}

#[test]
fn a_redirect_is_sent_before_tls_and_inside_it() {
    let list = "127.0.10.1,10.92.1.130:80,[fd00::1]:7443";
    let controller = Controller::start(&["--redirect-to", list]);
    let is_redirect = |reply| matches!(reply, InitReply::Redirect { server } if server == list);
    let mut plain = connect(controller.agents);
    assert!(is_redirect(plain.init("host-1")));
    assert!(plain.receive().is_none());
    let mut inside = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
    assert!(is_redirect(inside.init("host-1")));
    // A read without close_notify would be an error.
    assert!(inside.receive().is_none());
}

#[test]
fn a_peer_without_a_certificate_of_the_client_ca_is_rejected() {
    let controller = Controller::start(&[]);
    let other = Scratch::new("controller");
    let other_dir = other.file("dev");
    support::pki::make(&other_dir, &["host-1"]);
    let ca = controller.dir.join("ca.pem");
    let strangers = [
        ("none", None),
        ("another CA's", Some(other_dir.join("agents/host-1"))),
        ("a server's", Some(controller.dir.join("server"))),
    ];
    for (which, base) in strangers {
        let mut agent = start_tls(connect(controller.agents).stream, tls(&ca, base.as_deref()));
        // In TLS 1.3 the client learns of the rejection with its first read.
        let _ = agent.stream.write_all(b"{\"method\":\"init\",\"hostname\":\"host-1\"}\n");
        let error = agent.try_receive().expect_err(which);
        assert!(error.to_string().contains("alert"), "{which}: {error}");
    }
    assert_eq!(controller.get("/hosts").1["hosts"].as_array().unwrap().len(), 0);
}

#[test]
fn a_certificate_speaks_for_its_own_host_only() {
    let controller = Controller::start(&[]);
    for claimed in ["host-2", "host-1.", "10.0.0.1"] {
        let mut agent = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
        let InitReply::Refused(why) = agent.init(claimed) else { panic!("{claimed} was taken") };
        assert_eq!((why.retcode, why.id), (3023, None), "{}", why.message);
        assert!(agent.receive().is_none());
    }
    controller.wait_for_hosts(&[]);
}

#[test]
fn garbage_gets_a_failed_reply_or_none_and_then_the_end() {
    let controller = Controller::start(&[]);
    let too_long = format!("{{\"method\":\"init\",\"hostname\":\"{}\"}}", "a".repeat(70_000));
    let endless = " ".repeat(70_000);
    let init = r#"{"method":"init","hostname":"host-1"}"#;
    let pipelined = format!("{init}{init}");
    let table: [(&[u8], &[u64]); 11] = [
        (b"GET / HTTP/1.1\r\n\r\n", &[3001]),
        (b"\x80\x00\xff\xfe", &[3001]),
        (b"[]", &[3001]),
        (b"{]", &[3001]),
        (b"{\"method\":\"init\"}", &[3021]),
        (b"{\"method\":\"init\",\"hostname\":\"../etc\"}", &[3021]),
        (b"{\"method\":\"init\",\"hostname\":\"a\",\"hostname\":\"b\"}", &[3001]),
        (b"{\"id\":\"1\",\"method\":\"sync.bash\",\"cmd\":\"id\"}", &[3021]),
        (too_long.as_bytes(), &[3002]),
        (endless.as_bytes(), &[3002]),
        (pipelined.as_bytes(), &[3021]),
    ];
    for (bytes, wanted) in table {
        let mut peer = connect(controller.agents);
        let _ = peer.stream.write_all(bytes);
        let reply = peer
            .receive()
            .unwrap_or_else(|| panic!("{:?}: no reply", bytes.escape_ascii().to_string()));
        assert!(reply["id"].is_null());
        assert!(wanted.contains(&reply["retcode"].as_u64().unwrap()), "{reply:?}");
        assert!(peer.receive().is_none());
    }
    // After accept, neither text nor a broken TLS hello gets a reply.
    for bytes in ["x", "\u{16}\u{3}\u{1}xxxxxxxxxxxxxxxxxxxxxxxxxxxx"] {
        let mut peer = connect(controller.agents);
        assert!(matches!(peer.init("host-1"), InitReply::Accept));
        peer.send(bytes);
        let _ = peer.stream.shutdown(Shutdown::Write);
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest);
        assert!(!rest.contains(&b'{'));
    }
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn a_silent_peer_is_disconnected_at_each_step() {
    let controller = Controller::start(&[]);
    let begun = Instant::now();
    let silent = connect(controller.agents);
    let mut half_init = connect(controller.agents);
    half_init.send("{\"method\":");
    let mut accepted = connect(controller.agents);
    assert!(matches!(accepted.init("host-1"), InitReply::Accept));
    let mut half_hello = connect(controller.agents);
    half_hello.stream.write_all(&[0x16, 3, 1]).unwrap();
    let mut no_init = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
    no_init.stream.flush().unwrap();
    for mut peer in [silent, half_init, accepted, half_hello] {
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest);
    }
    let _ = no_init.try_receive();
    assert!(begun.elapsed() < DEADLINE);
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn a_newer_session_of_a_host_replaces_an_older_one_that_does_not_answer() {
    let controller = Controller::start(&[]);
    let mut older = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let (lost, answered) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.info"}"#));
        older.receive().unwrap();
        let mut newer = controller.agent("host-1");
        assert_eq!(older.receive().unwrap()["method"], "agent.ping");
        let last = older.receive().unwrap();
        assert_eq!((last["retcode"].as_u64(), last["id"].is_null()), (Some(3023), true));
        assert!(older.receive().is_none());
        let lost = waiting.join().unwrap();
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#));
        let id = newer.receive().unwrap()["id"].to_string();
        newer.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        (lost, asking.join().unwrap())
    });
    assert_eq!((lost.0, answered.0), (502, 200), "{lost:?} {answered:?}");
    wait_until("the log", || controller.log().contains("replaces the one from"));
    controller.wait_for_hosts(&[]);
}

#[test]
fn a_second_agent_of_one_identity_is_quarantined_while_the_first_one_answers() {
    let controller = Controller::start(&[]);
    let mut first = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let address = controller.get("/hosts/host-1").1["address"].clone();
    let mut clones = Vec::new();
    for _ in 0..2 {
        let mut clone = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
        let answer = std::thread::scope(|scope| {
            let opening = scope.spawn(|| clone.init("host-1"));
            let ping = first.receive().unwrap();
            assert_eq!(ping["method"], "agent.ping");
            let id = &ping["id"];
            first.send(&format!(
                "{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"
            ));
            opening.join().unwrap()
        });
        assert!(matches!(answer, InitReply::Accept), "{answer:?}");
        clones.push(clone);
    }
    // Requests go to the first one.
    assert_eq!(controller.get("/hosts/host-1").1["address"], address);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#));
        let id = first.receive().unwrap()["id"].to_string();
        first.send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"));
        assert_eq!(asking.join().unwrap().0, 200);
    });
    wait_until("the log", || controller.log().contains("quarantined a second agent"));
    // Once the first one has gone, a clone has to connect anew to take its place.
    drop(first);
    controller.wait_for_hosts(&[]);
    let _other = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
}

#[test]
fn a_reply_that_cannot_be_read_is_reported_to_its_client_at_once() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let deep = format!("{}1{}", "[".repeat(32), "]".repeat(32));
    for data in [r#"{"a":1,"a":2}"#, r#""\ud800""#, "1e999", &deep, "nonsense", "\"\u{1}\""] {
        for head in ["\"id\":ID,\"data\":DATA", "\"data\":DATA,\"id\":ID"] {
            // The start of a message that is too deep is kept, so an id after it is unknown.
            if data == deep && head.starts_with("\"data\"") {
                continue;
            }
            let (status, problem) = std::thread::scope(|scope| {
                let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"getinfo.os"}"#));
                let id = agent.receive().unwrap()["id"].to_string();
                let fields = head.replace("ID", &id).replace("DATA", data);
                agent.send(&format!(
                    "{{{fields},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}\n"
                ));
                asking.join().unwrap()
            });
            assert_eq!(status, 502, "{data}: {problem}");
            assert!(problem["type"].as_str().unwrap().ends_with("invalid-reply"), "{problem}");
        }
    }
    // Bytes that are no text.
    let (status, _) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"getinfo.os"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        let mut bytes = format!("{{\"id\":{id},\"resp\":\"success\",\"data\":\"").into_bytes();
        bytes.extend(b"\xff\"}\n");
        agent.stream.write_all(&bytes).unwrap();
        asking.join().unwrap()
    });
    assert_eq!(status, 502);
    controller.wait_for_no_requests();
}

#[test]
fn a_peer_of_another_protocol_is_rejected() {
    let controller = Controller::start(&[]);
    let init = r#"{"method":"init","hostname":"host-1","protocol":99}"#;
    let mut plain = connect(controller.agents);
    plain.send(init);
    let reply = plain.receive().unwrap();
    assert_eq!(reply["retcode"], 3021, "{reply:?}");
    assert!(reply["message"].as_str().unwrap().contains("protocol 99"), "{reply:?}");
    assert!(plain.receive().is_none());
    let mut inside = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
    inside.send(init);
    assert_eq!(inside.receive().unwrap()["retcode"], 3021);
    // TLS without the protocol's name, and with another one.
    let with_alpn = |names: &[&[u8]]| {
        let mut config = rustls::ClientConfig::clone(&controller.tls("host-1"));
        config.alpn_protocols = names.iter().map(|name| name.to_vec()).collect();
        start_tls(connect(controller.agents).stream, std::sync::Arc::new(config))
    };
    let mut without = with_alpn(&[]);
    let InitReply::Refused(why) = without.init("host-1") else { panic!("it was accepted") };
    assert!(why.message.contains("ALPN"), "{}", why.message);
    let mut other = with_alpn(&[b"h2"]);
    let written = other.stream.write_all(b"{}\n");
    let error = written.err().unwrap_or_else(|| other.try_receive().unwrap_err());
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    controller.wait_for_hosts(&[]);
}

#[test]
fn bytes_that_are_not_a_message_end_a_session_but_a_message_too_deep_does_not() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    agent.send(&format!("{}{}", "{\"a\":".repeat(40), "}".repeat(39)));
    agent.send("} {\"x\":1,}");
    let status = std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"agent.ping"}"#));
        let id = agent.receive().unwrap()["id"].to_string();
        // The protocol permits a trailing comma, HTTP clients need not.
        agent
            .send(&format!("{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\",}}"));
        asking.join().unwrap().0
    });
    assert_eq!(status, 200);
    agent.send("]");
    assert_eq!(agent.receive().unwrap()["retcode"], 3001);
    assert!(agent.receive().is_none());
    controller.wait_for_hosts(&[]);
}

#[test]
fn a_signal_ends_sessions_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let mut controller = Controller::start(&[]);
        let mut agent = controller.agent("host-1");
        controller.wait_for_hosts(&["host-1"]);
        let silent = connect(controller.agents);
        controller.signal(signal);
        let goodbye = agent.receive().unwrap();
        assert!(goodbye["method"] == "goodbye" && goodbye["return_within"] == 5, "{goodbye:?}");
        // Without close_notify this would be an error.
        assert!(agent.receive().is_none());
        drop(agent);
        assert_eq!(controller.wait().code(), Some(0), "{}", controller.log());
        drop(silent);
    }
}
