//! The connection to the server: addresses, the exchange before TLS, redirects, verification and
//! reconnecting.

mod hostile;

use e2e::{Agent, AgentConfig, Pki, Scratch, Server, eventually, in_mount_namespace, needs_root};
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket};

const ACCEPT: &[u8] = b"{\"method\":\"accept\"}\n";

/// Takes a port on which nobody listens, for as long as the socket lives.
fn dead_port() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

fn redirect(to: impl std::fmt::Display) -> String {
    format!("{{\"method\":\"redirect\",\"server\":\"{to}\"}}\n")
}

#[tokio::test]
async fn the_agent_introduces_itself_before_and_inside_tls() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let _agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, init) = server.plain_init().await;
    assert_eq!(init["method"], "init");
    assert_eq!(init["hostname"], "host-1");
    assert_eq!(init["protocol"], 1);
    stream.write_all(ACCEPT).await.unwrap();
    let mut channel = server.tls(stream).await.unwrap();
    assert_eq!(channel.init, init);
    assert_eq!(channel.stream.get_ref().1.alpn_protocol(), Some(agent_wire::ALPN));
    assert!(channel.stream.get_ref().1.peer_certificates().is_some(), "mutual TLS");
    channel.send_text("{\"method\":\"accept\"}").await;
    let pong = channel.ask(&json!({"id": "1", "method": "agent.ping"})).await;
    assert_eq!(
        pong,
        json!({"id": "1", "resp": "success", "retcode": 0, "message": "Normal termination"})
    );
}

#[tokio::test]
async fn three_lines_in_hosts_give_three_addresses_without_multi_on() {
    if !needs_root("three_lines_in_hosts_give_three_addresses_without_multi_on") {
        return;
    }
    let pki = Pki::new();
    // Tests beside this one have ports too.
    let (server, first, second) = loop {
        let server = Server::start_at(&pki, "127.0.0.3:0").await;
        let port = server.address().port();
        let first = TcpListener::bind(("127.0.0.1", port)).await;
        let second = TcpListener::bind(("127.0.0.2", port)).await;
        if let (Ok(first), Ok(second)) = (first, second) {
            break (server, first, second);
        }
    };
    let scratch = Scratch::new("hosts");
    let hosts = scratch.write(
        "hosts",
        "127.0.0.1   config.cargo.com\n127.0.0.2   config.cargo.com\n127.0.0.3   config.cargo.com\n",
    );
    let host_conf = scratch.write("host.conf", "");
    let mut config = AgentConfig::new(server.address());
    config.server = "\"config.cargo.com\"".to_owned();
    config.server_name = None;
    config.wrapper = in_mount_namespace(&[(&hosts, "/etc/hosts"), (&host_conf, "/etc/host.conf")]);
    let _agent = Agent::start(&pki, config);
    // In order: the first closes at once, the second sends garbage, the third is the server.
    drop(first.accept().await.unwrap());
    let (mut babbler, _) = second.accept().await.unwrap();
    babbler.write_all(b"220 ready\r\n").await.unwrap();
    let mut channel = server.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
}

#[tokio::test]
async fn bytes_of_another_encoding_in_hosts_spoil_nothing() {
    if !needs_root("bytes_of_another_encoding_in_hosts_spoil_nothing") {
        return;
    }
    let pki = Pki::new();
    // Tests beside this one have ports too.
    let (server, first) = loop {
        let server = Server::start_at(&pki, "127.0.0.2:0").await;
        if let Ok(first) = TcpListener::bind(("127.0.0.1", server.address().port())).await {
            break (server, first);
        }
    };
    let scratch = Scratch::new("hosts");
    let text = b"# B\xfcro\n127.0.0.1 \xff config.cargo.com\n127.0.0.2 config.cargo.com # \x80";
    let hosts = scratch.write("hosts", text);
    let mut config = AgentConfig::new(server.address());
    config.server = "\"config.cargo.com\"".to_owned();
    config.server_name = None;
    config.wrapper = in_mount_namespace(&[(&hosts, "/etc/hosts")]);
    let _agent = Agent::start(&pki, config);
    drop(first.accept().await.unwrap());
    server.channel().await;
}

#[tokio::test]
async fn a_name_is_looked_up_only_when_its_turn_comes() {
    if !needs_root("a_name_is_looked_up_only_when_its_turn_comes") {
        return;
    }
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    // A name server that never answers.
    let silent = tokio::net::UdpSocket::bind("127.53.53.53:53").await.unwrap();
    let scratch = Scratch::new("resolver");
    let resolv = scratch.write("resolv.conf", "nameserver 127.53.53.53\n");
    let mut config = AgentConfig::new(server.address());
    config.server =
        format!("[\"{}\", \"one.example\", \"two.example\", \"three.example\"]", server.address());
    config.wrapper = in_mount_namespace(&[(&resolv, "/etc/resolv.conf")]);
    let _agent = Agent::start(&pki, config);
    server.channel().await;
    let mut query = [0; 512];
    assert!(silent.try_recv(&mut query).is_err(), "a name was looked up before its turn");
    // The channel was lost: the server behind the addresses that fail is looked up.
    drop(server);
    silent.recv(&mut query).await.unwrap();
}

