//! Servers that cannot be verified, or do not keep to the protocol.

use super::{ACCEPT, redirect};
use e2e::{Agent, AgentConfig, Pki, Server, eventually};
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[tokio::test]
async fn an_unverified_server_gets_no_init_inside_tls() {
    let (pki, other) = (Pki::new(), Pki::new());
    let name = &["config.cargo.com"];
    let table = [
        ("another CA", other.sign(name), "certificate"),
        ("another name", pki.sign(&["other.example"]), "certificate"),
        ("an expired certificate", pki.sign_expired(name), "certificate"),
    ];
    for (what, identity, word) in table {
        let server = Server::start_with(pki.server(&identity)).await;
        let agent = Agent::start(&pki, AgentConfig::new(server.address()));
        let (mut stream, _) = server.plain_init().await;
        stream.write_all(ACCEPT).await.unwrap();
        let refused = server.tls(stream).await;
        assert!(refused.is_err(), "{what}: the agent spoke inside TLS");
        agent.logged(word).await;
    }
}

#[tokio::test]
async fn redirect_targets_are_verified_against_the_first_servers_name() {
    let pki = Pki::new();
    let first = Server::start(&pki).await;
    let by_address = Server::start_with(pki.server(&pki.sign(&["127.0.0.1"]))).await;
    let _agent = Agent::start(&pki, AgentConfig::new(first.address()));
    first.answer_and_close(&redirect(by_address.address())).await;
    let (mut stream, _) = by_address.plain_init().await;
    stream.write_all(ACCEPT).await.unwrap();
    assert!(
        by_address.tls(stream).await.is_err(),
        "the agent verified the redirect's address instead of the name"
    );
}

#[tokio::test]
async fn the_server_rejects_an_agent_of_another_ca() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = Server::start(&pki).await;
    let _agent = Agent::start_trusting(&pki, &other, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(ACCEPT).await.unwrap();
    assert!(server.tls(stream).await.is_err());
}

#[tokio::test]
async fn tls_1_2_is_rejected_unless_allowed() {
    let pki = Pki::new();
    let tls = pki.server_with(&pki.sign(&["config.cargo.com"]), &[&rustls::version::TLS12]);
    let server = Server::start_with(tls).await;
    let mut agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(ACCEPT).await.unwrap();
    assert!(server.tls(stream).await.is_err());
    agent.rewrite(|config| config.extra = "min_version = \"1.2\"\n".to_owned());
    agent.restart();
    // The first agent may have tried again.
    server.channel_of_survivor().await;
}

#[tokio::test]
async fn plaintext_bytes_are_never_taken_as_bytes_of_the_channel() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream
        .write_all(
            b"{\"method\":\"accept\"}\n{\"id\":\"1\",\"method\":\"sync.bash\",\"cmd\":\"true\"}\n",
        )
        .await
        .unwrap();
    agent.logged("more than a reply to init before TLS").await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "the agent continued: {} bytes", rest.len());
}

#[tokio::test]
async fn a_late_newline_does_not_disturb_tls() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let _agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(b"{\"method\":\n \"accept\"\n}").await.unwrap();
    // The agent has begun TLS: the first byte is the type of a handshake record.
    let mut first = [0];
    stream.peek(&mut first).await.unwrap();
    assert_eq!(first, [0x16]);
    stream.write_all(b"\r\n \n").await.unwrap();
    let mut channel = server.tls(stream).await.unwrap();
    channel.send_text("{\"method\":\"accept\"}").await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
}

#[tokio::test]
async fn a_silent_or_slow_or_babbling_server_costs_one_attempt() {
    let pki = Pki::new();
    let good = Server::start(&pki).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endless = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let garbage = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let list: Vec<SocketAddr> = [&silent, &slow, &endless, &garbage]
        .iter()
        .map(|listener| listener.local_addr().unwrap())
        .collect();
    let mut config = AgentConfig::new(good.address());
    config.server = format!(
        "{:?}",
        list.iter().chain([&good.address()]).map(ToString::to_string).collect::<Vec<_>>()
    );
    let agent = Agent::start(&pki, config);
    let (_silent, _) = silent.accept().await.unwrap();
    let (mut slow, _) = slow.accept().await.unwrap();
    slow.write_all(b"{\"method\":").await.unwrap();
    let (mut endless, _) = endless.accept().await.unwrap();
    let mut chunk = b"{\"method\":\"".to_vec();
    chunk.resize(70 << 10, b'x');
    let _ = endless.write_all(&chunk).await;
    let (mut garbage, _) = garbage.accept().await.unwrap();
    let _ = garbage.write_all(b"\x00\xff\x16").await;
    let mut channel = good.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
    let late = || agent.log().matches("the reply to init took too long").count() == 2;
    eventually("both late replies are in the log", late).await;
}
