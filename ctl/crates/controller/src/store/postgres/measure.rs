//! Measurements of the PostgreSQL store beside the SQLite one, on one machine: a server with the
//! settings of a real one (it syncs), over its Unix socket. They assert nothing about time, so they
//! are no tests: run `make bench-store`.

use super::{Address, PostgresStore};
use crate::store::conformance::Part;
use crate::store::conformance::hosts::{NOW, Newcomer, key, terms, token};
use crate::store::{
    Acknowledgement, Arrival, Bounds, ChannelProof, HostQuery, Hosts as _, LabelChange, NewChannel,
    Outcome, SqliteStore,
};
use agent_wire::message::EventKind;
use fleet::audit::{Event, Outcome as Ended};
use fleet::{LabelKey, LabelValue, Selector};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use test_support::{PostgresServer, Scratch};
use tokio::sync::mpsc::unbounded_channel;

/// Runs `work` for each number below `count`, `width` at a time; prints the rate.
async fn rate<F>(
    what: &str,
    count: u32,
    width: usize,
    work: impl Fn(u32) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send,
{
    let (next, begun) = (Arc::new(AtomicU32::new(0)), Instant::now());
    let running: Vec<_> = (0..width)
        .map(|_| {
            let (next, work) = (Arc::clone(&next), work.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    work(number).await;
                }
            })
        })
        .collect();
    for one in running {
        one.await.unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{what}, {width} in flight: {:.0}/s", f64::from(count) / took);
}

/// Delivers results of short commands from 1,000 hosts, and waits until all are acknowledged.
async fn results(name: &str, store: &impl Part, count: u32) {
    let (acknowledged, mut acknowledgements) = unbounded_channel();
    let begun = Instant::now();
    for number in 0..count {
        let acknowledged = acknowledged.clone();
        store
            .put(Arrival {
                host: format!("host-{:06}", number % 1000),
                kind: EventKind::Task,
                task: format!("task-{number}"),
                event: format!("{{\"id\":\"task-{number}\",\"data\":\"{}\"}}", "x".repeat(300)),
                acknowledgement: Acknowledgement::new(move |outcome| {
                    acknowledged.send(outcome).unwrap();
                }),
            })
            .await;
    }
    for _ in 0..count {
        assert_eq!(acknowledgements.recv().await, Some(Outcome::Stored));
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{name}: results of 300 bytes: {:.0}/s", f64::from(count) / took);
}

async fn hosts<S: Part + 'static>(name: &str, store: &Arc<S>, count: u32) {
    for number in 0..count.div_ceil(10_000) {
        let mut many = terms();
        many.max_uses = 10_000;
        store.create_token(token(number, many)).await.unwrap();
    }
    let to = Arc::clone(store);
    rate(&format!("{name}: enrollments"), count, 64, move |number| {
        let store = Arc::clone(&to);
        async move {
            let id = format!("host-{number:06}");
            let newcomer = Newcomer::by(number / 10_000, number).wanting(&id);
            newcomer.enroll(&*store).await.unwrap();
        }
    })
    .await;
    let to = Arc::clone(store);
    rate(&format!("{name}: channels opened"), count, 2048, move |number| {
        let store = Arc::clone(&to);
        async move {
            let channel = NewChannel {
                host: format!("host-{number:06}"),
                proof: ChannelProof::Own { key: key(number), not_before: NOW },
                address: "192.0.2.7:4711".parse().unwrap(),
                version: Some("0.2.0".to_owned()),
                boot: Some("boot-2".to_owned()),
                ca_version: Some(3),
                now: NOW,
            };
            store.connected(channel).await.unwrap().unwrap();
        }
    })
    .await;
    let to = Arc::clone(store);
    rate(&format!("{name}: audited actions, begun and ended"), 4000, 16, move |_| {
        let store = Arc::clone(&to);
        async move {
            let event = Event {
                actor: "anna".to_owned(),
                action: "hosts.labels".to_owned(),
                ..Event::default()
            };
            let begun = store.begin(event, NOW).await.unwrap();
            store.complete(begun, Ended::Succeeded, None, NOW).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn both_stores_side_by_side() {
    let Some(server) = PostgresServer::start(&["-cshared_buffers=512MB", "-cjit=off"]) else {
        return;
    };
    let (database, scratch) = (server.create(), Scratch::new("controller-store"));
    let keep = Duration::from_secs(400 * 24 * 3600);
    let bounds = Bounds { keep, keep_events: keep, ..Bounds::generous() };
    let address = Address::parse(database.url(), None).unwrap();
    let postgres = Arc::new(PostgresStore::open(address, bounds).await.unwrap());
    let sqlite = Arc::new(SqliteStore::open(scratch.path(), bounds).unwrap());
    for _ in 0..2 {
        results("SQLite", &*sqlite, 100_000).await;
        results("PostgreSQL", &*postgres, 100_000).await;
    }
    hosts("SQLite", &sqlite, 10_000).await;
    hosts("PostgreSQL", &postgres, 10_000).await;
    postgres.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn pages_of_100000_hosts() {
    let Some(server) = PostgresServer::start(&["-cshared_buffers=512MB", "-cfsync=off"]) else {
        return;
    };
    let database = server.create();
    let keep = Duration::from_secs(400 * 24 * 3600);
    let bounds = Bounds { keep, keep_events: keep, ..Bounds::generous() };
    let address = Address::parse(database.url(), None).unwrap();
    let store = Arc::new(PostgresStore::open(address, bounds).await.unwrap());
    hosts("PostgreSQL", &store, 100_000).await;
    let to = Arc::clone(&store);
    rate("labels set", 100_000, 64, move |number| {
        let store = Arc::clone(&to);
        async move {
            let label = |key: &str, value: String| {
                (LabelKey::new(key).unwrap(), LabelValue::new(&value).unwrap())
            };
            let set = [
                label("role", ["web", "db", "cache", "batch"][number as usize % 4].to_owned()),
                label("rack", format!("r{}", number % 500)),
                label("hostname", format!("node{number}.site{}.example", number % 20)),
            ];
            let change = LabelChange { set: set.into(), remove: Vec::new() };
            store.set_labels(&format!("host-{number:06}"), change).await.unwrap();
        }
    })
    .await;
    database.sql("ANALYZE");
    for (what, selector, search) in [
        ("no condition", None, None),
        ("a label that a quarter has", Some("role=db"), None),
        ("two labels", Some("role=db,rack=r17"), None),
        ("a label that all have, without one", Some("env=prod,!legacy"), None),
        ("not in", Some("role notin (web,db)"), None),
        ("a part of a name that few have", None, Some("node777")),
        ("a part of a name that many have", None, Some("site7")),
        ("a label and a part of a name", Some("role=web"), Some("site4")),
    ] {
        let mut times: Vec<Duration> = Vec::new();
        for place in 0..200_u32 {
            let query = HostQuery {
                selector: selector.map(|text| Selector::parse(text).unwrap()),
                search: search.map(str::to_owned),
                after: format!("host-{:06}", place * 500),
                limit: 100,
                ..HostQuery::default()
            };
            let begun = Instant::now();
            store.hosts(query).await.unwrap();
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        println!("{what}: median {:?}, p99 {:?}", times[100], times[197]);
    }
    store.close().await;
}
