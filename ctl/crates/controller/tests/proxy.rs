//! Load balancers that say by the PROXY protocol where their connections come from.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use agent_wire::message::InitReply;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use support::{Controller, connect, silent, start_tls};
use test_support::wait_until;

/// Returns the header for a connection from `client`.
fn header(client: &str) -> Vec<u8> {
    let client: IpAddr = client.parse().unwrap();
    let (family, address) = match client {
        IpAddr::V4(four) => (0x11, four.octets().to_vec()),
        IpAddr::V6(six) => (0x21, six.octets().to_vec()),
    };
    let mut block = [&address[..], &address, &[0x9c, 0x40, 0x1d, 0x13]].concat();
    // An extension, as haproxy sends for the checksum.
    block.extend([3, 0, 4, 1, 2, 3, 4]);
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21".to_vec();
    bytes.push(family);
    bytes.extend(u16::try_from(block.len()).unwrap().to_be_bytes());
    bytes.extend(block);
    bytes
}

#[test]
fn an_agent_behind_a_balancer_has_its_own_address() {
    let controller = Controller::start(&["--proxy-from", "10.0.0.0/8,127.0.0.9"]);
    for client in ["203.0.113.7", "2001:db8::7"] {
        let mut stream = silent([127, 0, 0, 9], controller.agents);
        stream.write_all(&header(client)).unwrap();
        let mut agent = start_tls(stream, controller.tls("host-1"));
        assert!(matches!(agent.init("host-1"), InitReply::Accept));
        controller.wait_for_hosts(&["host-1"]);
        let host = controller.get("/hosts/host-1").1;
        let address = host["address"].as_str().unwrap();
        assert!(address.contains(client) && address.ends_with(":40000"), "{host}");
        drop(agent);
        controller.wait_for_hosts(&[]);
    }
    // A health check of the balancer, in two pieces.
    let mut stream = silent([127, 0, 0, 9], controller.agents);
    stream.write_all(b"\r\n\r\n\0\r\nQUIT").unwrap();
    stream.write_all(b"\n\x20\x00\x00\x00").unwrap();
    let mut agent = start_tls(stream, controller.tls("host-1"));
    assert!(matches!(agent.init("host-1"), InitReply::Accept));
    // From elsewhere there is no header.
    let _other = controller.agent("host-2");
    controller.wait_for_hosts(&["host-1", "host-2"]);
}

#[test]
fn a_header_counts_from_named_sources_only_and_there_it_must_come() {
    let controller = Controller::start(&["--proxy-from", "127.0.0.9"]);
    let closed = |mut stream: TcpStream, bytes: &[u8], why: &str| {
        stream.write_all(bytes).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        wait_until(why, || controller.log().contains(why));
    };
    let of = |from| silent(from, controller.agents);
    closed(of([127, 0, 0, 1]), &header("203.0.113.7"), "begins with a PROXY header");
    closed(of([127, 0, 0, 9]), b"{\"method\":\"init\"}\n", "no PROXY header came first");
    closed(of([127, 0, 0, 9]), b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "has version 1");
    for _ in 0..300 {
        let _ = of([127, 0, 0, 9]).write_all(b"{\"method\":\"init\"}\n");
    }
    let _agent = controller.agent("host-1");
    controller.wait_for_hosts(&["host-1"]);
    let lines = controller.log().lines().filter(|line| line.contains("rejected")).count();
    assert!((3..100).contains(&lines), "{lines}");
}

#[test]
fn the_bounds_count_the_addresses_behind_a_balancer() {
    let flags = ["--proxy-from", "127.0.0.9", "--max-opening-per-address", "4"];
    let controller = Controller::start(&flags);
    let speak = |client| {
        let mut stream = silent([127, 0, 0, 9], controller.agents);
        stream.write_all(&header(client)).unwrap();
        stream.write_all(b"{\"method\":").unwrap();
        stream
    };
    let mut held = Vec::new();
    wait_until("a refusal", || {
        held.push(speak("203.0.113.7"));
        controller.log().contains("203.0.113.7:40000: rejected: too many from this address")
    });
    let mut stream = silent([127, 0, 0, 9], controller.agents);
    stream.write_all(&header("203.0.113.8")).unwrap();
    let mut agent = start_tls(stream, controller.tls("host-1"));
    assert!(matches!(agent.init("host-1"), InitReply::Accept));
    drop(held);
}

#[test]
fn the_api_takes_the_header_too() {
    let controller = Controller::start(&["--proxy-from", "127.0.0.9"]);
    let ask = |from, head: &[u8]| {
        let mut client = silent(from, controller.http);
        client.write_all(head).unwrap();
        let _ = client.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let mut response = String::new();
        let _ = client.read_to_string(&mut response);
        response
    };
    assert!(ask([127, 0, 0, 9], &header("203.0.113.7")).starts_with("HTTP/1.1 200"));
    assert!(ask([127, 0, 0, 1], b"").starts_with("HTTP/1.1 200"));
    assert!(ask([127, 0, 0, 1], &header("203.0.113.7")).starts_with("HTTP/1.1 400"));
    assert_eq!(ask([127, 0, 0, 9], b""), "");
    let rejected = "API: rejected a connection from 127.0.0.9";
    wait_until("the rejection in the log", || controller.log().contains(rejected));
    // A client behind the balancer is the one that has used up its tries.
    let wrong = [
        &header("203.0.113.7")[..],
        b"GET /api/v1/hosts HTTP/1.1\r\nHost: x\r\n\
        Authorization: Bearer wrong\r\nConnection: close\r\n\r\n",
    ]
    .concat();
    let mut last = String::new();
    for _ in 0..200 {
        let mut client = silent([127, 0, 0, 9], controller.http);
        client.write_all(&wrong).unwrap();
        last.clear();
        client.read_to_string(&mut last).unwrap();
    }
    assert!(last.starts_with("HTTP/1.1 429"), "{last}");
    assert_eq!(controller.get("/hosts").0, 200);
    assert!(matches!(connect(controller.agents).init("host-1"), InitReply::Accept));
}
