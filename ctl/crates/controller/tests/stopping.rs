//! The end of the controller, and its signals.

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Stdio;
use support::{Controller, DEADLINE, binary, connect, http, read, start_tls};
use test_support::{Scratch, wait_some, wait_until};

#[test]
fn requests_in_flight_get_their_replies_before_the_controller_ends() {
    const REQUESTS: usize = 50;
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    // The controller has read both requests when it answers the first one.
    let mut waiting = controller.connect_http();
    waiting.set_read_timeout(Some(DEADLINE)).unwrap();
    let both: String = ["/healthz", "/api/v1/hosts/host-1/results/never?wait=60"]
        .map(|path| {
            let bearer = controller.bearer();
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n")
        })
        .concat();
    waiting.write_all(both.as_bytes()).unwrap();
    let mut status = [0; 12];
    waiting.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..REQUESTS)
            .map(|_| scope.spawn(|| controller.ask("host-1", r#"{"method":"getinfo.os"}"#)))
            .collect();
        let ids: Vec<_> =
            (0..REQUESTS).map(|_| agent.receive().unwrap()["id"].to_string()).collect();
        controller.signal("-TERM");
        // A wait for a result that may never come delays nothing.
        let (mut text, mut chunk) = (String::new(), [0; 4096]);
        while !text.contains("shutting") {
            let count = waiting.read(&mut chunk).unwrap();
            assert!(count > 0, "{text}");
            text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
        assert!(text.contains("HTTP/1.1 503"), "{text}");
        for id in ids {
            agent.send(&format!(
                "{{\"id\":{id},\"resp\":\"success\",\"retcode\":0,\"message\":\"\"}}"
            ));
        }
        for reply in asking {
            let (status, reply) = reply.join().unwrap();
            assert_eq!((status, reply["retcode"].as_u64()), (200, Some(0)), "{reply}");
        }
    });
    assert_eq!(agent.receive().unwrap()["method"], "goodbye");
    assert!(agent.receive().is_none());
    assert_eq!(controller.wait().code(), Some(0), "{}", controller.log());
}

#[test]
fn a_clean_stop_leaves_the_database_in_one_file() {
    let mut controller = Controller::start(&[]);
    let log = controller.state().join("results.db-wal");
    assert_eq!(controller.get("/hosts").0, 200);
    assert!(log.exists());
    controller.signal("-TERM");
    assert_eq!(controller.wait().code(), Some(0), "{}", controller.log());
    assert!(!log.exists() && controller.state().join("results.db").exists());
}

#[test]
fn a_request_without_a_reply_does_not_hold_the_controller_up() {
    let mut controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| controller.ask("host-1", r#"{"method":"getinfo.os"}"#));
        agent.receive().unwrap();
        controller.signal("-TERM");
        // A second signal does not wait for the drain.
        wait_until("the log", || controller.log().contains("shutting down"));
        controller.signal("-INT");
        let (status, problem) = asking.join().unwrap();
        assert_eq!(status, 503, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("shutting down"), "{problem}");
    });
    assert_eq!(controller.wait().code(), Some(0));
}

