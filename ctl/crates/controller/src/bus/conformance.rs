//! What every bus promises, and what the one over NATS does when its server goes.

use super::{Bus, BusAddress, Heard, Listener, LocalBus, MAX_MESSAGE, MAX_WAITING, NatsBus, Topic};
use std::sync::Arc;
use std::time::Duration;
use test_support::{NatsServer, Scratch, eventually};
use tokio::time::timeout;
use uuid::Uuid;

/// The longest wait for a message.
const WAIT: Duration = Duration::from_secs(60);

async fn nats(server: &NatsServer, site: &str) -> Arc<dyn Bus> {
    let address = BusAddress::parse(&server.url(), None, None).unwrap();
    let bus = NatsBus::open(address, site).await.unwrap();
    eventually("the bus is connected", || bus.problem().is_none()).await;
    Arc::new(bus)
}

async fn hear(listener: &mut Box<dyn Listener>) -> Heard {
    timeout(WAIT, listener.hear()).await.expect("something to hear")
}

fn message(text: &str) -> Heard {
    Heard::Message(Arc::from(text.as_bytes()))
}

/// Listens, and waits until messages from `sender` arrive.
async fn listening(sender: &dyn Bus, bus: &dyn Bus, topic: &Topic) -> Box<dyn Listener> {
    let mut listener = bus.listen(topic).await;
    assert_eq!(hear(&mut listener).await, Heard::Missed, "this comes first");
    loop {
        sender.send(topic, b"begin".to_vec());
        if let Ok(heard) = timeout(Duration::from_millis(50), listener.hear()).await {
            assert!(matches!(heard, Heard::Message(_) | Heard::Missed), "{heard:?}");
            break;
        }
    }
    sender.send(topic, b"begun".to_vec());
    while hear(&mut listener).await != message("begun") {}
    listener
}

/// The suite; `one` and `other` are two ends of the same bus.
async fn keeps_its_promises(one: Arc<dyn Bus>, other: Arc<dyn Bus>) {
    let mail = Topic::Mail(7);
    let mut news = listening(&*one, &*other, &Topic::News).await;
    let mut first = listening(&*one, &*other, &mail).await;
    let mut second = listening(&*other, &*one, &mail).await;
    // What was sent to begin the second is heard by the first, too.
    while hear(&mut first).await != message("begun") {}

    // Every listener of a topic hears its messages, in order, and no other topic's.
    for number in 0..100 {
        one.send(&mail, format!("{number}").into_bytes());
    }
    one.send(&Topic::News, b"new".to_vec());
    for listener in [&mut first, &mut second] {
        for number in 0..100 {
            assert_eq!(hear(listener).await, message(&format!("{number}")));
        }
    }
    assert_eq!(hear(&mut news).await, message("new"));

    // The largest message goes through whole; a larger one is lost, and nothing after it.
    let large = vec![b'x'; MAX_MESSAGE];
    one.send(&mail, large.clone());
    assert_eq!(hear(&mut first).await, Heard::Message(large.into()));

    // A topic that nobody listens to takes everything, and so does one whose listener has gone.
    let output = Topic::Output(Uuid::from_u128(1));
    one.send(&output, b"lost".to_vec());
    drop(listening(&*one, &*other, &output).await);
    one.send(&output, b"lost".to_vec());

    // A listener that does not read is told that it has missed something, and delays nobody.
    let mut slow = listening(&*one, &*other, &output).await;
    for number in 0..3 * MAX_WAITING {
        one.send(&output, format!("{number}").into_bytes());
        if number % 64 == 0 {
            one.send(&Topic::News, b"between".to_vec());
            while hear(&mut news).await != message("between") {}
        }
    }
    while hear(&mut slow).await != Heard::Missed {}

    other.close().await;
    while hear(&mut news).await != Heard::Closed {}
    other.send(&mail, b"closed".to_vec());
    let mut late = other.listen(&mail).await;
    while hear(&mut late).await != Heard::Closed {}
}