#[tokio::test]
async fn a_server_without_our_alpn_protocol_gets_no_init_inside_tls() {
    let pki = Pki::new();
    let ours = pki.server(&pki.sign(&["config.cargo.com"]));
    for protocols in [vec![], vec![b"http/1.1".to_vec(), b"h2".to_vec()]] {
        let mut tls = (*ours).clone();
        tls.alpn_protocols = protocols;
        let server = Server::start_with(std::sync::Arc::new(tls)).await;
        let agent = Agent::start(&pki, AgentConfig::new(server.address()));
        let (mut stream, _) = server.plain_init().await;
        stream.write_all(ACCEPT).await.unwrap();
        assert!(server.tls(stream).await.is_err(), "the agent spoke inside TLS");
        agent.logged("it does not speak basicagent/1").await;
    }
}

#[tokio::test]
async fn a_server_that_speaks_another_protocol_version_is_rejected() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    for version in ["99", "\"1\""] {
        let accept = format!("{{\"method\":\"accept\",\"protocol\":{version}}}\n");
        server.answer_and_close(&accept).await;
        let quoted = version.replace('"', "\\\"");
        agent.logged(&format!("it speaks protocol {quoted}, this agent only 1")).await;
    }
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(b"{\"method\":\"accept\",\"protocol\":1}\n").await.unwrap();
    let mut inside = server.tls(stream).await.unwrap();
    inside.send_text("{\"method\":\"accept\",\"protocol\":99}\n").await;
    agent.logged("it speaks protocol 99, this agent only 1").await;
}

#[tokio::test]
async fn a_redirect_list_is_tried_in_order_with_ports_and_ipv6() {
    let pki = Pki::new();
    let first = Server::start(&pki).await;
    let (_held, dead) = dead_port();
    let last = Server::start_at(&pki, "[::1]:0").await;
    let _agent = Agent::start(&pki, AgentConfig::new(first.address()));
    first.answer_and_close(&redirect(format!("{dead}, {}", last.address()))).await;
    let mut channel = last.channel().await;
    assert_eq!(channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"], "success");
}

#[tokio::test]
async fn an_address_without_a_port_uses_the_configured_port() {
    let pki = Pki::new();
    let first = Server::start_at(&pki, "127.0.0.1:0").await;
    let second = Server::start_at(&pki, &format!("127.0.10.1:{}", first.address().port())).await;
    let _agent = Agent::start(&pki, AgentConfig::new(first.address()));
    first
        .answer_and_close("{\n  \"method\": \"redirect\",\n  \"server\": \"127.0.10.1\",\n}\n")
        .await;
    second.channel().await;
}

#[tokio::test]
async fn a_redirect_inside_tls_is_followed() {
    let pki = Pki::new();
    let (first, second) = (Server::start(&pki).await, Server::start(&pki).await);
    let _agent = Agent::start(&pki, AgentConfig::new(first.address()));
    let (mut stream, _) = first.plain_init().await;
    stream.write_all(ACCEPT).await.unwrap();
    let mut inside = first.tls(stream).await.unwrap();
    inside.send_text(&redirect(second.address())).await;
    second.channel().await;
}

#[tokio::test]
async fn when_all_redirect_targets_fail_the_next_bootstrap_address_is_tried() {
    let pki = Pki::new();
    let (first, second) = (Server::start(&pki).await, Server::start(&pki).await);
    let (_held, dead) = dead_port();
    let mut config = AgentConfig::new(first.address());
    config.server = format!("[\"{}\", \"{}\"]", first.address(), second.address());
    let _agent = Agent::start(&pki, config);
    first.answer_and_close(&redirect(dead)).await;
    second.channel().await;
}

#[tokio::test]
async fn a_redirect_loop_ends_after_five_and_the_agent_backs_off() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    for _ in 0..6 {
        server.answer_and_close(&redirect(server.address())).await;
    }
    agent.logged("more than 5 redirects in a row").await;
    agent.logged("no server reachable; retrying in").await;
    // The agent still connects afterwards.
    server.channel().await;
}

#[tokio::test]
async fn a_redirect_to_an_invalid_address_is_rejected() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    for bad in ["evil.example", "127.0.0.1:0", "", "127.0.0.1,other.example"] {
        server.answer_and_close(&redirect(bad)).await;
    }
    for refused in [
        "\"evil.example\" is not an address",
        "\"127.0.0.1:0\" is",
        "must not be empty",
        "\"other.example\" is",
    ] {
        agent.logged(refused).await;
    }
}

