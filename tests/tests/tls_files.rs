//! TLS files that cannot be used: each gets a sentence with the file and the cause, and
//! `--check-config` says the same as the start.

#![expect(clippy::disallowed_methods, reason = "a test starts the real binary and openssl")]

use e2e::{Agent, AgentConfig, Pki, Scratch, Server, binary, run};
use std::process::Command;

/// The files and the configuration of an agent that is not started.
struct Files {
    scratch: Scratch,
    pki: Pki,
}

impl Files {
    fn new() -> Self {
        let (scratch, pki) = (Scratch::new("tls"), Pki::new());
        scratch.write("ca.pem", pki.ca());
        pki.sign(&["host-1"]).write(&scratch, "agent");
        Self { scratch, pki }
    }

    /// Runs `--check-config` with lines before the `[tls]` section and after it.
    fn check(&self, top: &str, tables: &str) -> (Option<i32>, String) {
        let at = |name: &str| self.scratch.file(name).display().to_string();
        let text = format!(
            "state_dir = \"{}\"\n{top}\n[tls]\nca = \"{}\"\ncert = \"{}\"\nkey = \"{}\"\n{tables}",
            at("state"),
            at("ca.pem"),
            at("agent.pem"),
            at("agent.key"),
        );
        let config = self.scratch.write("agent.toml", text);
        let mut agent = Command::new(binary("BasicAgent"));
        let output = agent.arg("--check-config").arg("--config").arg(config).output();
        let output = output.expect("the agent starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn openssl(&self, words: &str, output: &str) {
        let output = self.scratch.file(output).display().to_string();
        let (command, rest) = words.split_once(' ').expect("a command and its words");
        let rest: Vec<&str> = rest.split(' ').collect();
        run(&[&["openssl", command, "-out", &output], rest.as_slice()].concat());
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_with_its_kind() {
    let files = Files::new();
    let key = files.scratch.file("agent.key").display().to_string();
    let original = std::fs::read_to_string(&key).unwrap();
    let check = |word: &str| {
        let (status, errors) = files.check("", "");
        assert_eq!(status, Some(2), "{word}: {errors}");
        let place = format!("agent.toml:6: tls.key: {key}: ");
        assert!(errors.contains(&place) && errors.contains(word), "{word}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    };
    files.openssl("ecparam -genkey -noout -name secp521r1", "agent.key");
    check("P-521");
    files.openssl("ecparam -genkey -name secp521r1", "agent.key");
    check("P-521");
    files.openssl("genrsa -traditional 1024", "agent.key");
    check("an RSA key of 1024 bits");
    files.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024", "agent.key");
    check("an RSA key of 1024 bits");
    files.openssl("genpkey -algorithm ED448", "agent.key");
    check("Ed448");
    files.openssl("genrsa -aes128 -passout pass:secret -traditional 2048", "agent.key");
    check("the key is encrypted");
    files.openssl("genpkey -algorithm RSA -aes128 -pass pass:secret", "agent.key");
    check("the key is encrypted");
    files.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", "agent.key");
    check("it is not the key of ");
    files.openssl("genpkey -algorithm ED25519 -outform DER", "agent.key");
    check("no private key in PEM form");
    for (text, word) in [
        (String::new(), "the file is empty"),
        (files.pki.ca(), "contains no private key, only CERTIFICATE"),
        (original.replace("-----END", "----END"), "the file was cut"),
        (original.replacen('M', "*", 1), "not base64"),
    ] {
        std::fs::write(&key, text).unwrap();
        check(word);
    }
    std::fs::write(&key, format!("\u{feff}{}", original.replace('\n', "\r\n"))).unwrap();
    assert_eq!(files.check("", ""), (Some(0), String::new()), "a byte order mark is allowed");
}

#[tokio::test]
async fn one_bad_ca_among_good_ones_is_reported_and_skipped() {
    let files = Files::new();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let torn = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let bundle = format!("\u{feff}{damaged}{torn}{}", files.pki.ca());
    files.scratch.write("ca.pem", &bundle);
    let (status, errors) = files.check("", "");
    assert_eq!(status, Some(0), "{errors}");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 2, "{errors}");
    assert!(lines[0].contains("ca.pem: certificate 1 is no CA that can be used"), "{errors}");
    assert!(
        lines[1].contains("ca.pem: section 2 cannot be read: its text is not base64"),
        "{errors}"
    );
    assert!(lines.iter().all(|line| line.ends_with("; skipped")), "{errors}");

    let server = Server::start(&files.pki).await;
    let agent = Agent::start(&files.pki, AgentConfig::new(server.address()));
    drop(server.channel().await);
    agent.scratch().write("ca.pem", &bundle);
    server.channel().await;
    agent.logged("certificate 1 is no CA that can be used").await;

    files.scratch.write("ca.pem", damaged);
    let (status, errors) = files.check("", "");
    assert_eq!(status, Some(2), "{errors}");
    assert!(!errors.contains("peer"), "{errors}");
}

#[test]
fn all_missing_files_are_named_at_once() {
    let files = Files::new();
    for name in ["ca.pem", "agent.pem"] {
        std::fs::remove_file(files.scratch.file(name)).unwrap();
    }
    let (status, errors) = files.check("", "[exec]\nshell = \"/no/shell\"\n");
    assert_eq!(status, Some(2), "{errors}");
    let expected =
        ["tls.ca: cannot read", "tls.cert: cannot read", "exec.shell: /no/shell: No such"];
    for word in expected {
        assert!(errors.contains(word), "{word}: {errors}");
    }
    // Without certificate and key, the agent has no identity, which is allowed; without a CA it
    // trusts nobody.
    std::fs::remove_file(files.scratch.file("agent.key")).unwrap();
    let (status, errors) = files.check("", "");
    assert_eq!((status, errors.lines().count()), (Some(2), 1), "{errors}");
    files.scratch.write("ca.pem", files.pki.ca());
    assert_eq!(files.check("", ""), (Some(0), String::new()));
}

#[test]
fn a_certificate_of_another_host_and_an_id_that_no_certificate_can_carry_are_reported() {
    let files = Files::new();
    assert_eq!(files.check("host_id = \"host-1\"", ""), (Some(0), String::new()));
    let (status, errors) = files.check("host_id = \"host-2\"", "");
    assert_eq!(status, Some(2), "{errors}");
    assert!(errors.contains("its DNS names are host-1, but not the host id, host-2"), "{errors}");
    let long = "x".repeat(64);
    for id in ["a..b", ".a", "-a", "10.0.0.1", long.as_str()] {
        let (status, errors) = files.check(&format!("host_id = \"{id}\""), "");
        assert_eq!(status, Some(2), "{id}: {errors}");
        assert!(errors.contains(&format!("host_id: \"{id}\" is not a DNS name")), "{errors}");
    }
}

#[tokio::test]
async fn the_connection_logs_a_certificate_of_another_host() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    drop(server.channel().await);
    pki.sign(&["other"]).write(agent.scratch(), "agent");
    server.channel().await;
    agent.logged("its DNS names are other, but not the host id, host-1").await;
}

#[test]
fn relative_paths_in_the_file_are_rejected() {
    let files = Files::new();
    for (top, tables, key) in [
        ("", "[log]\nfile = \"log\"", "log.file"),
        ("", "[cron]\ndir = \"cron.d\"", "cron.dir"),
        ("", "[cron]\ncalendar = \"calendar\"", "cron.calendar"),
        ("", "[exec]\nshell = \"bash\"", "exec.shell"),
        ("run_dir = \"run\"", "", "run_dir"),
        ("policy = \"policy.toml\"", "", "policy"),
    ] {
        let (status, errors) = files.check(top, tables);
        assert_eq!(status, Some(2), "{key}: {errors}");
        assert!(errors.contains(&format!("{key}: must be an absolute path")), "{errors}");
    }
    for key in ["ca", "cert", "key"] {
        let config = files.scratch.write("relative.toml", format!("[tls]\n{key} = \"x.pem\"\n"));
        let output =
            Command::new(binary("BasicAgent")).arg("--config").arg(config).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(&format!("tls.{key}: must be an absolute path")), "{errors}");
    }
}
