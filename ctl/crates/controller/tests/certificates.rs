//! Certificates and keys: which the controller starts with, and how long an agent's is good for.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use agent_wire::message::InitReply;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Agent, Controller, binary, connect, sign, start_tls, write_private};
use test_support::{Scratch, needs_root};

/// The files of a PKI as flags, the server's at `server.pem` and `server.key`.
struct Files(Scratch);

impl Files {
    fn new() -> Self {
        let scratch = Scratch::new("controller");
        support::pki::make(scratch.path(), &[]);
        Self(scratch)
    }

    /// Starts a controller that must not start; returns its log.
    fn refused(&self) -> String {
        let output = support::command(self.0.path(), &[]).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{log}");
        log
    }
}

#[test]
fn the_controller_does_not_start_with_a_certificate_that_no_agent_accepts() {
    type Change = fn(&mut CertificateParams);
    let table: [(&[&str], Change, &str); 5] = [
        (&["c.example"], |params| params.not_after = date_time_ymd(2020, 1, 1), "expired on"),
        (
            &["c.example"],
            |params| {
                params.not_before = date_time_ymd(2120, 1, 1);
                params.not_after = date_time_ymd(2121, 1, 1);
            },
            "in the future",
        ),
        (&[], |_| {}, "subjectAltName"),
        (
            &["c.example"],
            |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            },
            "serverAuth",
        ),
        (&[], |params| params.not_after = date_time_ymd(2020, 1, 1), "expired on"),
    ];
    let files = Files::new();
    for (names, change, wanted) in table {
        sign(files.0.path(), &files.0.file("server"), names, change);
        let log = files.refused();
        assert!(log.contains(wanted) && log.contains("server.pem"), "{wanted}: {log}");
    }
}

#[test]
fn each_unusable_key_or_certificate_file_is_named_with_its_cause() {
    let files = Files::new();
    let file = |name: &str| files.0.file(name);
    let good = fs::read_to_string(file("server.key")).unwrap();
    for (key, wanted) in [
        (fs::read_to_string(file("ca.key")).unwrap(), "not the key of the certificate"),
        ("nothing\n".to_owned(), "no private key in this file"),
        (good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "the key is encrypted"),
    ] {
        write_private(&file("server.key"), &key);
        let log = files.refused();
        assert!(log.contains(wanted) && log.contains("server.key"), "{wanted}: {log}");
    }
    write_private(&file("server.key"), &good);
    let ca = fs::read_to_string(file("ca.pem")).unwrap();
    fs::write(file("ca.pem"), "").unwrap();
    assert!(files.refused().contains("ca.pem: no certificate in this file"));
    fs::write(file("ca.pem"), &ca).unwrap();
    fs::write(file("server.pem"), "").unwrap();
    assert!(files.refused().contains("server.pem: no certificate in this file"));
}

#[test]
fn a_bundle_with_byte_order_marks_and_an_unusable_certificate_works() {
    let mut controller = Controller::start(&[]);
    controller.kill();
    for name in ["ca.pem", "server.pem", "server.key"] {
        let path = controller.dir.join(name);
        let marked = format!("\u{feff}{}", fs::read_to_string(&path).unwrap());
        // Not a certificate inside, and the good one after it, with a mark of its own.
        let unusable = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        let text = if name == "ca.pem" { format!("{unusable}{marked}") } else { marked };
        fs::write(&path, text).unwrap();
    }
    let ready = controller.dir.join("ready");
    let file = |name: &str| controller.dir.join(name).into_os_string();
    let log = fs::File::create(controller.dir.join("log")).unwrap();
    let mut child = binary()
        .args(["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--cert"])
        .args([file("server.pem"), "--key".into(), file("server.key"), "--client-ca".into()])
        .args([file("ca.pem"), "--token-file".into(), file("token"), "--state-dir".into()])
        .args([file("state"), "--ready-file".into(), ready.clone().into_os_string()])
        .stderr(log)
        .spawn()
        .unwrap();
    test_support::wait_until("the ready file", || {
        let log = fs::read_to_string(controller.dir.join("log")).unwrap();
        assert_eq!(child.try_wait().unwrap(), None, "{log}");
        ready.exists()
    });
    let log = fs::read_to_string(controller.dir.join("log")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(log.contains("ca.pem: skipped a certificate"), "{log}");
}

#[test]
fn keys_and_certificates_that_others_could_read_or_change_are_refused() {
    if !needs_root("keys_and_certificates_that_others_could_read_or_change_are_refused") {
        return;
    }
    let files = Files::new();
    let mode = |name: &str, mode| {
        fs::set_permissions(files.0.file(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, loose, tight, wanted) in [
        ("server.key", 0o644, 0o600, "chmod 0600"),
        ("server.key", 0o640, 0o600, "chmod 0600"),
        ("server.key", 0o602, 0o600, "chmod 0600"),
        ("token", 0o604, 0o600, "chmod 0600"),
        ("server.pem", 0o664, 0o644, "chmod go-w"),
        ("ca.pem", 0o646, 0o644, "chmod go-w"),
    ] {
        mode(name, loose);
        let log = files.refused();
        assert!(log.contains(wanted) && log.contains(name), "{name} {loose:o}: {log}");
        mode(name, tight);
    }
    for name in ["server.key", "server.pem", "ca.pem", "token"] {
        let path = files.0.file(name);
        chown(&path, Some(65534), None).unwrap();
        let log = files.refused();
        assert!(log.contains("uid 65534") && log.contains(name), "{log}");
        chown(&path, Some(0), None).unwrap();
    }
    fs::set_permissions(files.0.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(files.refused().contains("lets others replace what is in it"));
}

/// Connects `host-1` with a certificate that expires in so many seconds; `None` if it has expired
/// before it was accepted.
fn connect_for(controller: &Controller, seconds: u64) -> Option<Agent> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let end = date_time_ymd(1970, 1, 1) + Duration::from_secs(since_1970.as_secs() + seconds);
    sign(&controller.dir, &controller.certificate("host-1"), &["host-1"], |params| {
        params.not_after = end;
    });
    let mut agent = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
    let reply = agent.try_init("host-1").ok()??;
    matches!(reply, InitReply::Accept).then_some(agent)
}

#[test]
fn a_session_ends_when_the_agents_certificate_expires() {
    let controller = Controller::start(&[]);
    let mut lasting = controller.agent("host-2");
    // A busy machine may need a longer one.
    let mut agent =
        [4, 8, 16, 32].into_iter().find_map(|seconds| connect_for(&controller, seconds)).unwrap();
    let last = agent.receive().unwrap();
    assert_eq!(last["retcode"], 3023, "{last:?}");
    assert!(last["message"].as_str().unwrap().contains("not valid anymore"), "{last:?}");
    assert!(agent.receive().is_none());
    controller.wait_for_hosts(&["host-2"]);
    lasting.stream.sock.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(lasting.try_receive().is_err());
}
