//! Measurements of the PostgreSQL store beside the SQLite one, on one machine: a server with the
//! settings of a real one (it syncs), over its Unix socket. They assert nothing about time, so they
//! are no tests: run `make bench-store`.

use super::{Address, PostgresStore};
use crate::store::conformance::Part;
use crate::store::work::{audit, connect, enroll, rate};
use crate::store::{
    Acknowledgement, Arrival, Bounds, HostQuery, Hosts as _, LabelChange, Outcome, SqliteStore,
    Store as _,
};
use agent_wire::message::EventKind;
use fleet::{LabelKey, LabelValue, Selector};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::{PostgresServer, Scratch};
use tokio::sync::mpsc::unbounded_channel;

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
    enroll(name, store, count, 64).await;
    connect(name, store, count).await;
    audit(name, store, 16).await;
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