#[test]
fn sighup_takes_up_certificates_client_ca_and_token_without_losing_a_session() {
    let controller = Controller::start(&[]);
    let mut agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let presented = || {
        let mut peer = start_tls(connect(controller.agents).stream, controller.tls("host-2"));
        peer.stream.flush().unwrap();
        while peer.stream.conn.is_handshaking() {
            peer.stream.conn.complete_io(&mut peer.stream.sock).unwrap();
        }
        peer.stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let first = presented();
    // Another certificate of the same CA.
    fs::remove_file(controller.dir.join("server.key")).unwrap();
    support::pki::make(&controller.dir, &[]);
    let token = controller.dir.join("token");
    fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    controller.signal("-HUP");
    wait_until("the reload", || controller.log().contains("SIGHUP: certificates, client CA"));
    assert!(presented() != first);
    assert_eq!(controller.get("/hosts").0, 401);
    let ask = |path: &str| {
        let url = format!("{}{path}", controller.api);
        let bearer = "Bearer 0123456789abcdef0123456789abcdef";
        read(http().get(url).header("Authorization", bearer).call()).0
    };
    assert_eq!(ask("/hosts/host-1"), 200, "the session was lost");

    // A file that cannot be used changes nothing.
    fs::write(&token, "short").unwrap();
    controller.signal("-HUP");
    wait_until("the log", || controller.log().contains("stay as they were"));
    assert_eq!(ask("/hosts/host-1"), 200);
    fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();

    // A new client CA ends the sessions of the former one.
    let other = Scratch::new("controller");
    support::pki::make(other.path(), &[]);
    fs::copy(other.file("ca.pem"), controller.dir.join("ca.pem")).unwrap();
    controller.signal("-HUP");
    let last = agent.receive().unwrap();
    assert!(last["message"].as_str().unwrap().contains("not valid anymore"), "{last:?}");
    assert!(agent.receive().is_none());
}

#[test]
fn signals_are_never_deadly_but_for_an_orderly_end() {
    let scratch = Scratch::new("controller");
    // In the first moments too.
    for _ in 0..10 {
        let ready = scratch.file("ready");
        let _ = fs::remove_file(&ready);
        let mut child = binary()
            .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dev"])
            .arg(scratch.file("dev"))
            .arg("--ready-file")
            .arg(&ready)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Signals are registered once it ignores or catches SIGHUP (bit 1 of the mask).
        let caught = || {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t"))?.to_owned();
            (u64::from_str_radix(&mask, 16).ok()? & 1 == 1).then_some(())
        };
        wait_some("the handler", caught);
        test_support::run(&["kill", "-HUP", &child.id().to_string()]);
        wait_some("the ready file", || {
            assert_eq!(child.try_wait().unwrap(), None);
            ready.exists().then_some(())
        });
        test_support::run(&["kill", "-HUP", &child.id().to_string()]);
        test_support::run(&["kill", "-TERM", &child.id().to_string()]);
        let status = wait_some("the end", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0));
    }
}

#[test]
fn a_standard_error_that_nobody_reads_stops_nothing() {
    let scratch = Scratch::new("controller");
    let (dir, ready) = (scratch.file("dev"), scratch.file("ready"));
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--dev"])
        .arg(&dir)
        .arg("--ready-file")
        .arg(&ready)
        .env("RUST_LOG", "trace")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = wait_some("the ready file", || fs::read_to_string(&ready).ok());
    let addresses: serde_json::Value = serde_json::from_str(&text).unwrap();
    let agents: std::net::SocketAddr = addresses["listen"][0].as_str().unwrap().parse().unwrap();
    // Far more lines than a pipe holds.
    for _ in 0..1000 {
        let mut peer = connect(agents);
        peer.send("GET / HTTP/1.1\r\n\r\n");
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest);
        assert!(!rest.is_empty());
    }
    test_support::run(&["kill", "-TERM", &child.id().to_string()]);
    let status = wait_some("the end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn inputs_that_are_no_regular_files_are_refused_and_block_nothing() {
    let controller = Controller::start(&[]);
    // At SIGHUP.
    let token = controller.dir.join("token");
    fs::remove_file(&token).unwrap();
    test_support::run(&["mkfifo", "-m", "600", token.to_str().unwrap()]);
    controller.signal("-HUP");
    wait_until("the log", || controller.log().contains("must be a regular file"));
    assert_eq!(controller.get("/hosts").0, 200);

    // At the start.
    let scratch = Scratch::new("controller");
    support::pki::make(scratch.path(), &[]);
    for (flag, name) in [
        ("--cert", "server.pem"),
        ("--key", "server.key"),
        ("--client-ca", "ca.pem"),
        ("--token-file", "token"),
    ] {
        let fifo = scratch.file("fifo");
        test_support::run(&["mkfifo", "-m", "600", fifo.to_str().unwrap()]);
        let mut command = binary();
        for (each, file) in [
            ("--cert", "server.pem"),
            ("--key", "server.key"),
            ("--client-ca", "ca.pem"),
            ("--token-file", "token"),
        ] {
            let path = if each == flag { fifo.clone() } else { scratch.file(file) };
            command.arg(each).arg(path);
        }
        let output = command.arg("--state-dir").arg(scratch.file("state")).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(1) && log.contains("fifo: it must be a regular file"),
            "{name}: {log}"
        );
        fs::remove_file(&fifo).unwrap();
    }
    let large = scratch.file("large");
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(&large).unwrap().set_len(1 << 40).unwrap();
    let output = binary().arg("--token-file").arg(&large).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && log.contains("too large"), "{log}");
}
