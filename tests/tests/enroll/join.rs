//! `BasicAgent enroll`, and `[enroll]` in agent.toml.

use crate::issuer::{Issuer, NAME, csr, key_of, public};
use agent_wire::Retcode;
use agent_wire::message::{EnrollReply, EnrollRequest};
use e2e::{Agent, AgentConfig, Scratch, binary, eventually};
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

const TOKEN: &str = "bat1.abcdefghjkmn.0123456789abcdefghjkmnpqrstvwxyz";

/// `BasicAgent enroll` with a configuration of the test's own.
fn command(scratch: &Scratch, issuer: &Issuer, pin: &str, more: &[&str]) -> Command {
    let config = scratch.write("agent.toml", "");
    let mut command = Command::new(binary("BasicAgent"));
    command.arg("enroll").arg("--config").arg(config);
    command.arg("--state-dir").arg(scratch.file("state"));
    command.args(["--server", &issuer.address(), "--server-name", NAME, "--ca", pin]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs to the end, and returns the status and all that was printed.
async fn finished(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().await.expect("the child ends");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("text"))
}

fn names(scratch: &Scratch) -> Vec<String> {
    let entries = std::fs::read_dir(scratch.file("state/identity")).expect("the folder is there");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("the test made it so")
                .file_name()
                .into_string()
                .expect("the test made it so")
        })
        .collect();
    names.sort();
    names
}

fn by_itself(issuer: &Issuer, keys: &str) -> AgentConfig {
    let enroll = format!("ca = \"{}\"\n{keys}", issuer.pin());
    AgentConfig { enroll: Some(enroll), ..AgentConfig::new(issuer.server.address()) }
}

#[tokio::test]
async fn a_host_joins_by_one_line_and_its_agent_opens_a_channel_with_the_new_key() {
    let (scratch, issuer) = (Scratch::new("enroll"), Issuer::start().await);
    let token = scratch.write_secret("token", TOKEN);
    let words = ["--token-file", &token.display().to_string(), "--host-id", "web-7"];
    let child = command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap();
    let request = issuer.lets_join("web-7").await;
    let EnrollRequest::Enroll(enroll) = &request else { panic!("{request:?}") };
    assert_eq!(enroll.token.reveal(), TOKEN);
    assert_eq!(enroll.hostname.as_deref(), Some("web-7"));
    let (status, printed) = finished(child).await;
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("joined as web-7") && !printed.contains(TOKEN), "{printed}");
    assert!(!token.exists(), "the token's file is removed");
    assert_eq!(names(&scratch), ["ca.pem", "cert.pem", "identity.json", "key.pem", "lock"]);
    let mode = |name: &str| {
        let path = scratch.file("state").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(""), mode("identity"), mode("identity/key.pem")), (0o700, 0o700, 0o600));

    // Again: it has joined, and the token is not needed.
    let (status, printed) =
        finished(command(&scratch, &issuer, &issuer.pin(), &[]).spawn().unwrap()).await;
    assert_eq!(status, Some(0), "{printed}");
    assert!(printed.contains("joined already, as web-7"), "{printed}");

    // The agent needs no server in its configuration: it knows the one it joined through.
    let config = AgentConfig {
        enroll: Some(String::new()),
        host_id: "ignored".to_owned(),
        server_name: None,
        server: "\"127.0.0.1\"".to_owned(),
        ..AgentConfig::new(issuer.server.address())
    };
    let _agent = Agent::start_in(scratch, config);
    let channel = issuer.server.channel().await;
    assert_eq!(channel.init["hostname"], "web-7");
    assert_eq!((&channel.init["ca_version"], channel.init["boot"].is_string()), (&1.into(), true));
    assert_eq!(key_of(&channel), public(csr(&request)));
}

#[tokio::test]
async fn a_host_id_that_no_certificate_can_carry_is_an_error_before_any_server_is_asked() {
    let (scratch, issuer) = (Scratch::new("enroll"), Issuer::start().await);
    let long = "x".repeat(128);
    let words = ["--token", TOKEN, "--host-id", &long];
    let child = command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap();
    let (status, text) = finished(child).await;
    assert_eq!(status, Some(2), "{text}");
    assert!(text.contains("host_id") && text.contains("63 characters"), "{text}");
    assert!(!scratch.file("state/identity").exists(), "no key was made");
}

