//! Measurements of the PostgreSQL store beside the SQLite one, on one machine: a server with the
//! settings of a real one (it syncs), over its Unix socket. They assert nothing about time, so they
//! are no tests: run `make bench-store`.

mod history;

use super::{Address, PostgresStore, Seat};
use crate::store::work::{audit, connect, enroll, rate};
use crate::store::{
    Acknowledgement, Arrival, Bounds, EventQuery, Events as _, HostQuery, Hosts as _, LabelChange,
    Outcome, SqliteStore, Store,
};
use agent_wire::message::EventKind;
use fleet::{LabelKey, LabelValue, Selector};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::{PostgresDatabase, PostgresServer, Scratch};
use tokio::sync::mpsc::unbounded_channel;

/// A server with some memory whose data need not survive. Its statistics are made by the
/// measurement.
const BIG: &[&str] = &[
    "-cshared_buffers=512MB",
    "-cfsync=off",
    "-cfull_page_writes=off",
    "-cmax_wal_size=8GB",
    "-cmaintenance_work_mem=512MB",
    "-cautovacuum=off",
];

async fn open(database: &PostgresDatabase<'_>) -> Arc<PostgresStore> {
    let address = Address::parse(database.url(), None).unwrap();
    Arc::new(PostgresStore::open(address, Seat::Alone, Bounds::generous()).await.unwrap())
}

/// Delivers results of short commands from 1,000 hosts, and waits until all are acknowledged.
async fn results(name: &str, store: &impl Store, count: u32) {
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

async fn hosts<S: Store + 'static>(name: &str, store: &Arc<S>, count: u32) {
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
    let postgres = open(&database).await;
    let sqlite = Arc::new(SqliteStore::open(scratch.path(), Bounds::generous()).unwrap());
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
    let Some(server) = PostgresServer::start(BIG) else { return };
    let database = server.create();
    let store = open(&database).await;
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
    tokio::task::block_in_place(|| database.sql("VACUUM (ANALYZE)"));
    for (what, selector, search) in [
        ("no condition", None, None),
        ("a label that a quarter has", Some("role=db"), None),
        ("two labels", Some("role=db,rack=r17"), None),
        ("a label that all have, without one", Some("env=prod,!legacy"), None),
        ("not in", Some("role notin (web,db)"), None),
        ("a label that nobody has", Some("none=x"), None),
        ("a part of a name that few have", None, Some("node777")),
        ("a part of a name that many have", None, Some("site7")),
        ("a part of a name that nobody has", None, Some("nothing")),
        ("a label and a part of a name", Some("role=web"), Some("site4")),
    ] {
        let query = |place: u32| HostQuery {
            selector: selector.map(|text| Selector::parse(text).unwrap()),
            search: search.map(str::to_owned),
            after: format!("host-{:06}", place * 500),
            limit: 100,
            ..HostQuery::default()
        };
        spread(&format!("hosts: {what}"), async |place| {
            store.hosts(query(place)).await.unwrap();
        })
        .await;
        spread(&format!("their count: {what}"), async |_| {
            store.host_ids(HostQuery { limit: 10_001, ..query(0) }).await.unwrap();
        })
        .await;
    }
    spread("keys in use", async |_| drop(store.label_keys("", 50).await.unwrap())).await;
    spread("values in use", async |place| {
        store.label_values("rack", &format!("r{}", place % 10), 50).await.unwrap();
    })
    .await;
    spread("events of a host", async |place| {
        let host = Some(format!("host-{:06}", place * 500));
        store.events(EventQuery { host, limit: 100, ..EventQuery::default() }).await.unwrap();
    })
    .await;
    spread("events of all", async |_| {
        store.events(EventQuery { limit: 100, ..EventQuery::default() }).await.unwrap();
    })
    .await;
    store.close().await;
}

/// Runs `work` 200 times, at other places each time; prints how long it took.
async fn spread(what: &str, work: impl AsyncFn(u32)) {
    let mut took: Vec<Duration> = Vec::new();
    for place in 0..200 {
        let begun = Instant::now();
        work(place).await;
        took.push(begun.elapsed());
    }
    took.sort_unstable();
    println!("{what}: p50 {:.1?}, p99 {:.1?}, max {:.1?}", took[100], took[198], took[199]);
}