#[tokio::test]
async fn the_bus_of_one_process_keeps_its_promises() {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
    keeps_its_promises(Arc::clone(&bus), bus).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_over_nats_keeps_its_promises() {
    let Some(server) = NatsServer::start("") else { return };
    let (one, other) = (nats(&server, "a").await, nats(&server, "a").await);
    keeps_its_promises(one, other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_that_share_a_server_do_not_hear_each_other() {
    let Some(server) = NatsServer::start("") else { return };
    let (one, other) = (nats(&server, "a").await, nats(&server, "b").await);
    let mut here = listening(&*one, &*one, &Topic::News).await;
    let mut there = listening(&*other, &*other, &Topic::News).await;
    one.send(&Topic::News, b"of a".to_vec());
    assert_eq!(hear(&mut here).await, message("of a"));
    other.send(&Topic::News, b"of b".to_vec());
    assert_eq!(hear(&mut there).await, message("of b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_is_told_and_one_that_comes_back_is_used_again() {
    let Some(mut server) = NatsServer::start("") else { return };
    let (one, other) = (nats(&server, "a").await, nats(&server, "a").await);
    let mut listener = listening(&*one, &*other, &Topic::News).await;
    server.kill();
    eventually("the loss is known", || one.problem().is_some() && other.problem().is_some()).await;
    for _ in 0..100_000 {
        one.send(&Topic::News, b"lost".to_vec());
    }
    server.start_again();
    // Nothing that was sent meanwhile comes late.
    assert_eq!(hear(&mut listener).await, Heard::Missed);
    eventually("the bus is back", || one.problem().is_none() && other.problem().is_none()).await;
    one.send(&Topic::News, b"back".to_vec());
    assert_eq!(hear(&mut listener).await, message("back"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_whose_server_is_away_at_the_start_connects_when_it_comes() {
    let Some(mut server) = NatsServer::start("") else { return };
    server.kill();
    let address = BusAddress::parse(&server.url(), None, None).unwrap();
    let bus = NatsBus::open(address, "a").await.unwrap();
    assert!(bus.problem().is_some_and(|why| why.contains(&server.url())));
    let mut listener = bus.listen(&Topic::News).await;
    assert_eq!(hear(&mut listener).await, Heard::Missed);
    server.start_again();
    assert_eq!(hear(&mut listener).await, Heard::Missed);
    drop(listening(&bus, &bus, &Topic::News).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_shows_its_key_and_a_wrong_one_is_told() {
    let user = nkeys::KeyPair::new_user();
    let config = format!("authorization {{ users = [ {{ nkey: {} }} ] }}", user.public_key());
    let Some(server) = NatsServer::start(&config) else { return };
    let scratch = Scratch::new("nkey");
    let open = async |seed: Option<&str>| {
        let file = seed.map(|seed| scratch.write_secret("seed", seed));
        let address = BusAddress::parse(&server.url(), None, file.as_deref()).unwrap();
        NatsBus::open(address, "a").await.unwrap()
    };
    let known = open(Some(&format!("{}\n", user.seed().unwrap()))).await;
    eventually("the key is accepted", || known.problem().is_none()).await;
    let stranger = nkeys::KeyPair::new_user().seed().unwrap();
    for seed in [None, Some(&*stranger)] {
        let refused = open(seed).await;
        let told = || refused.problem().is_some_and(|why| why.contains("authorization"));
        eventually("the refusal is told", told).await;
    }
    let file = scratch.write_secret("seed", "hunter2");
    let told = BusAddress::parse(&server.url(), None, Some(&file)).unwrap_err().to_string();
    assert!(told.contains("nsc generate creds") && !told.contains("hunter2"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_over_tls_proves_its_name() {
    let pki = test_support::Pki::new();
    let scratch = Scratch::new("tls");
    let server = pki.sign(&["localhost"]);
    let certificate = scratch.write("server.pem", &server.certificate);
    let key = scratch.write_secret("server.key", &server.key);
    let config = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
    let Some(server) = NatsServer::start(&config) else { return };
    let url = format!("tls://localhost:{}", server.port());
    let open = async |ca: &std::path::Path| {
        let address = BusAddress::parse(&url, Some(ca), None).unwrap();
        NatsBus::open(address, "a").await.unwrap()
    };
    let ca = scratch.write("ca.pem", pki.ca());
    let bus = open(&ca).await;
    eventually("the server is trusted", || bus.problem().is_none()).await;
    let other = scratch.write("other.pem", test_support::Pki::new().ca());
    let refusing = open(&other).await;
    let told = || refusing.problem().is_some_and(|why| why.contains("certificate"));
    eventually("the distrust is told", told).await;
}