#[tokio::test]
async fn a_server_that_is_not_the_pinned_one_gets_nothing() {
    let (scratch, issuer) = (Scratch::new("enroll"), Issuer::start().await);
    let other = Issuer::start().await;
    let mut child = command(&scratch, &issuer, &other.pin(), &["--token", TOKEN]).spawn().unwrap();
    // The handshake ends at the server's certificate: no request is sent.
    issuer.gets_nothing().await;
    let status = child.wait().await.unwrap();
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
    assert_eq!(status.code(), Some(4), "{errors}");
    assert!(errors.contains(&other.pin()) && errors.contains("nothing was sent"), "{errors}");
    assert!(!errors.contains(TOKEN), "{errors}");
}

#[tokio::test]
async fn each_refusal_is_a_sentence_that_says_what_to_do() {
    let issuer = Issuer::start().await;
    let why = "this join token has admitted as many hosts as it may; ask an operator for another";
    let table = [
        (Retcode::TokenExpired, 3, "token create"),
        (Retcode::TokenNetwork, 3, "network"),
        (Retcode::IdentityRefused, 3, "--replace"),
        (Retcode::InvalidParams, 3, "3021"),
    ];
    for (retcode, wanted, words) in table {
        let scratch = Scratch::new("enroll");
        let child = command(&scratch, &issuer, &issuer.pin(), &["--token", TOKEN]).spawn().unwrap();
        issuer.asked().await.answer(&EnrollReply::refused(retcode, why, None)).await;
        let (status, printed) = finished(child).await;
        assert_eq!(status, Some(wanted), "{printed}");
        assert!(printed.contains(why), "{printed}");
        assert!(printed.contains(words) && !printed.contains(TOKEN), "{printed}");
    }
}

#[tokio::test]
async fn an_attempt_that_was_killed_continues_with_the_same_key() {
    let (scratch, issuer) = (Scratch::new("enroll"), Issuer::start().await);
    let words = ["--token", TOKEN];
    let mut child = command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap();
    let first = issuer.asked().await;
    child.kill().await.unwrap();
    let key = public(csr(&first.request));
    let child = command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap();
    let request = issuer.lets_join("web-7").await;
    assert_eq!(public(csr(&request)), key);
    assert_eq!(finished(child).await.0, Some(0));
}

#[tokio::test]
async fn replacing_keeps_the_old_identity_until_the_server_gives_a_new_one() {
    let (scratch, issuer) = (Scratch::new("enroll"), Issuer::start().await);
    let run = |more: &[&str]| {
        let words = [&["--token", TOKEN], more].concat();
        command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap()
    };
    let child = run(&[]);
    issuer.lets_join("web-7").await;
    assert_eq!(finished(child).await.0, Some(0));
    let old = std::fs::read(scratch.file("state/identity/key.pem")).unwrap();

    let child = run(&["--replace"]);
    issuer.asked().await.answer(&EnrollReply::refused(Retcode::TokenUsedUp, "no", None)).await;
    let (status, printed) = finished(child).await;
    assert_eq!(status, Some(3), "{printed}");
    assert!(printed.contains("the former identity stays in use"), "{printed}");
    assert_eq!(std::fs::read(scratch.file("state/identity/key.pem")).unwrap(), old);

    let child = run(&["--replace"]);
    issuer.lets_join("web-8").await;
    assert_eq!(finished(child).await.0, Some(0));
    assert_ne!(std::fs::read(scratch.file("state/identity/key.pem")).unwrap(), old);
    assert_eq!(std::fs::read(scratch.file("state/identity/key.set-aside-1")).unwrap(), old);
}