#[tokio::test]
async fn tls_starts_with_the_first_byte_when_configured() {
    for bootstrap in ["tls", "direct"] {
        let pki = Pki::new();
        let (first, second) = (Server::start(&pki).await, Server::start(&pki).await);
        let mut config = AgentConfig::new(first.address());
        config.bootstrap = bootstrap;
        let _agent = Agent::start(&pki, config);
        let stream = first.connection().await;
        let mut inside = first.tls(stream).await.unwrap();
        inside.send_text(&redirect(second.address())).await;
        let stream = second.connection().await;
        let mut channel = second.tls(stream).await.unwrap();
        channel.send_text("{\"method\":\"accept\"}\n").await;
        assert_eq!(
            channel.ask(&json!({"id": "1", "method": "agent.ping"})).await["resp"],
            "success",
            "{bootstrap}"
        );
    }
}

#[tokio::test]
async fn after_a_clean_close_within_a_redirect_the_same_server_is_tried_first() {
    let pki = Pki::new();
    let (first, second) = (Server::start(&pki).await, Server::start(&pki).await);
    let agent = Agent::start(&pki, AgentConfig::new(first.address()));
    first.answer_and_close(&redirect(second.address())).await;
    second.channel().await.close().await;
    agent.logged("closed the channel").await;
    // The agent does not contact the first server again.
    drop(first);
    second.channel().await;
}

#[tokio::test]
async fn after_a_lost_channel_the_agent_starts_at_the_bootstrap() {
    let pki = Pki::new();
    let (first, second) = (Server::start(&pki).await, Server::start(&pki).await);
    let agent = Agent::start(&pki, AgentConfig::new(first.address()));
    first.answer_and_close(&redirect(second.address())).await;
    let channel = second.channel().await;
    drop(channel);
    agent.logged("channel lost").await;
    first.answer_and_close(&redirect(second.address())).await;
    second.channel().await;
}

#[tokio::test]
async fn an_init_rejected_inside_tls_is_logged_and_the_agent_reconnects() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    let (mut stream, _) = server.plain_init().await;
    stream.write_all(ACCEPT).await.unwrap();
    let mut inside = server.tls(stream).await.unwrap();
    inside
        .send_text("{\"id\":null,\"resp\":\"failed\",\"retcode\":3023,\"message\":\"Refused by policy: not enrolled\"}\n")
        .await;
    inside.close().await;
    agent.logged("init refused: 3023 Refused by policy: not enrolled").await;
    server.channel().await;
}

#[tokio::test]
async fn an_agent_killed_at_any_moment_returns_as_the_same_host() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    config.bootstrap = "direct";
    let mut agent = Agent::start(&pki, config);
    for _ in 0..3 {
        let stream = server.connection().await;
        let mut channel = server.tls(stream).await.unwrap();
        assert_eq!(channel.init["hostname"], "host-1");
        channel.send_text("{\"method\":\"accept\"}\n").await;
        channel.ask(&json!({"id": "1", "method": "agent.ping"})).await;
        agent.restart();
        assert!(channel.next().await.is_none());
    }
}

#[tokio::test]
async fn a_host_without_an_id_generates_one_and_keeps_it() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let mut config = AgentConfig::new(server.address());
    // An empty value would be rejected, so the key is removed from the file instead.
    config.host_id = "unused".to_owned();
    let mut agent = Agent::start(&pki, config);
    let text = std::fs::read_to_string(agent.scratch().file("agent.toml")).unwrap();
    // Killed while its connection is open, so that it leaves no other.
    let open = server.plain_init().await;
    agent.kill();
    drop(open);
    let without: String = text
        .lines()
        .filter(|line| !line.starts_with("host_id"))
        .map(|line| format!("{line}\n"))
        .collect();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let file = agent.scratch().write("without.toml", &without);
        let mut second = agent.another(&file);
        let (_stream, init) = server.plain_init().await;
        assert_ne!(init["hostname"], "unused");
        ids.push(init["hostname"].as_str().unwrap().to_owned());
        second.kill().unwrap();
        second.wait().unwrap();
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 36);
}

#[tokio::test]
async fn a_second_agent_on_the_same_state_is_rejected() {
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let agent = Agent::start(&pki, AgentConfig::new(server.address()));
    server.channel().await;
    let mut second = agent.another(&agent.scratch().file("agent.toml"));
    eventually("the second agent exits", || second.try_wait().unwrap().is_some()).await;
    assert_eq!(second.wait().unwrap().code(), Some(1));
    agent.logged("another BasicAgent is running with state_dir").await;
}
