//! A server that vanishes without closing the connection, and one that only reads slowly.

use e2e::{
    Agent, AgentConfig, Channel, NetworkPair, Pki, Server, eventually, eventually_within,
    needs_root,
};
use serde_json::json;
use std::time::Duration;

/// PROTOCOL.md §3: the loss is noticed within 30 s.
const NOTICED: Duration = Duration::from_secs(30);

/// The same on a busy machine, until the line is in the log.
const LOGGED: Duration = Duration::from_secs(40);

#[tokio::test]
async fn a_server_that_vanished_without_a_fin_is_noticed_and_reconnected() {
    if !needs_root("a_server_that_vanished_without_a_fin_is_noticed_and_reconnected") {
        return;
    }
    let network = NetworkPair::lay();
    let pki = Pki::new();
    let server = Server::start_at(&pki, &format!("{}:0", NetworkPair::SERVER)).await;
    let mut config = AgentConfig::new(server.address());
    config.wrapper = network.wrapper();
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
    network.swallow_packets();
    eventually_within(LOGGED, "the loss is noticed", || agent.log().contains("channel lost")).await;
    network.deliver_packets();
    let mut channel = server.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
}

/// Starts a command whose output the server does not read, and waits until the agent cannot send.
async fn with_a_closed_window(config: AgentConfig, server: &Server, pki: &Pki) -> (Agent, Channel) {
    let agent = Agent::start(pki, config);
    let mut channel = server.channel().await;
    let request = json!({"id": "1", "method": "sync.bash", "timeout": 600, "stream": true,
                         "cmd": "head -c 60000000 /dev/zero | tr '\\0' x; echo end"});
    channel.send_text(&format!("{request}\n")).await;
    let mut last = String::new();
    eventually("the window is closed", || {
        // /proc/net/tcp's state of the socket's timer: 04 is a zero window probe.
        let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", agent.pid()));
        last = table.unwrap_or_default();
        last.lines()
            .any(|line| line.split_whitespace().nth(5).is_some_and(|t| t.starts_with("04:")))
    })
    .await;
    (agent, channel)
}

#[tokio::test]
async fn a_server_that_does_not_read_for_a_while_but_acknowledges_probes_is_alive() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let config = AgentConfig::new(server.address());
    let (agent, mut channel) = with_a_closed_window(config, &server, &pki).await;
    // Longer than a server that vanished may go unnoticed.
    tokio::time::sleep(NOTICED + Duration::from_secs(10)).await;
    assert!(!agent.log().contains("channel lost"), "{}", agent.log());
    let mut received = 0;
    let reply = loop {
        let message = channel.next().await.expect("the channel is open");
        match message["resp"].as_str() {
            Some("output") => received += message["data"].as_str().unwrap().len(),
            _ => break message,
        }
    };
    assert_eq!((reply["resp"].as_str(), received), (Some("success"), 60_000_004), "{reply}");
}

#[tokio::test]
async fn a_server_that_vanishes_while_it_does_not_read_is_noticed() {
    if !needs_root("a_server_that_vanishes_while_it_does_not_read_is_noticed") {
        return;
    }
    let network = NetworkPair::lay();
    let pki = Pki::new();
    let server = Server::start_at(&pki, &format!("{}:0", NetworkPair::SERVER)).await;
    let mut config = AgentConfig::new(server.address());
    config.wrapper = network.wrapper();
    let (agent, _channel) = with_a_closed_window(config, &server, &pki).await;
    network.swallow_packets();
    eventually_within(LOGGED, "the loss is noticed", || agent.log().contains("channel lost")).await;
}
