//! No herd: `busy`, `goodbye`, and sessions that are resumed.

use e2e::{Agent, AgentConfig, Pki, Server, eventually};
use nix::sys::signal::Signal;
use rustls::HandshakeKind;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

/// Returns the seconds in the agent's last line about a wait.
fn last_wait(agent: &Agent) -> Option<f32> {
    let log = agent.log();
    let (_, rest) = log.rsplit_once("ing in ")?;
    rest.split_once(" s")?.0.parse().ok()
}

#[tokio::test]
async fn a_busy_server_is_left_for_the_next_and_asked_again_when_it_says() {
    let pki = Pki::new();
    let (busy, free) = (Server::start(&pki).await, Server::start(&pki).await);
    let server = format!("[\"{}\", \"{}\"]", busy.address(), free.address());
    let agent = Agent::start(&pki, AgentConfig { server, ..AgentConfig::new(busy.address()) });
    busy.answer_and_close("{\"method\":\"busy\",\"retry_after\":300}\n").await;
    free.channel().await.close().await;
    // Both are busy now: the shorter of the two waits counts.
    busy.answer_and_close("{\"method\":\"busy\",\"retry_after\":300}\n").await;
    free.answer_and_close("{\"method\":\"busy\",\"retry_after\":200}\n").await;
    agent.logged("is busy for 200 s").await;
    agent.logged("retrying in").await;
    let wait = last_wait(&agent).unwrap();
    assert!((180.0..=220.0).contains(&wait), "{wait}");
}

#[tokio::test]
async fn a_busy_reply_inside_tls_counts_as_well() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(b"{\"method\":\"accept\"}\n").await.unwrap();
    let mut channel = server.tls(stream).await.unwrap();
    channel.send(&json!({"method": "busy", "retry_after": 99_999})).await;
    agent.logged("is busy for 600 s").await;
    agent.logged("retrying in").await;
    let wait = last_wait(&agent).unwrap();
    assert!((540.0..=660.0).contains(&wait), "{wait}");
}

#[tokio::test]
async fn after_a_goodbye_the_agent_comes_back_within_the_time_it_named() {
    let (server, agent, mut channel) = e2e::connected().await;
    channel.send(&json!({"method": "goodbye", "return_within": 0})).await;
    channel.close().await;
    agent.logged("comes back within 0 s").await;
    agent.logged("reconnecting in").await;
    let mut channel = server.channel().await;
    channel.send(&json!({"method": "goodbye", "return_within": 3600})).await;
    agent.logged("comes back within 3600 s").await;
    drop(channel);
    let waits = || agent.log().matches("reconnecting in").count() >= 2;
    eventually("the agent waits", waits).await;
    // A new configuration is tried at once, however long the wait.
    agent.signal(Signal::SIGHUP);
    server.channel().await;
}

#[tokio::test]
async fn sessions_are_resumed_until_a_file_changes() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let kind = |channel: &e2e::Channel| channel.stream.get_ref().1.handshake_kind();
    let mut channel = server.channel().await;
    assert_eq!(kind(&channel), Some(HandshakeKind::Full));
    // The ticket comes before the reply.
    channel.ask_past(&json!({"id": "p", "method": "agent.ping"})).await;
    channel.close().await;
    let mut channel = server.channel().await;
    assert_eq!(kind(&channel), Some(HandshakeKind::Resumed));
    channel.ask_past(&json!({"id": "p", "method": "agent.ping"})).await;
    pki.sign(&["host-1"]).write(agent.scratch(), "agent");
    // SIGHUP takes no channel away; the new certificate is that of the next one.
    agent.signal(Signal::SIGHUP);
    agent.logged("configuration reloaded").await;
    channel.ask_past(&json!({"id": "p2", "method": "agent.ping"})).await;
    channel.close().await;
    let channel = server.channel().await;
    assert_eq!(kind(&channel), Some(HandshakeKind::Full));
}
