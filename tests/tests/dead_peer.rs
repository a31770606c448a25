//! A server that vanishes without closing the connection.

use e2e::{Agent, AgentConfig, NetworkPair, Pki, Server, eventually_within, needs_root};
use serde_json::json;
use std::time::Duration;

/// PROTOCOL.md §3: the loss is noticed within 30 s; two more seconds for a slow machine.
const NOTICED: Duration = Duration::from_secs(32);

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
    eventually_within(NOTICED, "the loss is noticed", || agent.log().contains("channel lost"))
        .await;
    network.deliver_packets();
    let mut channel = server.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
}