#[tokio::test]
async fn an_agent_joins_by_itself_and_removes_the_token() {
    let (scratch, issuer) = (Scratch::new("agent"), Issuer::start().await);
    let token = scratch.write_secret("token", TOKEN);
    let config = by_itself(&issuer, &format!("token_file = \"{}\"", token.display()));
    let agent = Agent::start_in(scratch, config);
    let request = issuer.lets_join("host-9").await;
    let EnrollRequest::Enroll(enroll) = &request else { panic!("{request:?}") };
    assert_eq!(enroll.hostname.as_deref(), Some("host-1"), "it asks for the configured id");
    let mut channel = issuer.server.channel().await;
    assert_eq!(channel.init["hostname"], "host-9", "the server decides");
    eventually("the token's file is removed", || !token.exists()).await;
    let info = channel.ask_past(&serde_json::json!({"id": "i", "method": "agent.info"})).await;
    let data = &info["data"];
    assert_eq!((&data["host_id"], &data["identity"]), (&"host-9".into(), &"enrolled".into()));
    assert_eq!(data["generation"], 1);
    assert!(data["certificate_not_after"].as_str().unwrap().ends_with('Z'), "{info}");
    assert!(!agent.log().contains(TOKEN));
}

#[tokio::test]
async fn an_agent_that_waits_for_approval_stops_at_once_when_it_is_told_to() {
    let (scratch, issuer) = (Scratch::new("agent"), Issuer::start().await);
    let mut agent = Agent::start_in(scratch, by_itself(&issuer, &format!("token = \"{TOKEN}\"")));
    let pending = EnrollReply::Pending { host_id: "host-1".to_owned(), retry_after: 600 };
    issuer.asked().await.answer(&pending).await;
    agent.logged("an operator has to approve this host, host-1").await;
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.wait().await.code(), Some(0));
    assert!(!agent.log().contains(TOKEN));
}

#[tokio::test]
async fn an_identity_from_another_machine_is_set_aside_where_the_host_can_join_and_else_stops_it() {
    let (scratch, issuer) = (Scratch::new("agent"), Issuer::start().await);
    let mut agent = Agent::start_in(scratch, by_itself(&issuer, &format!("token = \"{TOKEN}\"")));
    let first = issuer.lets_join("host-1").await;
    // Kept until the agent is gone: it would connect again.
    let channel = issuer.server.channel().await;
    agent.kill();
    drop(channel);
    // As if the state directory came from an image.
    let path = agent.scratch().file("state/identity/identity.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    if record["machine"].is_null() {
        // A host without a machine id is not judged.
        return;
    }
    record["machine"] = "00".repeat(32).into();
    std::fs::write(&path, record.to_string()).unwrap();

    agent.rewrite(|config| config.enroll = Some(String::new()));
    agent.restart();
    assert_eq!(agent.wait().await.code(), Some(2), "a restart would not help");
    assert!(agent.log().contains("BasicAgent enroll --replace"));
    assert!(path.exists(), "nothing was changed");

    let enroll = by_itself(&issuer, &format!("token = \"{TOKEN}\"")).enroll;
    agent.rewrite(|config| config.enroll = enroll);
    agent.restart();
    let second = issuer.lets_join("host-2").await;
    assert_ne!(public(csr(&first)), public(csr(&second)), "the image's key is not used");
    assert_eq!(issuer.server.channel().await.init["hostname"], "host-2");
    assert!(agent.scratch().file("state/identity/key.set-aside-1").exists());
}

#[tokio::test]
async fn a_running_agent_takes_another_identity_up_when_it_is_reloaded() {
    let (scratch, issuer) = (Scratch::new("agent"), Issuer::start().await);
    let words = ["--token", TOKEN];
    let child = command(&scratch, &issuer, &issuer.pin(), &words).spawn().unwrap();
    issuer.lets_join("web-7").await;
    assert_eq!(finished(child).await.0, Some(0));
    let config =
        AgentConfig { enroll: Some(String::new()), ..AgentConfig::new(issuer.server.address()) };
    let agent = Agent::start_in(scratch, config);
    let mut channel = issuer.server.channel().await;
    assert_eq!(channel.init["hostname"], "web-7");
    // The subcommand takes its configuration from a file of its own.
    let words = ["--token", TOKEN, "--replace"];
    let toml = std::fs::read(agent.scratch().file("agent.toml")).unwrap();
    let child = command(agent.scratch(), &issuer, &issuer.pin(), &words).spawn().unwrap();
    issuer.lets_join("web-8").await;
    assert_eq!(finished(child).await.0, Some(0));
    std::fs::write(agent.scratch().file("agent.toml"), toml).unwrap();
    agent.signal(Signal::SIGHUP);
    assert!(channel.next().await.is_none(), "the channel of the old identity ends");
    assert_eq!(issuer.server.channel().await.init["hostname"], "web-8");
}
