//! More handshakes than the controller has time for.

mod support;

use agent_wire::message::InitReply;
use std::io::Write as _;
use std::time::{Duration, Instant};
use support::{Controller, connect, start_tls};
use test_support::wait_until;

#[test]
fn an_agent_beyond_the_rate_is_told_when_to_come_back_and_then_gets_in() {
    let controller = Controller::start(&["--handshake-rate", "2"]);
    let init = |number: usize| connect(controller.agents).init(&format!("stranger-{number}"));
    let replies: Vec<InitReply> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..12).map(|number| scope.spawn(move || init(number))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).collect()
    });
    let mut waits: Vec<u64> = replies
        .iter()
        .filter_map(|reply| match reply {
            InitReply::Busy { retry_after } => Some(*retry_after),
            _ => None,
        })
        .collect();
    waits.sort_unstable();
    // An address gets one of the two turns a second.
    assert!(waits.len() >= 8 && waits.last() >= Some(&8), "{waits:?}");
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "two at one time: {waits:?}");
    let mut agent = connect(controller.agents);
    let InitReply::Busy { retry_after } = agent.init("host-1") else { panic!("host-1 got in") };
    let back = Instant::now() + Duration::from_secs(retry_after);
    wait_until("host-1's time", || Instant::now() > back);
    let mut plain = connect(controller.agents);
    assert!(matches!(plain.init("host-1"), InitReply::Accept), "told to come back twice");
    let mut agent = start_tls(plain.stream, controller.tls("host-1"));
    assert!(matches!(agent.init("host-1"), InitReply::Accept));
    controller.wait_for_hosts(&["host-1"]);
    let lines = controller.log().lines().filter(|line| line.contains("come back later")).count();
    assert!((1..=2).contains(&lines), "{lines}");
}

#[test]
fn a_tls_hello_waits_for_its_turn_and_is_closed_when_that_is_far() {
    let controller = Controller::start(&["--handshake-rate", "2"]);
    let hello = || {
        let mut peer = start_tls(connect(controller.agents).stream, controller.tls("host-1"));
        let init = b"{\"method\":\"init\",\"hostname\":\"other\"}\n";
        peer.stream.write_all(init).and_then(|()| peer.try_receive()).is_ok()
    };
    let ends: Vec<bool> = std::thread::scope(|scope| {
        let hellos: Vec<_> = (0..12).map(|_| scope.spawn(hello)).collect();
        hellos.into_iter().map(|hello| hello.join().unwrap()).collect()
    });
    let taken = ends.iter().filter(|taken| **taken).count();
    assert!((2..=9).contains(&taken), "{ends:?}");
    wait_until("the log", || controller.log().contains("too many handshakes wait already"));
}
